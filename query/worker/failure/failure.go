package failure

import (
	"strings"
	"unicode/utf8"

	"onegrid/query"
)

// Told is an error for the client, its class for the log, and whether the engine can still be used.
type Told struct {
	Err   *query.Error
	Class string // "Binder", "Conversion", ..., "" unknown
	Unfit bool   // the instance is invalid or out of memory: replace the worker
}

// Tell explains a message of the engine about the client's text sql.
func Tell(message, sql string) Told {
	class, rest := split(message)
	if t, ok := grave(class, message); ok {
		return t
	}
	for _, p := range patterns() {
		if p.class != "" && p.class != class {
			continue
		}
		m := p.re.FindStringSubmatch(rest)
		if m == nil {
			continue
		}
		e := &query.Error{Code: p.code, Message: p.en, ZH: p.zh, Hint: p.hint, HintZH: p.hintZH, Rule: p.rule()}
		for i, part := range m[1:] {
			slot := "{" + string(rune('1'+i)) + "}"
			if !strings.Contains(e.Message, slot) {
				continue
			}
			shown, zh := p.show(part, sql)
			e.Message = strings.ReplaceAll(e.Message, slot, shown)
			e.ZH = strings.ReplaceAll(e.ZH, slot, zh)
			if e.Pos == 0 && p.holds == name {
				e.Pos = position(part, sql)
			}
		}
		return Told{Err: e, Class: class}
	}
	e := general(class)
	return Told{Err: &e, Class: class}
}

// split cuts "Binder Error: …" into "Binder" and the rest. Of a message that does not begin like that the class is "".
func split(message string) (class, rest string) {
	head, rest, ok := strings.Cut(message, ": ")
	class, isError := strings.CutSuffix(head, " Error")
	if !ok || !isError || len(class) > 40 || strings.Trim(class, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ") != "" {
		return "", message
	}
	return class, rest
}

// grave are failures after which the worker goes.
func grave(class, message string) (Told, bool) {
	low := strings.ToLower(message)
	switch {
	case class == "Out of Memory" || strings.Contains(low, "bad_alloc") || strings.Contains(low, "failed to allocate") ||
		strings.Contains(low, "could not allocate") || strings.Contains(low, "cannot allocate memory") || strings.Contains(low, "allocation failure") ||
		strings.Contains(low, "exceeds the maximum allocation size"):
		return Told{Err: OutOfMemory(), Class: "Out of Memory", Unfit: true}, true
	case class == "INTERNAL" || class == "FATAL" || strings.Contains(message, "database has been invalidated"):
		e := Internal(nil)
		return Told{Err: e, Class: class, Unfit: true}, true
	case class == "INTERRUPT":
		return Told{Err: Cancelled(), Class: class}, true
	case class == "IO" || class == "TransactionContext" || class == "Connection" || class == "Serialization" || class == "HTTP":
		return Told{Err: Internal(nil), Class: class, Unfit: true}, true
	}
	return Told{}, false
}

// written reports whether a name that the engine quotes stands in the client's own text.
func written(part, sql string) bool {
	return part != "" && len(part) <= 128 && utf8.ValidString(part) && strings.Contains(strings.ToLower(sql), strings.ToLower(part))
}

// position is the place of a name that stands in the text exactly once, counted in characters from 1; 0 otherwise.
func position(part, sql string) int {
	if part == "" || strings.Count(sql, part) != 1 {
		return 0
	}
	return utf8.RuneCountInString(sql[:strings.Index(sql, part)]) + 1
}

// OutOfMemory is a statement that needed more memory than a worker has.
func OutOfMemory() *query.Error {
	return &query.Error{Code: query.OutOfMemory,
		Message: "the statement needs more memory than a query may use", ZH: "该查询所需内存超过允许的上限",
		Hint: "aggregate or filter more, sort fewer columns, or use a LIMIT", HintZH: "请增加过滤或聚合、减少排序的列，或使用 LIMIT"}
}

// Timeout is a statement that took too long.
func Timeout() *query.Error {
	return &query.Error{Code: query.Timeout, Message: "the statement took longer than allowed and was ended", ZH: "查询超过允许的时间，已被终止",
		Hint: "limit the period (event_day) or ask for less", HintZH: "请缩小时间范围（event_day）或减少返回内容"}
}

// Cancelled is a statement that the client ended.
func Cancelled() *query.Error {
	return &query.Error{Code: query.Cancelled, Message: "the statement was cancelled", ZH: "查询已取消"}
}

// Internal is a fault of ours; the cause is for the log.
func Internal(cause error) *query.Error {
	return &query.Error{Code: query.Internal, Message: "the statement could not be executed because of an internal error", ZH: "内部错误，查询未能执行",
		Hint: "try again; if it fails again, tell the administrator the query id", HintZH: "请重试；若仍失败，请将查询编号告知管理员", Cause: cause}
}

// Statement is a text that is not exactly one SELECT.
func Statement() *query.Error {
	return &query.Error{Code: query.Syntax, Message: "the text is not exactly one SELECT statement", ZH: "文本不是单条 SELECT 语句"}
}

// RowTooLong is an answer with a row that no message can hold.
func RowTooLong() *query.Error {
	return &query.Error{Code: query.TooLarge, Message: "one row of the answer is too large", ZH: "结果中有一行过大", Hint: "select fewer or shorter columns", HintZH: "请选择更少或更短的列"}
}

// Parameter is a parameter that does not fit. detail is ours and holds no value.
func Parameter(detail string) *query.Error {
	return &query.Error{Code: query.Invalid, Message: detail, ZH: "参数与语句不符"}
}

func general(class string) query.Error {
	switch class {
	case "Parser", "Syntax":
		return query.Error{Code: query.Syntax, Message: "the statement is not valid SQL", ZH: "SQL 语法错误"}
	case "Permission":
		return query.Error{Code: query.Denied, Message: "the statement is not permitted", ZH: "该语句不被允许"}
	case "Not implemented", "Missing Extension", "Extension Autoloading":
		return query.Error{Code: query.Unsupported, Message: "the statement uses something that is not supported here", ZH: "语句使用了不受支持的功能"}
	case "Conversion", "Mismatch Type", "Decimal":
		return query.Error{Code: query.Invalid, Message: "a value could not be converted to the type asked for", ZH: "有值无法转换为所需类型",
			Hint: "TRY_CAST gives NULL instead", HintZH: "可用 TRY_CAST，无法转换时得到 NULL"}
	case "Out of Range":
		return query.Error{Code: query.Invalid, Message: "a value is out of the range of its type", ZH: "有值超出其类型的范围", Hint: "cast to a wider type first", HintZH: "请先转换为更宽的类型"}
	case "Invalid Input":
		return query.Error{Code: query.Invalid, Message: "a function was given a value that it cannot use", ZH: "函数收到无法处理的值"}
	case "Binder", "Catalog", "Planner", "Parameter Not Resolved", "Parameter Not Allowed", "Invalid type", "Expression":
		return query.Error{Code: query.Invalid, Message: "names, types or arguments in the statement do not fit", ZH: "语句中的名称、类型或参数不符"}
	}
	return query.Error{Code: query.Invalid, Message: "the statement could not be executed", ZH: "语句无法执行"}
}
