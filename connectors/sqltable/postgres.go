package sqltable

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

func postgres() dialect {
	return dialect{
		name: "postgres", port: 5432, quote: quoteWith(`"`, `"`), fold: strings.ToLower,
		bind: numbered("$"), limit: suffixLimit, as: " AS ", tuples: true, undecoded: hexText, encoding: "SHOW server_encoding",
		readOnly: sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		// SET LOCAL ends with the transaction, so that a pooler in front of the server is not left with our settings.
		setup: func(t time.Duration) []string {
			return []string{fmt.Sprintf("SET LOCAL statement_timeout = %d; SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'; "+
				"SET LOCAL intervalstyle = 'iso_8601'; SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1", t.Milliseconds())}
		},
		clock: `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
		class: func(t string) class {
			switch t {
			case "TIMESTAMPTZ":
				return zoned
			case "TIMESTAMP":
				return naive
			case "DATE":
				return date
			case "BOOL":
				return boolean
			case "BYTEA":
				return hexed
			case "INT2", "INT4", "INT8":
				return integer
			case "NUMERIC":
				return decimal
			}
			return plain
		},
		project: func(expr, t string, charset bool) string {
			if charset && (t == "TEXT" || t == "VARCHAR" || t == "BPCHAR") { // the bytes as they are stored
				return "convert_to(" + expr + ", getdatabaseencoding())"
			}
			if strings.HasPrefix(t, "_") || t == "RECORD" { // an array: its own text form is not JSON
				return "to_json(" + expr + ")::text"
			}
			return expr
		},
		text:  func(e string) string { return "CAST(" + e + " AS text)" },
		zoned: "2006-01-02 15:04:05.999999-07", naive: "2006-01-02 15:04:05.999999",
		utf8:    true,
		connect: connectPostgres,
		fetch:   fetchPostgres,
		notNull: `SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE a.attnotnull AND a.attnum > 0 AND c.relname = $2 AND ($1 = '' AND pg_table_is_visible(c.oid) OR n.nspname = $1)`,
		discover: `SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END, a.attname,
			format_type(a.atttypid, a.atttypmod), c.reltuples::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
			AND n.nspname NOT LIKE 'pg_toast%' AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1, a.attnum`,
		canWrite: `SELECT has_table_privilege($1, 'INSERT, UPDATE, DELETE')`,
	}
}

func connectPostgres(a address) (driver.Connector, error) {
	// Every setting that libpq would take from PG* variables or a password file is given, so that the connection is
	// the one in the configuration (invariant 10).
	cfg, err := pgx.ParseConfig("host=127.0.0.1 port=5432 user=x password=x dbname=x sslmode=disable passfile=/dev/null target_session_attrs=any connect_timeout=10")
	if err != nil {
		return nil, err
	}
	cfg.Host, cfg.Port, cfg.Database, cfg.User, cfg.Password = a.host, uint16(a.port), a.database, a.user, a.password
	cfg.TLSConfig, cfg.Fallbacks, cfg.ConnectTimeout = a.tls, nil, a.connectTimeout
	cfg.RuntimeParams = map[string]string{"application_name": "onegrid", "client_encoding": "UTF8"}
	maps.Copy(cfg.RuntimeParams, a.params)
	// No prepared statements that would outlive a transaction: poolers hand the session to somebody else.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	return stdlib.GetConnector(*cfg), nil
}

// fetchPostgres hands out the text of the wire without a copy: the cells lie in the read buffer and are valid until row
// returns.
func fetchPostgres(ctx context.Context, c *sql.Conn, _ *sql.Tx, q string, args []value, _ []column, row func([][]byte, []byte) error) error {
	return c.Raw(func(dc any) error {
		pc := dc.(*stdlib.Conn).Conn().PgConn()
		params := make([][]byte, len(args))
		for i, a := range args {
			params[i] = a.b
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		rr := pc.ExecParams(ctx, q, params, nil, nil, nil)
		for rr.NextRow() {
			if err := row(rr.Values(), nil); err != nil {
				cancel() // the rest of the statement is not read to its end: the connection goes
				_, _ = rr.Close()
				return err
			}
		}
		_, err := rr.Close()
		return err
	})
}
