package engine

import (
	"errors"
	"fmt"
	"strings"
)

// check is a statement that the locked engine must refuse, and the words by which it is known that the lock refused it
// and not a missing file or a slip in the statement.
type check struct{ sql, refusal string }

func (e *Engine) checks() []check {
	path := strings.ReplaceAll(e.path, "'", "''")
	const (
		files  = "has been disabled by configuration"
		locked = "the configuration has been locked"
		read   = "read-only mode"
	)
	return []check{
		// This file exists and the process can read it: only the engine stands before it.
		{"SELECT size FROM read_blob('" + path + "')", files},
		{"SELECT size FROM read_text('" + path + "')", files},
		{"SELECT * FROM read_csv('" + path + "')", files},
		{"SELECT * FROM glob('/*')", files},
		{"COPY (SELECT 1) TO '" + path + "' (FORMAT csv, USE_TMP_FILE false)", files},
		{"COPY (SELECT 1) TO '/tmp/onegrid-self-test.csv' (FORMAT csv)", files},
		{"ATTACH '" + path + ".other' AS other", files},
		{"SET threads=1", locked},
		{"SET memory_limit='8GB'", locked},
		{"SET disabled_filesystems=''", locked},
		{"SET enable_external_access=true", locked},
		{"RESET lock_configuration", locked},
		{"CREATE TABLE self_test (i INTEGER)", read},
		{"CREATE OR REPLACE VIEW self_test AS SELECT 1", read},
		{"INSTALL httpfs", "disabled"},
		{"LOAD httpfs", "disabled"},
	}
}

// SelfTest tries what must fail, and reports how many attempts were refused for the right reason. The error wraps
// ErrSelfTest and names the first that was not.
func (e *Engine) SelfTest() (int, error) {
	checks := e.checks()
	for _, k := range checks {
		c, err := e.connect()
		if err != nil {
			return 0, err
		}
		err = c.exec(k.sql)
		c.close()
		var refused *Failure
		switch {
		case err == nil:
			return 0, fmt.Errorf("%w: %s", ErrSelfTest, k.sql)
		case !errors.As(err, &refused) || !strings.Contains(refused.Text, k.refusal):
			return 0, fmt.Errorf("%w: %s failed for another reason than the lock: %s", ErrSelfTest, k.sql, firstLine(refused.Text))
		}
	}
	return len(checks), nil
}

// firstLine of a message about a statement of ours: there is nothing of a row in it.
func firstLine(s string) string {
	l, _, _ := strings.Cut(s, "\n")
	return l
}
