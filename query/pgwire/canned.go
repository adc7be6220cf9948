package pgwire

import (
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"onegrid/query"
	"onegrid/query/pgcatalog"
)

// canned is a statement that is answered here: what clients send to set themselves up, and what says nothing about data.
type canned struct {
	columns []query.Column // nil for a statement without rows
	run     func() (rows [][][]byte, tag string, err error)
}

// canned recognises a statement of the fixed list; nil means that it is one for the engine. Nothing happens before run.
func (x *session) canned(sql string) *canned {
	w := pgcatalog.Words(sql, 6)
	if len(w) == 0 {
		return nil
	}
	word := func(i int) string {
		if i < len(w) {
			return w[i]
		}
		return ""
	}
	switch w[0] {
	case "BEGIN":
		return x.command("BEGIN", x.beginTx)
	case "START":
		if word(1) == "TRANSACTION" {
			return x.command("START TRANSACTION", x.beginTx)
		}
	case "COMMIT", "END":
		return x.endTx(w[0])
	case "ROLLBACK", "ABORT":
		if word(1) == "TO" || word(2) == "TO" {
			return x.command("ROLLBACK", func() error { return x.inTx("T") })
		}
		return x.endTx("ROLLBACK")
	case "SAVEPOINT", "RELEASE":
		return x.command(w[0], func() error { return x.inTx("") })
	case "SET":
		return x.command("SET", func() error { return x.set(sql) })
	case "RESET":
		return x.command("RESET", func() error { x.reset(strings.ToLower(strings.Trim(word(1), `"`))); return nil })
	case "DISCARD":
		return x.command("DISCARD "+word(1), func() error {
			if word(1) == "ALL" {
				x.prepared = map[string]*prepared{}
				x.closePortals()
				x.reset("all")
			}
			return nil
		})
	case "DEALLOCATE":
		return x.command("DEALLOCATE", func() error { return x.deallocate(w[1:]) })
	case "UNLISTEN":
		return x.command("UNLISTEN", func() error { return nil })
	case "SHOW":
		return x.show(sql)
	}
	return nil
}

func (x *session) command(tag string, do func() error) *canned {
	return &canned{run: func() ([][][]byte, string, error) {
		if x.status == 'E' && tag != "ROLLBACK" {
			return nil, "", errAborted()
		}
		return nil, tag, do()
	}}
}

// beginTx opens a transaction block. Every statement reads an immutable snapshot, so a block has nothing to hold together
// but the client's idea of one.
func (x *session) beginTx() error {
	if x.status == 'T' {
		x.notice("WARNING", "25001", "there is already a transaction in progress", "")
	}
	x.status = 'T'
	return nil
}

func (x *session) endTx(tag string) *canned {
	return &canned{run: func() ([][][]byte, string, error) {
		answer := map[string]string{"COMMIT": "COMMIT", "END": "COMMIT", "ROLLBACK": "ROLLBACK"}[tag]
		switch x.status {
		case 'E':
			answer = "ROLLBACK"
		case 'I':
			x.notice("WARNING", "25P01", "there is no transaction in progress", "")
		}
		x.status = 'I'
		return nil, answer, nil
	}}
}

// inTx wants a transaction block; status, when given, is its status afterwards.
func (x *session) inTx(status string) error {
	if x.status == 'I' {
		return &query.Error{Code: query.Invalid, Message: "this is only possible within a transaction block", Rule: ruleNoTx, ZH: "该语句只能在事务块中使用"}
	}
	if status != "" {
		x.status = status[0]
	}
	return nil
}

func (x *session) deallocate(w []string) error {
	if len(w) > 0 && w[0] == "PREPARE" {
		w = w[1:]
	}
	if len(w) > 0 && w[0] == "ALL" {
		x.prepared = map[string]*prepared{}
		return nil
	}
	if len(w) > 0 {
		name := strings.Trim(w[0], `"`)
		if name == w[0] {
			name = strings.ToLower(name)
		}
		delete(x.prepared, name)
	}
	return nil
}

// reset takes back what SET did.
func (x *session) reset(name string) {
	for k := range x.settings {
		if told := strings.HasPrefix(k, "onegrid."); k == name || name == "all" && !told && k != "application_name" {
			delete(x.settings, k)
		}
	}
	if name == "all" || name == "statement_timeout" {
		x.timeout = 0
	}
}

// setForm reads SET [SESSION|LOCAL] name TO|= value and SET TIME ZONE value.
var setForm = regexp.MustCompile(`(?is)^\s*SET\s+(?:SESSION\s+|LOCAL\s+)?(?:(TIME\s+ZONE)|(NAMES)|"?([a-z_][a-z0-9_.]*)"?\s*(?:=|\bTO\b))\s*(.*?)\s*$`)

// settable are PostgreSQL's settings that clients send and that change nothing here.
var settable = map[string]bool{"application_name": true, "bytea_output": true, "client_encoding": true, "client_min_messages": true, "datestyle": true,
	"default_transaction_isolation": true, "default_transaction_read_only": true, "extra_float_digits": true, "idle_in_transaction_session_timeout": true, "idle_session_timeout": true,
	"intervalstyle": true, "jit": true, "lock_timeout": true, "row_security": true, "search_path": true, "standard_conforming_strings": true, "statement_timeout": true, "synchronize_seqscans": true,
	"timezone": true, "transaction_isolation": true, "transaction_read_only": true, "transaction_deferrable": true, "work_mem": true, "enable_seqscan": true, "quote_all_identifiers": true, "escape_string_warning": true}

// set takes what a client tells about itself. A statement_timeout counts; another zone than the city's is not taken, and
// the client is told; what would change how values must be read is refused.
func (x *session) set(sql string) error {
	w := pgcatalog.Words(sql, 3)
	if len(w) > 1 && (w[1] == "TRANSACTION" || w[1] == "CONSTRAINTS") || len(w) > 2 && w[1] == "SESSION" && w[2] == "CHARACTERISTICS" {
		return nil
	}
	if len(w) > 1 && (w[1] == "ROLE" || len(w) > 2 && w[1] == "SESSION" && w[2] == "AUTHORIZATION") {
		return &query.Error{Code: query.Forbidden, Message: "a session keeps its user", ZH: "不能更换会话用户"}
	}
	m := setForm.FindStringSubmatch(sql)
	if m == nil {
		return &query.Error{Code: query.Syntax, Message: "this form of SET is not supported", ZH: "不支持该 SET 语句"}
	}
	name, value := strings.ToLower(m[3]), strings.Trim(m[4], `'"`)
	switch {
	case m[1] != "":
		name = "timezone"
	case m[2] != "":
		name = "client_encoding"
	}
	switch name {
	case "client_encoding":
		if v := strings.ToUpper(strings.ReplaceAll(value, "-", "")); v != "UTF8" && v != "UNICODE" && v != "DEFAULT" {
			return &query.Error{Code: query.Unsupported, Message: "the encoding is UTF8", ZH: "仅支持 UTF8 编码"}
		}
	case "standard_conforming_strings":
		if v := strings.ToLower(value); v != "on" && v != "true" && v != "1" && v != "default" {
			return &query.Error{Code: query.Unsupported, Message: "standard_conforming_strings is on", ZH: "standard_conforming_strings 只能为 on"}
		}
	case "timezone":
		if v := strings.ToLower(value); v != "asia/shanghai" && v != "prc" && v != "default" && v != "local" {
			x.notice("NOTICE", "00000", "times are shown in "+zoneName+" whatever the client's zone | 时间一律按北京时间显示", "")
		}
		return nil
	case "statement_timeout":
		d, err := timeout(value)
		if err != nil {
			return err
		}
		x.timeout = d
	case "application_name":
		x.settings[name] = value
		x.client = clientName(value, clientAddr(x.conn))
		x.back.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	default:
		if !settable[name] && !strings.Contains(name, ".") {
			return &query.Error{Code: query.Invalid, Rule: ruleNoSetting, Message: "unrecognized configuration parameter", ZH: "未知的配置参数"}
		}
	}
	if len(x.settings) < 100 && len(value) < 1000 {
		x.settings[name] = value
	}
	return nil
}

// timeout reads a statement_timeout: milliseconds, or a number with a unit.
func timeout(v string) (time.Duration, error) {
	if strings.EqualFold(v, "default") {
		return 0, nil
	}
	if n, err := strconv.ParseInt(v, 10, 32); err == nil && n >= 0 {
		return time.Duration(n) * time.Millisecond, nil
	}
	d, err := time.ParseDuration(strings.ReplaceAll(strings.ReplaceAll(v, " ", ""), "min", "m"))
	if err != nil || d < 0 {
		return 0, &query.Error{Code: query.Invalid, Message: "statement_timeout is a number of milliseconds or has a unit", ZH: "statement_timeout 取值无效", Hint: "SET statement_timeout = '10s'"}
	}
	return d, nil
}

// startupOptions reads "-c name=value" of a startup message; what is not known there is ignored.
func (x *session) startupOptions(s string) {
	f := strings.Fields(s)
	for i, o := range f {
		kv, ok := strings.CutPrefix(o, "-c")
		if !ok {
			continue
		}
		if kv == "" && i+1 < len(f) {
			kv = f[i+1]
		}
		if name, value, ok := strings.Cut(kv, "="); ok && strings.EqualFold(name, "statement_timeout") {
			if d, err := timeout(value); err == nil {
				x.timeout = d
			}
		}
	}
}

// fixed are the settings that SHOW knows besides those that the client set.
func (x *session) fixed() map[string]string {
	return map[string]string{"server_version": pgcatalog.ServerVersion, "server_version_num": pgcatalog.ServerVersionNum, "server_encoding": "UTF8", "client_encoding": "UTF8",
		"timezone": zoneName, "datestyle": "ISO, YMD", "intervalstyle": "postgres", "standard_conforming_strings": "on", "integer_datetimes": "on", "search_path": `"$user", public`,
		"transaction_isolation": "repeatable read", "default_transaction_isolation": "repeatable read", "transaction_read_only": "on", "default_transaction_read_only": "on",
		"max_identifier_length": "63", "is_superuser": "off", "session_authorization": x.who.User, "lc_collate": "C.UTF-8", "lc_ctype": "C.UTF-8", "lc_messages": "C.UTF-8",
		"statement_timeout": strconv.FormatInt(x.timeout.Milliseconds(), 10), "extra_float_digits": "1", "bytea_output": "hex", "max_index_keys": "32", "ssl": "on",
		"application_name": "", "onegrid.generation": "", "onegrid.freshness": ""}
}

func (x *session) show(sql string) *canned {
	w := pgcatalog.Words(sql, 5)
	if len(w) > 1 && w[1] == "ALL" {
		return &canned{columns: []query.Column{{Name: "name", Type: "VARCHAR"}, {Name: "setting", Type: "VARCHAR"}, {Name: "description", Type: "VARCHAR"}}, run: func() ([][][]byte, string, error) {
			all := x.fixed()
			for k, v := range x.settings {
				all[k] = v
			}
			var rows [][][]byte
			for k, v := range all {
				rows = append(rows, [][]byte{[]byte(k), []byte(v), nil})
			}
			sort.Slice(rows, func(i, j int) bool { return string(rows[i][0]) < string(rows[j][0]) })
			return rows, "SHOW", nil
		}}
	}
	var name string
	switch {
	case len(w) >= 4 && w[1] == "TRANSACTION":
		name = "transaction_isolation"
	case len(w) >= 3 && w[1] == "TIME":
		name = "timezone"
	case len(w) >= 4 && w[2] == ".":
		name = strings.ToLower(w[1] + "." + w[3])
	case len(w) >= 2:
		name = strings.ToLower(strings.Trim(w[1], `"`))
	}
	return &canned{columns: []query.Column{{Name: name, Type: "VARCHAR"}}, run: func() ([][][]byte, string, error) {
		v, ok := x.settings[name]
		if f, known := x.fixed()[name]; known && f != "" && name != "search_path" {
			v, ok = f, true
		} else if !ok {
			v, ok = f, known
		}
		if !ok {
			return nil, "", &query.Error{Code: query.Invalid, Rule: ruleNoSetting, Message: "unrecognized configuration parameter", ZH: "未知的配置参数", Hint: "for tables: \\dt", HintZH: "查看表请用 \\dt"}
		}
		return [][][]byte{{[]byte(v)}}, "SHOW", nil
	}}
}

// explainForm reads EXPLAIN with options that change the form of the plan only.
var explainForm = regexp.MustCompile(`(?is)^\s*EXPLAIN\s+(?:VERBOSE\s+|\(\s*(?:(?:FORMAT\s+TEXT|COSTS(?:\s+\w+)?|VERBOSE(?:\s+\w+)?)\s*,?\s*)+\)\s*)?((?:SELECT|WITH|VALUES|FROM|TABLE|\().*)$`)

// explained returns the statement whose plan is asked for. EXPLAIN ANALYZE stays as it is and meets the gate.
func explained(sql string) (string, bool) {
	m := explainForm.FindStringSubmatch(sql)
	if m == nil {
		return "", false
	}
	return m[1], true
}
