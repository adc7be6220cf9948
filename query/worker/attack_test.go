package worker_test

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onegrid/query"
	"onegrid/query/worker"
)

// attacks reads the statements of testdata/attacks.txt with their places filled in.
func attacks(t *testing.T, places ...string) []string {
	t.Helper()
	f, err := os.Open("testdata/attacks.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	fill := strings.NewReplacer(places...)
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := s.Text(); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, fill.Replace(line))
		}
	}
	if len(out) < 150 {
		t.Fatalf("only %d attacks", len(out))
	}
	return out
}

// With the gate off, the lock-down and the sandbox must hold by themselves: no file changes or appears, no setting stays,
// and whoever comes next gets the right answer.
func TestAttacksWithoutTheGate(t *testing.T) {
	for _, mode := range []struct {
		name string
		raw  bool
	}{{"wrapped", false}, {"raw", true}} {
		t.Run(mode.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			cfg := config()
			cfg.Workers, cfg.NoSpare, cfg.Statements = 1, true, 1<<30
			p := open(t, cfg, func(p *worker.Pool) { p.Ungated(mode.raw) })
			snap := publish(t, 1, setup()...)
			use(t, p, snap)
			// What a statement of another person sees: data, a shadowable function, a setting of each kind.
			victim := func() string {
				return strings.Join(must(t, p, `SELECT (SELECT count(*) FROM event), lower('ABC'), current_setting('TimeZone'), current_setting('threads'),
					current_setting('memory_limit'), current_setting('search_path'), getvariable('v') IS NULL, (SELECT count(*) FROM duckdb_tables() WHERE temporary),
					(SELECT count(*) FROM duckdb_views() WHERE temporary), (SELECT count(*) FROM duckdb_prepared_statements()), (SELECT min(event_id) FROM event)`), "\n")
			}
			before := victim()
			if !strings.HasPrefix(before, "20000|abc|Asia/Shanghai|2|") {
				t.Fatal(before)
			}
			parent := files(t, filepath.Dir(snap.Path))
			allowed, died := 0, 0
			for _, sql := range attacks(t, "{db}", "/proc/self/fd/4", "{path}", snap.Path, "{out}", filepath.Join(dir, "planted"), "{dir}", dir) {
				_, _, err := run(t, p, ask(sql))
				if err == nil {
					allowed++
				}
				if c := code(t, err); c == query.Internal || c == query.OutOfMemory {
					died++
					t.Logf("%s: %v", sql, err)
				}
				if after := victim(); after != before {
					t.Errorf("%s: the next statement sees %s", sql, after)
				}
				if got := files(t, dir); len(got) != 0 {
					t.Fatalf("%s: planted %v", sql, got)
				}
				if !slices.Equal(parent, files(t, filepath.Dir(snap.Path))) {
					t.Fatalf("%s: the snapshot's folder changed", sql)
				}
				if fileHash(t, snap.Path) != snap.Generation.SHA256 {
					t.Fatalf("%s: the snapshot changed", sql)
				}
			}
			t.Logf("%d were answered, %d ended their worker", allowed, died)
		})
	}
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
