package dbtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// MariaDB starts a MariaDB server and returns its connection string in the form of go-sql-driver/mysql.
func MariaDB(tb testing.TB) string {
	tb.Helper()
	return StartMariaDB(tb).DSN()
}

// StartMariaDB starts a MariaDB server with an empty utf8mb4 database, password log-in and no TLS.
func StartMariaDB(tb testing.TB) *Server {
	tb.Helper()
	install := find(tb, "mariadb-install-db")
	mariadbd := find(tb, "mariadbd")
	as := account(tb, "mysql")
	dir := workDir(tb, "onegrid-mariadb-*", as)
	s := &Server{Host: "127.0.0.1", Port: freePort(tb), User: "onegrid", Password: "throw-away-4711", Database: "onegrid",
		scheme: "mysql", dir: dir, ready: "ready for connections", stop: syscall.SIGTERM}
	boot := filepath.Join(dir, "init.sql")
	sql := fmt.Sprintf("CREATE DATABASE IF NOT EXISTS %s CHARACTER SET utf8mb4;\nCREATE USER IF NOT EXISTS '%s'@'%%' IDENTIFIED BY '%s';\n"+
		"GRANT ALL ON *.* TO '%s'@'%%';\n", s.Database, s.User, s.Password, s.User)
	if err := os.WriteFile(boot, []byte(sql), 0o644); err != nil {
		tb.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	setUp(tb, as, dir, install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	args := []string{"--no-defaults", "--datadir=" + data, "--bind-address=" + s.Host, "--port=" + strconv.Itoa(s.Port),
		"--socket=" + filepath.Join(dir, "s.sock"), "--pid-file=" + filepath.Join(dir, "pid"), "--init-file=" + boot,
		"--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M", "--skip-name-resolve", "--character-set-server=utf8mb4",
		"--skip-log-bin"}
	s.start = func() (*exec.Cmd, error) { return command(context.Background(), as, dir, mariadbd, args...), nil }
	if err := s.run(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.end(s.stop) })
	return s
}
