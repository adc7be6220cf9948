package sqltable

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"strconv"
	"strings"
	"time"
)

// dialect is everything that differs between databases. Each database is one value of it; nothing else in the package
// asks which database it talks to, except the reading of driver errors.
type dialect struct {
	name  string
	port  int
	quote func(string) string
	fold  func(string) string // what an unquoted identifier becomes

	// bind returns the n-th parameter as an expression of the column's own type.
	bind func(c column, n int) string
	// limit cuts an ordered statement, or a SELECT when sql has no order, to n rows.
	limit func(sql string, n int) string
	// as stands between a table and its alias.
	as string
	// tuples says that (a, b) > (x, y) is understood and uses an index on (a, b).
	tuples bool
	// readOnly are the options of a reading's transaction; setup runs inside it and sets the statement timeout.
	readOnly sql.TxOptions
	setup    func(timeout time.Duration) []string
	// clock selects the database's time as RFC 3339 text in UTC.
	clock string

	class   func(dbType string) class
	project func(expr, dbType string, charset bool) string // how a column is selected
	text    func(expr string) string                       // cast to text, for columns that differ between tables
	zoned   string                                         // layout of an instant on the wire
	naive   string                                         // layout of a local time on the wire
	// utf8 says that the server guarantees valid UTF-8, so that nothing is checked twice. encoding, where set, asks for
	// the encoding of the database: with SQL_ASCII nothing is guaranteed.
	utf8     bool
	encoding string
	// undecoded is the class of text that project selects as bytes.
	undecoded class

	connect func(a address) (driver.Connector, error)
	fetch   func(ctx context.Context, c *sql.Conn, tx *sql.Tx, q string, args []value, cols []column, row func([][]byte, []byte) error) error

	notNull  string // columns of a table that are never null: parameters schema, table
	discover string // table, column, type, row estimate
	canWrite string // whether the account may write a table: parameter quoted name; empty where it cannot be asked
	note     func(ctx context.Context, c *sql.Conn, tables int) (string, error)
}

// address is where and how to log in, with secrets resolved.
type address struct {
	host, database, user, password string
	port                           int
	tls                            *tls.Config // nil: not encrypted
	params                         map[string]string
	path                           string // SQLite
	connectTimeout, readTimeout    time.Duration
}

// dialectFor returns the dialect of a driver name.
func dialectFor(name string) (dialect, bool) {
	switch name {
	case "postgres":
		return postgres(), true
	case "mysql":
		return mySQL(), true
	case "sqlite":
		return sqlite(), true
	case "sqlserver":
		return sqlServer(), true
	case "oracle":
		return oracle(), true
	}
	return dialect{}, false
}

// class is what a value of a column is on the wire, as far as its canonical text differs from it.
type class uint8

const (
	plain   class = iota // text and numbers: the wire is canonical
	boolean              // t or f
	zoned                // an instant
	naive                // a local time
	date
	clockTime
	integer
	decimal
	binary  // bytes: text where a charset is declared, hex otherwise
	hexed   // bytes that the server writes as \x hex
	rawText // text read as bytes, to be decoded with the stream's charset
	hexText // the same, written as \\x hex
	guid    // 16 bytes in the mixed order of SQL Server
)

// column is one column of a stream.
type column struct {
	name   string
	dbType string
	class  class
	exprs  []string // its expression in each table; all of them select the same type
	never  bool     // never null in any table
}

// value is a cursor value with the storage class that it has on the wire: 's' text, 'i' integer, 'f' float, 'b' bytes.
// Keeping the class matters in SQLite, where 5 and '5' are different values.
type value struct {
	tag byte
	b   []byte
}

func text(s string) value { return value{'s', []byte(s)} }

// arg is the value as database/sql takes it.
func (v value) arg() any {
	switch v.tag {
	case 'i':
		if n, err := strconv.ParseInt(string(v.b), 10, 64); err == nil {
			return n
		}
		if n, err := strconv.ParseUint(string(v.b), 10, 64); err == nil {
			return n
		}
	case 'f':
		if f, err := strconv.ParseFloat(string(v.b), 64); err == nil {
			return f
		}
	case 'b':
		return v.b
	case 0:
		return nil
	}
	return string(v.b)
}

func same(s string) string { return s }

func numbered(prefix string) func(column, int) string {
	return func(_ column, n int) string { return prefix + strconv.Itoa(n) }
}

func suffixLimit(q string, n int) string { return q + " LIMIT " + strconv.Itoa(n) }

func hasAny(s string, subs ...string) bool {
	for _, x := range subs {
		if strings.Contains(s, x) {
			return true
		}
	}
	return false
}
