package sqltable

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strconv"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
)

func sqlServer() dialect {
	return dialect{
		name: "sqlserver", port: 1433, quote: quoteWith("[", "]"), fold: same,
		// Style 121 is read the same under every language and DATEFORMAT setting.
		bind: func(c column, n int) string {
			p := "@p" + strconv.Itoa(n)
			switch c.dbType {
			case "DATETIME2", "DATE":
				return "CONVERT(" + c.dbType + ", " + p + ", 121)"
			case "DATETIME", "SMALLDATETIME": // they refuse text with more than three decimals
				return "CAST(CONVERT(DATETIME2, " + p + ", 121) AS " + c.dbType + ")"
			case "DATETIMEOFFSET":
				return "CAST(" + p + " AS DATETIMEOFFSET)"
			case "DECIMAL", "NUMERIC", "MONEY", "SMALLMONEY":
				return "CAST(" + p + " AS DECIMAL(38,10))"
			case "VARCHAR", "CHAR": // nvarchar would turn the index seek into a scan
				return "CAST(" + p + " AS VARCHAR(8000))"
			case "UNIQUEIDENTIFIER":
				return "CAST(" + p + " AS UNIQUEIDENTIFIER)"
			}
			return p
		},
		limit: func(q string, n int) string {
			return q + " OFFSET 0 ROWS FETCH NEXT " + strconv.Itoa(n) + " ROWS ONLY"
		},
		as: " AS ", undecoded: rawText,
		setup: func(t time.Duration) []string {
			return []string{fmt.Sprintf("SET LOCK_TIMEOUT %d", t.Milliseconds())} // the statement itself is watched by the client
		},
		clock: `SELECT CONVERT(varchar(33), SYSUTCDATETIME(), 126) + 'Z'`,
		class: func(t string) class {
			switch t {
			case "DATETIMEOFFSET":
				return zoned
			case "DATETIME", "SMALLDATETIME", "DATETIME2":
				return naive
			case "DATE":
				return date
			case "TIME":
				return clockTime
			case "TINYINT", "SMALLINT", "INT", "BIGINT":
				return integer
			case "DECIMAL", "NUMERIC", "MONEY", "SMALLMONEY":
				return decimal
			case "BINARY", "VARBINARY", "IMAGE", "TIMESTAMP":
				return binary
			case "UNIQUEIDENTIFIER":
				return guid
			}
			return plain
		},
		project: func(e, t string, charset bool) string {
			switch {
			case charset && (t == "VARCHAR" || t == "CHAR" || t == "TEXT"):
				return "CAST(" + e + " AS varbinary(max))"
			case t == "GEOGRAPHY" || t == "GEOMETRY" || t == "HIERARCHYID":
				return e + ".ToString()"
			}
			return e
		},
		text:  func(e string) string { return "CAST(" + e + " AS nvarchar(max))" },
		zoned: time.RFC3339Nano, naive: "2006-01-02 15:04:05.9999999",
		utf8: true,
		connect: func(a address) (driver.Connector, error) {
			cfg := msdsn.Config{Host: a.host, Port: uint64(a.port), Database: a.database, User: a.user, Password: a.password,
				Encryption: msdsn.EncryptionDisabled, ReadOnlyIntent: true, AppName: "onegrid", DialTimeout: a.connectTimeout,
				ConnTimeout: a.readTimeout, PacketSize: 16384, Protocols: []string{"tcp"}, Parameters: a.params, KeepAlive: 30 * time.Second}
			if a.tls != nil {
				cfg.Encryption, cfg.TLSConfig = msdsn.EncryptionRequired, a.tls
				if a.tls.MinVersion == 0 {
					cfg.TLSConfig.MinVersion = tls.VersionTLS12
				}
			}
			return mssql.NewConnectorConfig(cfg), nil
		},
		fetch: fetchSQL,
		notNull: `SELECT c.name FROM sys.columns c WHERE c.is_nullable = 0
			AND c.object_id = OBJECT_ID(CASE WHEN @p1 = '' THEN QUOTENAME(@p2) ELSE QUOTENAME(@p1) + '.' + QUOTENAME(@p2) END)`,
		discover: `SELECT s.name + '.' + o.name, c.name, t.name, COALESCE((SELECT SUM(p.rows) FROM sys.partitions p WHERE p.object_id = o.object_id AND p.index_id IN (0, 1)), -1)
			FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id JOIN sys.columns c ON c.object_id = o.object_id
			JOIN sys.types t ON t.user_type_id = c.user_type_id WHERE o.type IN ('U', 'V') ORDER BY 1, c.column_id`,
		canWrite: `SELECT CAST(HAS_PERMS_BY_NAME(@p1, 'OBJECT', 'UPDATE') AS bit)`,
		note: func(ctx context.Context, c *sql.Conn, tables int) (string, error) {
			if tables < 2 {
				return "", nil
			}
			var rcsi bool
			if err := c.QueryRowContext(ctx, `SELECT is_read_committed_snapshot_on FROM sys.databases WHERE database_id = DB_ID()`).Scan(&rcsi); err != nil || rcsi {
				return "", err
			}
			return "the database has no READ_COMMITTED_SNAPSHOT: a row that moves between tables while a page is read may be missed until it changes again", nil
		},
	}
}
