package sqltable

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

func mySQL() dialect {
	return dialect{
		name: "mysql", port: 3306, quote: quoteWith("`", "`"), fold: same,
		bind: func(c column, _ int) string {
			if c.class == decimal { // a bare text parameter would be compared as a double
				return "CAST(? AS DECIMAL(65,30))"
			}
			return "?"
		},
		limit: suffixLimit, as: " AS ", undecoded: rawText,
		readOnly: sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		// The executable comments name the statement timeout of MariaDB and that of MySQL.
		setup: func(t time.Duration) []string {
			return []string{fmt.Sprintf("SET SESSION time_zone = '+00:00' /*M!100101 , SESSION max_statement_time = %.3f */ /*!50708 , SESSION max_execution_time = %d */",
				t.Seconds(), t.Milliseconds())}
		},
		clock: `SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ')`,
		class: func(t string) class {
			switch {
			case t == "TIMESTAMP": // an instant; the session's zone is UTC
				return zoned
			case t == "DATETIME":
				return naive
			case t == "DATE":
				return date
			case t == "DECIMAL":
				return decimal
			case strings.HasSuffix(t, "INT"):
				return integer
			case hasAny(t, "BLOB", "BINARY", "BIT", "GEOMETRY"):
				return binary
			}
			return plain
		},
		project: func(e, t string, charset bool) string {
			if t == "GEOMETRY" {
				return "ST_AsText(" + e + ")"
			}
			// The server would convert latin1 to UTF-8 and so spoil GBK bytes.
			if charset && hasAny(t, "CHAR", "TEXT", "ENUM") {
				return "CAST(" + e + " AS BINARY)"
			}
			return e
		},
		text:  func(e string) string { return "CAST(" + e + " AS CHAR)" },
		zoned: "2006-01-02 15:04:05.999999", naive: "2006-01-02 15:04:05.999999",
		connect: func(a address) (driver.Connector, error) {
			cfg := mysql.NewConfig()
			cfg.Net, cfg.Addr = "tcp", net.JoinHostPort(a.host, strconv.Itoa(a.port))
			cfg.DBName, cfg.User, cfg.Passwd = a.database, a.user, a.password
			cfg.TLS, cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout = a.tls, a.connectTimeout, a.readTimeout, a.readTimeout
			cfg.Logger = silent{}
			cfg.Params = maps.Clone(a.params)
			return mysql.NewConnector(cfg)
		},
		fetch: fetchSQL,
		notNull: `SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE IS_NULLABLE = 'NO' AND TABLE_SCHEMA = COALESCE(NULLIF(?, ''), DATABASE())
			AND TABLE_NAME = ?`,
		discover: `SELECT CASE WHEN c.TABLE_SCHEMA = DATABASE() THEN c.TABLE_NAME ELSE CONCAT(c.TABLE_SCHEMA, '.', c.TABLE_NAME) END, c.COLUMN_NAME,
			c.COLUMN_TYPE, COALESCE(t.TABLE_ROWS, -1) FROM information_schema.COLUMNS c JOIN information_schema.TABLES t
			ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
			WHERE c.TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') ORDER BY 1, c.ORDINAL_POSITION`,
	}
}

// silent keeps the driver from writing to the process's standard error.
type silent struct{}

func (silent) Print(...any) {}
