package gate

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"onegrid/query"
	"onegrid/query/gate/redact"
)

// verdict makes the answer for a denial. Names in it come from the text itself, when they can hold no value, or from our
// own lists.
func (d *denial) verdict(text string) Verdict {
	name := redact.Name(d.name)
	v := Verdict{Rule: d.rule, Code: query.Denied, Pos: position(text, d.position)}
	reason, reasonZH, _ := strings.Cut(d.reason, "|")
	switch d.rule {
	case RuleLimit:
		v.Code = query.TooLarge
		v.Message, v.ZH = "the query is larger than the limit", "查询超出规模限制"
		v.Hint, v.HintZH = limitHint(d)
	case RuleText:
		v.Code = query.Syntax
		v.Message, v.ZH = "the text has characters that a query cannot have", "查询文本含有不允许的字符"
		v.Hint, v.HintZH = "use plain UTF-8 without byte order mark, NUL, invisible characters and unclosed quotes", "请使用普通 UTF-8 文本,不含 BOM、NUL、不可见字符或未闭合的引号"
	case RuleSyntax:
		v.Code = query.Syntax
		if d.check == checkUnsupported {
			v.Code = query.Unsupported
			v.Message, v.ZH = "this SQL is not supported", "不支持该 SQL 语法"
			v.Hint, v.HintZH = "write it in another way; named and numbered parameters cannot be mixed", "请换一种写法;命名参数和序号参数不能混用"
			break
		}
		v.Message, v.ZH = "syntax error", "语法错误"
		if v.Pos > 0 {
			v.Message, v.ZH = fmt.Sprintf("syntax error at position %d", v.Pos), fmt.Sprintf("第 %d 个字符处有语法错误", v.Pos)
			if near := wordAt(text, d.position); near != "" {
				v.Message += " near " + near
				v.ZH += ",靠近 " + near
			}
		}
		v.Hint, v.HintZH = "one SELECT in DuckDB's SQL", "请输入一条 DuckDB 语法的 SELECT 语句"
	case RuleStatement:
		v.Message, v.ZH = "exactly one SELECT statement is allowed", "只允许一条 SELECT 语句"
		v.Hint, v.HintZH = "remove everything but one SELECT; a PIVOT needs its values in IN (…)", "请只保留一条 SELECT;PIVOT 需用 IN (…) 列出取值"
	case RuleNode:
		v.Message, v.ZH = "this part of SQL is not allowed here: "+name, "此处不允许使用该 SQL 结构:"+name
		v.Hint, v.HintZH = "plain SELECT with joins, WITH, grouping, windows, PIVOT … IN (…) and subqueries", "可使用普通 SELECT、连接、WITH、分组、窗口函数、PIVOT … IN (…) 和子查询"
		if strings.Contains(d.name, "show_ref") {
			v.Hint, v.HintZH = "SELECT * FROM the_table LIMIT 0 shows the columns of a published table", "用 SELECT * FROM 表名 LIMIT 0 查看已发布表的列"
		}
	case RuleTable:
		v.Message, v.ZH = "this table is not published: "+name, "未发布该表:"+name
		v.Hint, v.HintZH = "only published tables and views can be read; files cannot", "只能查询已发布的表和视图,不能读取文件"
		if d.check == checkCTEName {
			v.Message, v.ZH = "this name cannot be used in WITH: "+name, "WITH 中不能使用该名称:"+name
			v.Hint, v.HintZH = "choose a plain name that is none of the engine's", "请换一个普通名称"
		}
	case RuleQualified:
		v.Message, v.ZH = "other databases and schemas cannot be named: "+name, "不能引用其他数据库或模式:"+name
		v.Hint, v.HintZH = "use the name of the table or function alone", "请直接使用表名或函数名"
	case RuleFunction:
		v.Message, v.ZH = "this function is not on the list: "+name, "该函数不在允许列表中:"+name
		v.Hint, v.HintZH = "use a function that only computes from its arguments", "请使用只根据参数计算的函数"
	case RuleType:
		v.Message, v.ZH = "this type is not on the list: "+name, "该类型不在允许列表中:"+name
		v.Hint, v.HintZH = "use a plain type such as VARCHAR, BIGINT, DOUBLE, DATE or TIMESTAMP", "请使用 VARCHAR、BIGINT、DOUBLE、DATE、TIMESTAMP 等普通类型"
	case RuleCollation:
		v.Message, v.ZH = "this collation is not on the list: "+name, "该排序规则不在允许列表中:"+name
		v.Hint, v.HintZH = "use NOCASE, NOACCENT or zh", "请使用 NOCASE、NOACCENT 或 zh"
	case RuleColumn:
		v.Message, v.ZH = "this name tells of the database itself, not of the data: "+name, "该名称返回的是数据库自身信息,而非数据:"+name
		v.Hint, v.HintZH = "choose another column name", "请换一个列名"
	default:
		v.Message, v.ZH = "the query could not be checked", "无法检查该查询"
		v.Hint, v.HintZH = "write it in a simpler way", "请换一种更简单的写法"
	}
	if reason != "" {
		v.Hint = reason + "; " + v.Hint
		if reasonZH != "" {
			v.HintZH = reasonZH + ";" + v.HintZH
		}
	}
	if near := redact.Name(d.near); d.near != "" && near != "?" {
		v.Hint, v.HintZH = near, near
	}
	return v
}

func limitHint(d *denial) (en, zh string) {
	switch d.check {
	case checkBytes:
		return fmt.Sprintf("at most %d KiB of text", MaxText>>10), fmt.Sprintf("文本不超过 %d KiB", MaxText>>10)
	case checkDepth:
		return fmt.Sprintf("at most %d levels of nesting; a long chain of + counts as nesting", MaxDepth), fmt.Sprintf("嵌套不超过 %d 层;很长的 + 链也算嵌套", MaxDepth)
	case checkUnions:
		return fmt.Sprintf("at most %d set operations; many rows fit better in VALUES", MaxUnions), fmt.Sprintf("集合运算不超过 %d 个;多行数据请用 VALUES", MaxUnions)
	case checkConstant:
		return "a smaller constant", "请使用更小的常数"
	case checkMacros:
		return "fewer calls inside one another", "请减少函数的相互嵌套"
	case checkExpansion:
		return "fewer nested CASE x WHEN, fewer uses of a long named window, fewer columns in ROLLUP or CUBE", "请减少嵌套的 CASE x WHEN、命名窗口的引用或 ROLLUP、CUBE 的列数"
	default:
		return fmt.Sprintf("at most %d parts in one query; a long list fits better in a join", MaxNodes), fmt.Sprintf("一次查询不超过 %d 个语法单元;长列表请改用连接", MaxNodes)
	}
}

// position turns a byte offset into a character position from 1; 0 for none.
func position(text string, offset int) int {
	if offset < 0 || offset > len(text) {
		return 0
	}
	return utf8.RuneCountInString(text[:offset]) + 1
}

// wordAt is the keyword or plain name at a byte offset, "" when there is something else: literals are not repeated.
func wordAt(text string, offset int) string {
	if offset < 0 || offset >= len(text) {
		return ""
	}
	end := offset
	for end < len(text) && ('a' <= text[end]|0x20 && text[end]|0x20 <= 'z' || text[end] == '_') {
		end++
	}
	if end == offset || end-offset > 30 || end < len(text) && (text[end] == '\'' || text[end] == '"') {
		return ""
	}
	return text[offset:end]
}
