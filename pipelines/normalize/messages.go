package normalize

import "fmt"

// Rule is one reason to reject a record while mapping.
type Rule struct {
	Code  string
	Doc   string // %s is the target field
	DocZH string
}

// Rules are all reasons. Messages name the field, never a value (invariant 4).
func Rules() []Rule {
	return []Rule{
		{"id_missing", "%s is empty: without a number the record has no identity", "%s 为空: 没有编号的记录无法识别"},
		{"missing_required", "%s is required and empty", "必填字段 %s 为空"},
		{"bad_time", "%s is required and no declared layout reads it", "必填时间 %s 无法解析"},
		{"bad_number", "%s holds no number that fits", "%s 不是有效数值"},
		{"bad_bool", "%s holds neither yes nor no", "%s 不是是/否值"},
		{"bad_code", "%s holds a code that its list does not know", "%s 的代码不在代码表中"},
		{"bad_format", "%s has not the declared shape", "%s 格式不符"},
		{"out_of_range", "%s lies outside the declared range", "%s 超出声明范围"},
		{"expression_failed", "the expression of %s failed", "%s 的表达式求值失败"},
	}
}

func ruleMessage(code, column string) (en, zh string) {
	for _, r := range Rules() {
		if r.Code == code {
			return fmt.Sprintf(r.Doc, column), fmt.Sprintf(r.DocZH, column)
		}
	}
	return code, code
}
