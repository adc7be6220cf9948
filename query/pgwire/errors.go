package pgwire

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"onegrid/query"
	"onegrid/query/pgcatalog"
)

// Rules that refine the SQLSTATE of an error for PostgreSQL clients.
const (
	ruleReadOnly  = "read_only"
	ruleAborted   = "aborted"
	ruleNoSetting = "no_setting"
	ruleNoName    = "no_name"   // a prepared statement that does not exist
	ruleNoPortal  = "no_portal" // a portal that does not exist
	ruleTwice     = "twice"     // a prepared statement that exists already
	ruleProtocol  = "protocol"
	ruleNoTx      = "no_transaction"
)

// stateOf is the PostgreSQL error code of an error (PostgreSQL 15, appendix A), finer than its class where the rule says more.
func stateOf(q *query.Error) string {
	switch q.Rule {
	case ruleReadOnly:
		return "25006"
	case ruleAborted:
		return "25P02"
	case ruleNoSetting:
		return "42704"
	case ruleNoName:
		return "26000"
	case ruleNoPortal:
		return "34000"
	case ruleTwice:
		return "42P05"
	case ruleNoTx:
		return "25P01"
	case ruleProtocol:
		return "08P01"
	}
	if q.Code == query.Denied || q.Code == query.Invalid {
		switch q.Rule {
		case "table":
			return "42P01"
		case "column":
			return "42703"
		case "function":
			return "42883"
		}
	}
	return q.SQLState()
}

func errAborted() error {
	return &query.Error{Code: query.Invalid, Rule: ruleAborted, Message: "current transaction is aborted, commands ignored until end of transaction block", ZH: "当前事务已失败,请先 ROLLBACK"}
}

// Verbs of statements that change something, and of features of PostgreSQL that this surface does not have. They go to
// the gate like everything else, so that the attempt is in the audit; only the error code is PostgreSQL's.
var (
	writes = map[string]bool{"INSERT": true, "UPDATE": true, "DELETE": true, "MERGE": true, "TRUNCATE": true, "CREATE": true, "ALTER": true, "DROP": true, "GRANT": true, "REVOKE": true,
		"COMMENT": true, "VACUUM": true, "ANALYZE": true, "REINDEX": true, "REFRESH": true, "CLUSTER": true, "LOCK": true}
	absent = map[string]bool{"COPY": true, "DECLARE": true, "FETCH": true, "MOVE": true, "CLOSE": true, "PREPARE": true, "EXECUTE": true, "LISTEN": true, "NOTIFY": true, "DO": true, "CALL": true, "LOAD": true}
)

// translate gives an error of the gate the code that PostgreSQL has for the kind of statement.
// text is what was asked in place of sql: a position in it says something about sql only if they are the same, or text
// is the end of sql.
func translate(sql, text string, err error) error {
	var q *query.Error
	if !errors.As(err, &q) {
		return err
	}
	same := *q
	if same.Pos > 0 && text != sql {
		same.Pos = 0
	}
	w := pgcatalog.Words(sql, 1)
	if len(w) == 0 || q.Code != query.Denied && q.Code != query.Syntax {
		return &same
	}
	switch {
	case writes[w[0]]:
		same.Rule, same.Message, same.ZH = ruleReadOnly, fmt.Sprintf("cannot execute %s: the query surface is read only", w[0]), "查询接口只读,不能执行该语句"
		same.Hint, same.HintZH = "ask with SELECT", "请使用 SELECT 查询"
	case absent[w[0]]:
		same.Code, same.Message, same.ZH = query.Unsupported, w[0]+" is not supported", "不支持 "+w[0]
		same.Hint, same.HintZH = "ask with SELECT: clients write files (psql --csv) and read in portions (fetch size) themselves", "请使用 SELECT:导出文件(psql --csv)与分批读取(fetch size)由客户端完成"
	default:
		return &same
	}
	same.Pos = 0
	return &same
}

// moved shifts an error's position by the text that stands before its statement.
func moved(err error, before string) error {
	var q *query.Error
	if !errors.As(err, &q) || q.Pos == 0 || before == "" {
		return err
	}
	same := *q
	same.Pos += utf8.RuneCountInString(before)
	return &same
}
