package dbtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Postgres starts a PostgreSQL server and returns its connection string.
func Postgres(tb testing.TB) string {
	tb.Helper()
	return StartPostgres(tb).DSN()
}

// StartPostgres starts a PostgreSQL server with an empty UTF-8 database, password log-in and no TLS. settings are
// name, value pairs of server settings.
func StartPostgres(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	initdb := find(tb, "initdb", "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/bin")
	postgres := find(tb, "postgres", "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/bin")
	as := account(tb, "postgres")
	dir := workDir(tb, "onegrid-postgres-*", as)
	s := &Server{Host: "127.0.0.1", Port: freePort(tb), User: "onegrid", Password: "throw-away-4711", Database: "postgres",
		scheme: "postgres", dir: dir, ready: "database system is ready to accept connections", stop: syscall.SIGINT}
	pw := filepath.Join(dir, "pw")
	if err := os.WriteFile(pw, []byte(s.Password), 0o644); err != nil {
		tb.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	setUp(tb, as, dir, initdb, "-D", data, "-U", s.User, "-A", "scram-sha-256", "--pwfile", pw, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	args := []string{"-D", data, "-p", strconv.Itoa(s.Port), "-h", s.Host, "-k", "", "-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "shared_buffers=64MB", "-c", "max_connections=30", "-c", "logging_collector=off",
		"-c", "autovacuum=off", "-c", "max_wal_size=2GB"}
	for i := 0; i+1 < len(settings); i += 2 {
		args = append(args, "-c", settings[i]+"="+settings[i+1])
	}
	s.start = func() (*exec.Cmd, error) { return command(context.Background(), as, dir, postgres, args...), nil }
	if err := s.run(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.end(s.stop) })
	return s
}
