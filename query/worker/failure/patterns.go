package failure

import (
	"regexp"
	"strings"
	"sync"

	"onegrid/query"
)

// holding says what the groups of a pattern hold.
type holding int

const (
	nothing holding = iota
	name            // a name or piece of text, shown only if the client wrote it
	types           // types of the engine, shown only if they look like types
)

// pattern is one sentence of the engine, version 1.5. {1} in our own sentence stands for the first group.
type pattern struct {
	class        string // "" any
	re           *regexp.Regexp
	holds        holding
	code         query.Code
	en, zh       string
	hint, hintZH string
}

// rule names what does not exist as the gate's rules do, for doors whose protocol has a code for it.
func (p pattern) rule() string {
	for _, kind := range []string{"column", "table", "function"} {
		if strings.HasPrefix(p.en, kind+" {1} does not exist") {
			return kind
		}
	}
	return ""
}

// show is a group as the client may see it, in English and Chinese.
func (p pattern) show(part, sql string) (en, zh string) {
	if p.holds == types {
		if looksLikeType(part) {
			return part, part
		}
		return "another type", "其他类型"
	}
	part = strings.Trim(part, `"'`)
	if !written(part, sql) {
		return "that the text names", "语句所用名称"
	}
	return `"` + part + `"`, "“" + part + "”"
}

// looksLikeType accepts INTEGER, DECIMAL(10,2), VARCHAR[], STRUCT without member names, INT64: nothing that a row holds.
func looksLikeType(s string) bool {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 120 {
		return false
	}
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(" ,()[]", r) }) {
		known := strings.TrimRight(word, "0123456789")
		if len(word)-len(known) > 3 { // INT128 has three digits; more would be a value
			return false
		}
		if known == "" { // width and scale of a decimal
			continue
		}
		if !strings.Contains(" BOOLEAN BOOL TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT INT UINT FLOAT DOUBLE DECIMAL VARCHAR BLOB DATE TIME TIMESTAMP TIMESTAMPTZ TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS WITH ZONE INTERVAL UUID BIT JSON NULL INTEGER_LITERAL STRING_LITERAL ", " "+known+" ") {
			return false
		}
	}
	return true
}

// patterns are tried in order; they are made on the first failure and never changed.
var patterns = sync.OnceValue(func() []pattern {
	p := func(class, re string, holds holding, code query.Code, en, zh string, hint ...string) pattern {
		out := pattern{class: class, re: regexp.MustCompile(`(?s)^` + re), holds: holds, code: code, en: en, zh: zh}
		if len(hint) == 2 {
			out.hint, out.hintZH = hint[0], hint[1]
		}
		return out
	}
	const quoted = `"((?:[^"]|"")*)"`
	return []pattern{
		p("Binder", `Referenced column `+quoted+` (?:was )?not found`, name, query.Invalid, "column {1} does not exist", "列 {1} 不存在"),
		p("Binder", `Referenced column `+quoted, name, query.Invalid, "column {1} cannot be used here", "列 {1} 在此处不可用"),
		p("Binder", `Table "(?:[^"]|"")*" does not have a column named `+quoted, name, query.Invalid, "column {1} does not exist", "列 {1} 不存在"),
		p("Binder", `(?:Values list|Table) `+quoted+` does not have a column`, name, query.Invalid, "{1} has no such column", "{1} 没有该列"),
		p("Binder", `Referenced table `+quoted+` not found`, name, query.Invalid, "table {1} is not in the FROM clause", "FROM 子句中没有表 {1}"),
		p("Binder", `Ambiguous reference to (?:column name|table) `+quoted, name, query.Invalid, "{1} is ambiguous", "{1} 有歧义", "put the table's name before it", "请在列名前写明表名"),
		p("Binder", `Duplicate alias `+quoted, name, query.Invalid, "the name {1} is used twice", "名称 {1} 重复"),
		p("Binder", `column `+quoted+` must appear in the GROUP BY`, name, query.Invalid, "column {1} must be in GROUP BY or in an aggregate", "列 {1} 须出现在 GROUP BY 或聚合函数中"),
		p("Binder", `(?:GROUP BY clause|WHERE clause|HAVING clause)[^'"]{0,40}cannot contain (?:aggregates|window functions)`, nothing, query.Invalid, "aggregates and window functions cannot stand in this clause", "该子句不能包含聚合或窗口函数", "use HAVING or QUALIFY", "请使用 HAVING 或 QUALIFY"),
		p("Binder", `aggregate function calls cannot`, nothing, query.Invalid, "aggregates cannot be nested", "聚合函数不能嵌套"),
		p("Binder", `Set operations can only apply`, nothing, query.Invalid, "both sides of a set operation need the same number of columns", "集合运算两侧的列数须相同"),
		p("Binder", `Cannot compare values of type (.{1,120}?) and (?:values of )?type (.{1,120}?)(?: -| in |$|\n)`, types, query.Invalid, "{1} cannot be compared with {2}", "{1} 与 {2} 不能比较", "cast one of them", "请转换其中一个的类型"),
		p("Binder", `Cannot (?:mix|combine) (?:values|types) of (?:type )?(.{1,120}?) and (.{1,120}?)(?: in |$|\n)`, types, query.Invalid, "{1} and {2} cannot be mixed", "{1} 与 {2} 不能混用", "cast one of them", "请转换其中一个的类型"),
		p("Binder", `No function matches the given name and argument types '([A-Za-z_0-9]+)\(`, name, query.Invalid, "function {1} does not take arguments of these types", "函数 {1} 不接受这些类型的参数", "cast the arguments", "请转换参数类型"),
		p("Binder", `Could not choose a best candidate function for the function call "([A-Za-z_0-9]+)\(`, name, query.Invalid, "function {1}: the types of its arguments are ambiguous", "函数 {1} 的参数类型有歧义", "cast the arguments", "请转换参数类型"),
		p("Binder", `UNNEST\(\)`, nothing, query.Invalid, "UNNEST cannot be used like this", "UNNEST 不能这样使用"),
		p("Catalog", `Table with name (\S{1,130}) does not exist`, name, query.Invalid, "table {1} does not exist", "表 {1} 不存在"),
		p("Catalog", `(?:Scalar |Table |Aggregate )?Function with name (\S{1,130}) (?:does not exist|is not)`, name, query.Invalid, "function {1} does not exist", "函数 {1} 不存在"),
		p("Catalog", `Type with name (\S{1,130}) does not exist`, name, query.Invalid, "type {1} does not exist", "类型 {1} 不存在"),
		p("Parser", `syntax error at or near `+quoted, name, query.Syntax, "syntax error at {1}", "{1} 处有语法错误"),
		p("Parser", `syntax error at end of input`, nothing, query.Syntax, "the statement is not complete", "语句不完整"),
		p("", `Values were not provided for the following prepared statement parameters`, nothing, query.Invalid, "a parameter has no value", "有参数未赋值"),
		p("", `Parameter argument/count mismatch`, nothing, query.Invalid, "the number of parameters does not fit", "参数个数不符"),
		// Conversion errors quote the value of a row: only the types are told.
		p("Conversion", `Could not convert string '.*' to ([A-Z_0-9]+(?:\([0-9, ]+\))?)`, types, query.Invalid, "a text could not be converted to {1}", "有文本无法转换为 {1}", "TRY_CAST gives NULL instead", "可用 TRY_CAST，无法转换时得到 NULL"),
		p("Conversion", `Type ([A-Z_0-9]+(?:\([0-9, ]+\))?) with value .* can't be cast .* destination type ([A-Z_0-9]+(?:\([0-9, ]+\))?)`, types, query.Invalid, "a value of type {1} is out of the range of {2}", "有 {1} 类型的值超出 {2} 的范围", "TRY_CAST gives NULL instead", "可用 TRY_CAST，无法转换时得到 NULL"),
		p("Conversion", `(?:invalid )?(timestamp|date|time) field (?:value out of range|format)`, nothing, query.Invalid, "a text is not a date or time", "有文本不是日期或时间", "TRY_CAST gives NULL instead", "可用 TRY_CAST，无法转换时得到 NULL"),
		p("Out of Range", `Overflow in (addition|subtraction|multiplication|negation|division|HUGEINT|left shift)`, nothing, query.Invalid, "arithmetic overflow", "算术溢出", "cast to a wider type first", "请先转换为更宽的类型"),
		p("", `(?:Division by zero|Divide by zero)`, nothing, query.Invalid, "division by zero", "除数为零"),
		p("Invalid Input", `More than one row returned by a subquery`, nothing, query.Invalid, "a subquery used as a value returned more than one row", "作为值使用的子查询返回了多行"),
		p("Invalid Input", `Cannot execute statement of type`, nothing, query.Denied, "only SELECT is permitted", "仅允许 SELECT"),
	}
})
