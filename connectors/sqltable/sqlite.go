package sqltable

import (
	"database/sql/driver"
	"fmt"
	"net/url"
	"strings"
	"time"

	modernc "modernc.org/sqlite"
)

func sqlite() dialect {
	return dialect{
		name: "sqlite", quote: quoteWith(`"`, `"`), fold: same,
		bind:  func(column, int) string { return "?" },
		limit: suffixLimit, as: " AS ", undecoded: rawText, tuples: true,
		setup: func(time.Duration) []string { return nil }, // the watch over each statement interrupts it
		clock: `SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')`,
		class: func(t string) class {
			switch {
			case strings.Contains(t, "INT"):
				return integer
			case strings.Contains(t, "BLOB"):
				return binary
			}
			return plain
		},
		// The unary plus hides the declared type, which the driver would take as an order to parse times.
		project: func(e, _ string, _ bool) string { return "+" + e },
		text:    func(e string) string { return "+" + e },
		zoned:   "2006-01-02 15:04:05.999999", naive: "2006-01-02 15:04:05.999999",
		connect: func(a address) (driver.Connector, error) {
			u := url.URL{Scheme: "file", Path: a.path}
			q := url.Values{"mode": {"ro"}, "_pragma": {"query_only(1)", fmt.Sprintf("busy_timeout(%d)", a.connectTimeout.Milliseconds())}}
			return dsnConnector{&modernc.Driver{}, u.String() + "?" + q.Encode()}, nil
		},
		fetch:    fetchSQL,
		notNull:  `SELECT name FROM pragma_table_info(?2, COALESCE(NULLIF(?1, ''), 'main')) WHERE "notnull" = 1`,
		discover: `SELECT m.name, c.name, c.type, -1 FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid`,
	}
}
