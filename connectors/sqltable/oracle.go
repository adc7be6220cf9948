package sqltable

import (
	"database/sql/driver"
	"strconv"
	"strings"
	"time"

	goora "github.com/sijms/go-ora/v2"
)

func oracle() dialect {
	return dialect{
		name: "oracle", port: 1521, quote: quoteWith(`"`, `"`), fold: strings.ToUpper,
		bind: func(c column, n int) string {
			p := ":" + strconv.Itoa(n)
			switch {
			case c.dbType == "DATE": // a TIMESTAMP on the other side would switch off the index on a DATE
				return "TO_DATE(SUBSTR(" + p + ", 1, 19), 'YYYY-MM-DD HH24:MI:SS')"
			case c.class == zoned:
				return "TO_TIMESTAMP_TZ(" + p + `, 'YYYY-MM-DD"T"HH24:MI:SS.FF9TZH:TZM')`
			case c.class == naive:
				return "TO_TIMESTAMP(" + p + ", 'YYYY-MM-DD HH24:MI:SS.FF9')"
			case c.class == decimal:
				return "TO_NUMBER(" + p + ")"
			}
			return p
		},
		// ROWNUM rather than FETCH FIRST: 11g is still common.
		limit: func(q string, n int) string { return "SELECT * FROM (" + q + ") WHERE ROWNUM <= " + strconv.Itoa(n) },
		as:    " ", undecoded: rawText,
		// A read-only transaction is one snapshot. NLS settings decide how numbers and order come out.
		setup: func(time.Duration) []string {
			return []string{"SET TRANSACTION READ ONLY", "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'",
				"ALTER SESSION SET NLS_SORT = BINARY", "ALTER SESSION SET NLS_COMP = BINARY"}
		},
		clock: `SELECT TO_CHAR(SYS_EXTRACT_UTC(SYSTIMESTAMP), 'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"') FROM DUAL`,
		class: func(t string) class {
			t = strings.ToUpper(t)
			switch {
			case hasAny(t, "TIMESTAMPTZ", "TIMESTAMP WITH", "TIMESTAMPLTZ"):
				return zoned
			case hasAny(t, "TIMESTAMP", "DATE"):
				return naive
			case hasAny(t, "NUMBER", "FLOAT"):
				return decimal
			case hasAny(t, "RAW", "BLOB", "BFILE"):
				return binary
			}
			return plain
		},
		project: func(e, t string, charset bool) string {
			t = strings.ToUpper(t)
			switch {
			case strings.Contains(t, "NUMBER"): // exact, whatever the driver makes of numbers
				return "TO_CHAR(" + e + ", 'TM9')"
			case charset && (hasAny(t, "VARCHAR", "CHAR")) && !strings.HasPrefix(t, "N"):
				return "UTL_RAW.CAST_TO_RAW(" + e + ")"
			}
			return e
		},
		text:  func(e string) string { return "TO_CHAR(" + e + ")" },
		zoned: "2006-01-02T15:04:05.999999999-07:00", naive: "2006-01-02 15:04:05.999999999",
		utf8: false,
		connect: func(a address) (driver.Connector, error) {
			opts := map[string]string{"CONNECTION TIMEOUT": strconv.Itoa(int(a.connectTimeout.Seconds()) + 1), "TIMEOUT": strconv.Itoa(int(a.readTimeout.Seconds()) + 1)}
			for k, v := range a.params {
				opts[k] = v
			}
			if a.tls != nil {
				opts["SSL"] = "true"
			}
			c := goora.NewConnector(goora.BuildUrl(a.host, a.port, a.database, a.user, a.password, opts))
			if oc, ok := c.(*goora.OracleConnector); ok && a.tls != nil {
				oc.WithTLSConfig(a.tls)
			}
			return c, nil
		},
		fetch:   fetchSQL,
		notNull: `SELECT COLUMN_NAME FROM ALL_TAB_COLUMNS WHERE NULLABLE = 'N' AND OWNER = COALESCE(:1, SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')) AND TABLE_NAME = :2`,
		discover: `SELECT CASE WHEN c.OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') THEN c.TABLE_NAME ELSE c.OWNER || '.' || c.TABLE_NAME END, c.COLUMN_NAME, c.DATA_TYPE,
			COALESCE(t.NUM_ROWS, -1) FROM ALL_TAB_COLUMNS c LEFT JOIN ALL_TABLES t ON t.OWNER = c.OWNER AND t.TABLE_NAME = c.TABLE_NAME
			WHERE c.OWNER NOT IN ('SYS', 'SYSTEM', 'XDB', 'MDSYS', 'CTXSYS', 'OUTLN', 'DBSNMP', 'WMSYS', 'ORDSYS') ORDER BY 1, c.COLUMN_ID`,
	}
}
