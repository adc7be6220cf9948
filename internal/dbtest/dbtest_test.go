package dbtest

import (
	"net"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestPostgresStartsDiesAndComesBack(t *testing.T) {
	s := StartPostgres(t)
	c, err := pgconn.Connect(t.Context(), s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	c.Close(t.Context())
	s.Kill()
	if _, err := pgconn.Connect(t.Context(), s.DSN()); err == nil {
		t.Fatal("a killed server still answers")
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	c, err = pgconn.Connect(t.Context(), s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	c.Close(t.Context())
}

func TestMariaDBListensOnLoopback(t *testing.T) {
	s := StartMariaDB(t)
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
