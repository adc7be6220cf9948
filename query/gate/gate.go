package gate

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/duckdb/duckdb-go/v2"
)

// Limits of a text, checked before and while the syntax tree is read.
const (
	MaxText  = 64 << 10 // bytes
	MaxNodes = 20_000   // objects of the syntax tree
	MaxDepth = 400      // nested objects
)

// Gate holds an engine instance of its own: in memory, empty, locked. It is safe for concurrent use; checks run one at a
// time.
type Gate struct {
	mu        sync.Mutex
	connector *duckdb.Connector
	conn      driver.Conn
	stmt      driver.Stmt
	version   string
}

// lockDown is executed in this order: the file system is taken away after external access, and nothing can be set after
// the last line (docs/invariants.md, invariant 10: nothing is loaded or fetched).
func lockDown() []string {
	return []string{
		"SET temp_directory=''",
		"SET threads=1",
		"SET memory_limit='256MB'",
		"SET autoinstall_known_extensions=false",
		"SET autoload_known_extensions=false",
		"SET allow_community_extensions=false",
		"SET enable_external_file_cache=false",
		"SET enable_external_access=false",
		"SET disabled_filesystems='LocalFileSystem'",
		"SET lock_configuration=true",
	}
}

// Open starts the instance. It returns ErrEngine when the linked engine is not one whose functions were reviewed.
func Open(ctx context.Context) (*Gate, error) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, fmt.Errorf("opening the gate's engine: %w", err)
	}
	g := &Gate{connector: connector}
	if err := g.start(ctx); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

func (g *Gate) start(ctx context.Context) error {
	conn, err := g.connector.Connect(ctx)
	if err != nil {
		return fmt.Errorf("opening the gate's engine: %w", err)
	}
	g.conn = conn
	for _, q := range lockDown() {
		if _, err := conn.(driver.ExecerContext).ExecContext(ctx, q, nil); err != nil {
			return fmt.Errorf("locking the gate's engine: %w", err)
		}
	}
	// Prepare takes one statement only and executes nothing; the text of the user is bound, never spliced.
	if g.stmt, err = conn.Prepare("SELECT json_serialize_sql(?::VARCHAR)::VARCHAR"); err != nil {
		return fmt.Errorf("preparing the gate's engine: %w", err)
	}
	return nil
}

// Close ends the instance.
func (g *Gate) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var err error
	for _, c := range []io.Closer{g.stmt, g.conn} {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	g.stmt, g.conn = nil, nil
	if g.connector != nil {
		err = errors.Join(err, g.connector.Close())
		g.connector = nil
	}
	return err
}

// Check decides on one text. A denial is a Verdict, not an error; an error means that nothing was decided, and the text
// must not be executed.
func (g *Gate) Check(ctx context.Context, text string, published Catalog) (Verdict, error) {
	return Verdict{Rule: RuleInternal}, errors.New("not decided")
}
