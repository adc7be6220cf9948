package pgwire_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// python is an interpreter that has psycopg2 and SQLAlchemy: the one of ONEGRID_PYTHON, or python3.
func python(t *testing.T) string {
	t.Helper()
	name := os.Getenv("ONEGRID_PYTHON")
	if name == "" {
		name = "python3"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is absent: install Python to run this test", name)
	}
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	if out, err := exec.CommandContext(ctx, path, "-c", "import psycopg2, sqlalchemy").CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Skipf("%s: python -m pip install psycopg2-binary SQLAlchemy, and name the interpreter in ONEGRID_PYTHON", lines[len(lines)-1])
	}
	return path
}

// psycopg2 and SQLAlchemy, which Superset stands on: values, parameters, reflection. testdata/reflect.py says what it expects.
func TestPython(t *testing.T) {
	path := python(t)
	r := open(t)
	ctx, end := context.WithTimeout(t.Context(), 2*time.Minute)
	defer end()
	cmd := exec.CommandContext(ctx, path, filepath.Join("testdata", "reflect.py"), r.host, r.port, user, password, r.roots)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || !strings.HasSuffix(out.String(), "DONE\n") {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "FAIL") {
			t.Error(line)
		}
	}
}
