package sqltable

import (
	"context"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	mssql "github.com/microsoft/go-mssqldb"
	"github.com/sijms/go-ora/v2/network"
	modernc "modernc.org/sqlite"

	"onegrid/connectors"
)

// verdict is what a driver's error means to the hub. Texts of drivers are not passed on, because they quote values and
// addresses (invariant 4); the code is, and the text of those errors that can only name tables and columns.
type verdict struct {
	sentinel     error
	text         string
	hint, hintZH string
	transient    bool
}

// fail makes the error that leaves the connector.
func (s *source) fail(op string, err error) error {
	var ce *connectors.Error
	if errors.Is(err, errStopped) || errors.As(err, &ce) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", op, err)
	}
	v := s.judge(err)
	e := &connectors.Error{Op: op, Source: s.env.SourceID, Err: v.sentinel, Hint: v.hint, HintZH: v.hintZH}
	if v.text != "" {
		e.Err = fmt.Errorf("%w: %s", v.sentinel, v.text)
	}
	return e
}

func (s *source) judge(err error) verdict {
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	var ms mssql.Error
	var ora *network.OracleError
	var lite *modernc.Error
	switch {
	case errors.Is(err, connectors.ErrCheckpoint):
		return verdict{sentinel: err, hint: "set the state of the source anew, or restore the settings it was made with",
			hintZH: "请重设该源的断点，或恢复生成断点时的配置"}
	case errors.Is(err, errSettings), errors.Is(err, errUnknownType):
		return verdict{sentinel: err, hint: "compare the settings with onegrid sources --discover", hintZH: "请对照数据库的表与列检查配置"}
	case errors.Is(err, errTimeout):
		return slow(err.Error())
	case errors.As(err, &pg):
		return judgePostgres(pg)
	case errors.As(err, &my):
		return judgeMySQL(my)
	case errors.As(err, &ms):
		return judgeSQLServer(ms)
	case errors.As(err, &ora):
		return judgeOracle(ora)
	case errors.As(err, &lite):
		return judgeSQLite(lite)
	}
	return judgeNetwork(err)
}

func refused(text string) verdict {
	return verdict{sentinel: connectors.ErrAuth, text: text, hint: "check user and password reference", hintZH: "请检查账号与口令引用"}
}

func forbidden(text string) verdict {
	return verdict{sentinel: connectors.ErrAuth, text: text, hint: "grant the account SELECT on the tables of the stream", hintZH: "请授予该账号对相关表的查询权限"}
}

func slow(text string) verdict {
	return verdict{sentinel: connectors.ErrUnavailable, text: text,
		hint:   "add an index on the cursor columns, lower page_rows or raise statement_timeout",
		hintZH: "请为游标列建索引、减小 page_rows 或放宽 statement_timeout"}
}

func down(text string) verdict {
	return verdict{sentinel: connectors.ErrUnavailable, text: text, transient: true,
		hint: "check host, port, the firewall and whether the database runs", hintZH: "请检查地址、端口、防火墙以及数据库是否在运行"}
}

func missing(text string) verdict {
	return verdict{sentinel: errSettings, text: text, hint: "check database, tables, columns and query", hintZH: "请检查数据库名、表名、列名与查询语句"}
}

func judgePostgres(e *pgconn.PgError) verdict {
	code := "SQLSTATE " + e.Code
	switch {
	case e.Code == "57014":
		return slow("statement timeout, " + code)
	case e.Code == "42501":
		return forbidden(e.Message + ", " + code)
	case strings.HasPrefix(e.Code, "28"):
		return refused(code)
	case strings.HasPrefix(e.Code, "42"), strings.HasPrefix(e.Code, "3D"), strings.HasPrefix(e.Code, "3F"):
		return missing(e.Message + ", " + code)
	// connection, resources, shutdown, serialization, deadlock, conflict on a standby
	case strings.HasPrefix(e.Code, "08"), strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "57P"), strings.HasPrefix(e.Code, "40"), e.Code == "55P03":
		return down(code)
	}
	return verdict{sentinel: connectors.ErrUnavailable, text: code, hint: "look the code up in the manual of PostgreSQL", hintZH: "请按该代码查阅 PostgreSQL 手册"}
}

func judgeMySQL(e *mysql.MySQLError) verdict {
	code := fmt.Sprintf("error %d", e.Number)
	switch e.Number {
	case 1045, 1698, 1044, 1130, 1251, 1862, 3118:
		return refused(code)
	case 1142, 1143, 1227:
		return forbidden(code)
	case 1969, 3024:
		return slow("statement timeout, " + code)
	case 1046, 1049, 1054, 1064, 1146:
		return missing(e.Message + ", " + code)
	case 1040, 1053, 1203, 1205, 1213, 1317, 1152, 1158, 1159, 1160, 1161, 1927:
		return down(code)
	}
	return verdict{sentinel: connectors.ErrUnavailable, text: code, hint: "look the code up in the manual of the database", hintZH: "请按该代码查阅数据库手册"}
}

func judgeSQLServer(e mssql.Error) verdict {
	code := fmt.Sprintf("error %d", e.Number)
	switch e.Number {
	case 18456, 18452, 18486, 18487, 18488, 4060:
		return refused(code)
	case 229, 230:
		return forbidden(code)
	case 1222:
		return slow("lock timeout, " + code)
	case 207, 208, 102, 156:
		return missing(e.Message + ", " + code)
	case 1205, 3960, 40501, 40613, 49918, 10928, 10929, 6005, 17142:
		return down(code)
	}
	return verdict{sentinel: connectors.ErrUnavailable, text: code, hint: "look the code up in the manual of SQL Server", hintZH: "请按该代码查阅 SQL Server 手册"}
}

func judgeOracle(e *network.OracleError) verdict {
	code := fmt.Sprintf("ORA-%05d", e.ErrCode)
	switch e.ErrCode {
	case 1017, 1005, 28000, 28001, 1045:
		return refused(code)
	case 1031:
		return forbidden(code)
	case 942, 904, 936, 933, 911:
		return missing(code)
	case 1013, 3136:
		return slow(code)
	case 1555, 3113, 3114, 3135, 12514, 12516, 12519, 12520, 12528, 12537, 12541, 12170, 1033, 1034, 1089, 60, 8177:
		return down(code)
	}
	return verdict{sentinel: connectors.ErrUnavailable, text: code, hint: "look the code up in the manual of Oracle", hintZH: "请按该代码查阅 Oracle 手册"}
}

func judgeSQLite(e *modernc.Error) verdict {
	text := fmt.Sprintf("SQLite result code %d", e.Code())
	switch e.Code() & 0xff {
	case 1: // SQLITE_ERROR: no such table, no such column, syntax
		return missing(e.Error())
	case 5, 6: // busy, locked
		v := down(text)
		v.hint, v.hintZH = "another program holds the file locked", "文件被其他程序锁定"
		return v
	case 11, 26: // corrupt, not a database
		return verdict{sentinel: connectors.ErrDecode, text: text, hint: "the file is damaged or no SQLite database", hintZH: "文件已损坏或不是 SQLite 数据库"}
	}
	return verdict{sentinel: connectors.ErrUnavailable, text: text, hint: "check the file and its permissions", hintZH: "请检查文件及其权限"}
}

// judgeNetwork reads what is no error of the database itself.
func judgeNetwork(err error) verdict {
	var dns *net.DNSError
	var op *net.OpError
	var nerr net.Error
	var unknownCA x509.UnknownAuthorityError
	var wrongName x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknownCA), errors.As(err, &wrongName), errors.As(err, &invalid):
		return verdict{sentinel: connectors.ErrUnavailable, text: "the server's certificate is not trusted", hint: "set tls.ca and tls.server_name", hintZH: "请设置 tls.ca 与 tls.server_name"}
	case strings.Contains(err.Error(), "refused TLS connection"), errors.Is(err, mysql.ErrNoTLS):
		return verdict{sentinel: connectors.ErrUnavailable, text: "the server offers no TLS", hint: "enable TLS on the server, or set tls.mode: disable on a trusted network", hintZH: "请在服务器启用 TLS，或在可信网络中设置 tls.mode: disable"}
	case errors.As(err, &dns):
		return down("the host name is not known")
	case errors.Is(err, syscall.ECONNREFUSED):
		return down("connection refused")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, net.ErrClosed), pgconn.SafeToRetry(err):
		return down("the connection was lost")
	case errors.As(err, &nerr) && nerr.Timeout(), errors.Is(err, os.ErrDeadlineExceeded):
		return down("no answer in time")
	case errors.As(err, &op):
		return down("network error")
	case slices.ContainsFunc([]string{"conn closed", "unexpected EOF", "bad connection"}, func(x string) bool { return strings.Contains(err.Error(), x) }):
		return down("the connection was lost")
	}
	return verdict{sentinel: connectors.ErrUnavailable, text: fmt.Sprintf("error of type %T in the driver", err), hint: "check the settings of the connection", hintZH: "请检查连接配置"}
}
