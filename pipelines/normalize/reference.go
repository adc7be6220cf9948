package normalize

import (
	"fmt"
	"strings"

	"onegrid/event"
)

// Key documents one key of a mapping file.
type Key struct {
	Section string // dotted path of the structure, "" for the top
	Name    string
	Doc     string
	DocZH   string
	Example string
}

// Keys are all keys of a mapping file, in the order in which a field is worked out.
func Keys() []Key {
	return []Key{
		{"", "version", "version of this file format", "文件格式版本", "version: 1"},
		{"", "doc", "what the source is; not part of the digest", "来源说明(英文)", "doc: 12345 hotline tickets"},
		{"", "doc_zh", "the same in Chinese", "来源说明(中文)", "doc_zh: 12345热线工单"},
		{"", "source_kind", "kind of the department's system", "来源类别", "source_kind: hotline_12345"},
		{"", "zone", "zone of times that carry none; Asia/Shanghai unless written", "无时区时间所用时区", "zone: Asia/Shanghai"},
		{"", "scheme", "the source's own category table; its crosswalk in the catalog is scheme@version", "来源分类体系", `scheme: {id: police_110, version: "2013"}`},
		{"", "expect", "columns that every batch must have; a batch without one is flagged HEADER_DRIFT", "必有来源列", "expect: [工单编号, 来电时间]"},
		{"", "fields", "target field to rule", "目标字段规则", "fields: {title: {from: 诉求标题}}"},
		{"", "parties", "columns of direct identifiers: tokenised, then dropped; they may not be used elsewhere", "直接标识列(令牌化后删除)", "parties: [{kind: phone, role: reporter, from: 联系电话}]"},
		{"", "caller", "columns of the caller's own position: used in memory to find the area, never stored", "报警人位置列(仅内存使用)", "caller: {x: ZDDWXZB, y: ZDDWYZB}"},
		{"", "ext", "source extras that may be kept", "允许保留的扩展列", "ext: {allow: {lamp_post: LDGBH}}"},
		{"", "drop", "columns left out on purpose; a trailing * stands for any ending. Columns named nowhere are dropped too, and reported", "有意不取的列", "drop: [来电人, note*]"},
		{"", "checks", "quality checks", "质量检查", "checks: {future: 10m}"},

		{"scheme", "id", "id of the category table", "分类体系标识", "id: police_110"},
		{"scheme", "version", "version or year of it", "分类体系版本", `version: "2013"`},

		{"fields", "from", "source column; of several, the first with a value (for times and numbers: the first that can be read)", "来源列, 多列取首个有值", "from: [create_time, BJSJ]"},
		{"fields", "concat", "columns put together, empty ones left out", "多列拼接", "concat: [一级分类, 二级分类]"},
		{"fields", "const", "the same value for every record", "常量", "const: phone"},
		{"fields", "cel", `CEL expression over src["column"] of the same row, "" where missing; strings extension, limited cost`, "CEL 表达式", `cel: 'src["a"] == "" ? src["b"] : src["a"]'`},
		{"fields", "first", "rules tried in order; the first that gives a value counts. default, format, require, strict, range, split and crs stand beside it", "依次尝试的规则", "first: [{from: act, codes: act_status}, {from: state, codes: state_status}]"},
		{"fields", "when", "conditions on columns of the same row; all must hold, else the value is empty", "条件", "when: [{column: 当前状态, in: [已结案]}]"},
		{"fields", "sep", "text between the parts of concat; a space unless written", "拼接分隔符", `sep: "/"`},
		{"fields", "on_error", "what a failing expression does: null (the default) or reject", "表达式出错时: 置空或拒收", "on_error: reject"},
		{"fields", "trim", "remove white space, also full-width, at both ends; true unless written", "去除首尾空白", "trim: false"},
		{"fields", "null_if", "texts that mean nothing, besides " + strings.Join(nullWords(), ", ") + " and blank ones", "视为空的文本", "null_if: [无, 不详]"},
		{"fields", "strip_prefix", "remove one of these beginnings, the longest that fits", "去除前缀", "strip_prefix: 【市民】"},
		{"fields", "regex", "RE2 expression: keep its group, or the whole match; without a match the value is empty", "正则提取", `regex: '^案件编号[:：]\s*(\d{20})'`},
		{"fields", "replace", "literal replacements", "文本替换", `replace: [{old: "（", new: "("}]`},
		{"fields", "upper", "to upper case", "转大写", "upper: true"},
		{"fields", "lower", "to lower case", "转小写", "lower: true"},
		{"fields", "substring", "characters from start (0 is the first); length 0 keeps the rest", "按字符截取", "substring: {start: 0, length: 2}"},
		{"fields", "codes", "code list of the catalog by name, or source code to hub code in place; an empty hub code leaves the field empty. A code without entry becomes unknown (or stays empty), is flagged and reported", "代码表", `codes: {"1": phone, "3": sms}`},
		{"fields", "otherwise", `value of codes without entry, without flag; "" leaves the field empty`, "未列代码的取值", "otherwise: alarm"},
		{"fields", "time", "layouts and zone of a time field", "时间格式", "time: {layouts: [auto, us], zone: Asia/Shanghai}"},
		{"fields", "number", "true, or unit (s, min, h, day; mm, cm, m, km, ft), scale (a factor), comma (1,440 is a number)", "数值设置", "number: {unit: h}"},
		{"fields", "split", "separator of a list field; a comma unless written", "列表分隔符", `split: "、"`},
		{"fields", "crs", "on field x: coordinate system of x and y (" + strings.Join(crsNames(), ", ") + ", local:<id>)", "坐标系", "x: {from: 经度, crs: gcj02}"},
		{"fields", "default", "value where the source gives none, in the type and unit of the target", "缺省值", "default: phone"},
		{"fields", "format", "RE2 expression that the text must match; else ID_FORMAT on record numbers, COLUMN_SHIFT on others", "格式校验", `format: '^\d{18}$'`},
		{"fields", "range", "closed range of a number; outside it is empty and flagged COLUMN_SHIFT", "取值范围", "range: {min: 1, max: 4}"},
		{"fields", "require", "without a readable value the record is rejected; always so for source_record_id and reported_at", "必填, 缺失则拒收", "require: true"},
		{"fields", "strict", "what would be flagged (format, code, range, unreadable value) rejects the record", "严格, 不符则拒收", "strict: true"},

		{"fields.when", "column", "source column", "来源列", "column: 当前状态"},
		{"fields.when", "in", "its value is one of these", "取值属于", "in: [已结案]"},
		{"fields.when", "not_in", "it is empty or its value is none of these", "取值不属于", "not_in: [作废]"},
		{"fields.when", "present", "it has a value, or has none", "有值/无值", "present: true"},
		{"fields.when", "matches", "its value matches this RE2 expression", "匹配正则", `matches: '^\d{18}$'`},
		{"fields.replace", "old", "text to find", "原文本", `old: "（"`},
		{"fields.replace", "new", "text to put", "新文本", `new: "("`},
		{"fields.substring", "start", "first character, from 0", "起始字符", "start: 0"},
		{"fields.substring", "length", "number of characters", "字符数", "length: 2"},
		{"fields.time", "layouts", "layouts by name or as a Go layout, tried in order; auto unless written", "时间格式名称", "layouts: [auto, us]"},
		{"fields.time", "zone", "zone of this field", "时区", "zone: UTC"},
		{"fields.range", "min", "smallest value", "最小值", "min: 1"},
		{"fields.range", "max", "largest value", "最大值", "max: 4"},

		{"parties", "kind", "phone or id_number", "标识类型", "kind: phone"},
		{"parties", "role", "reporter or contact", "角色", "role: reporter"},
		{"parties", "from", "columns", "来源列", "from: [BJDH, LXDH]"},
		{"caller", "x", "column of x or longitude", "横坐标列", "x: ZDDWXZB"},
		{"caller", "y", "column of y or latitude", "纵坐标列", "y: ZDDWYZB"},
		{"ext", "allow", "key of ext (lower case) to source column", "扩展键与来源列", "allow: {lamp_post: LDGBH}"},
		{"checks", "id_time", "compare the time in source_record_id with reported_at: TIME_12H, TIME_SKEW or ID_TIME_MISMATCH", "编号内时间核对", "id_time: {layout: yyMMddHHmm, at: 6, tolerance: 10m, repair: true}"},
		{"checks", "order", "times that must not run backwards (TIME_ORDER); " + strings.Join(defaultOrder(), ", ") + " unless written", "时间先后", "order: [reported_at, closed_at]"},
		{"checks", "future", "how long after the reading a time may lie (TIME_FUTURE; deadlines excepted); 10m unless written", "未来时间容差", "future: 10m"},
		{"checks", "ranges", "source columns that must hold numbers in a range (COLUMN_SHIFT)", "来源列取值范围", "ranges: [{column: zip_code, min: 60000, max: 61000}]"},
		{"checks.id_time", "layout", "yy or yyyy, then MM dd HH mm ss as far as it goes; Asia/Shanghai", "编号内时间格式", "layout: yyMMddHHmm"},
		{"checks.id_time", "at", "position of its first character, from 0", "起始位置", "at: 6"},
		{"checks.id_time", "tolerance", "difference that is not flagged, below 6h; 10m unless written", "容差", "tolerance: 10m"},
		{"checks.id_time", "repair", "move reported_at by twelve hours where it is flagged TIME_12H: only where the number's clock is trusted", "按编号时间修正十二小时错位", "repair: true"},
		{"checks.ranges", "column", "source column, mapped or not", "来源列", "column: zip_code"},
		{"checks.ranges", "min", "smallest value", "最小值", "min: 60000"},
		{"checks.ranges", "max", "largest value", "最大值", "max: 61000"},
	}
}

// Reference is docs/mapping-reference.md.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Mapping reference · 映射参考

Generated from the code by ` + "`go test ./pipelines/normalize -run Reference -update`" + `. A mapping file says, for one source, which target field
comes from which source columns. 本文件由代码生成。映射文件说明某一来源的目标字段取自哪些来源列。

Every problem of a file is reported at once as ` + "`file:line: path: message (hint)`" + `. Source columns that a file does not name are dropped and
reported. Text stays clear until the privacy step has run; identifiers belong into ` + "`parties`" + `, never into a field.

## Keys · 键

A field works in this order: condition, source, trim and placeholders, strip_prefix, regex, replace, upper or lower, substring, codes, conversion to the
type of the target, then default, format and range.

`)
	section := "\x00"
	for _, k := range Keys() {
		if k.Section != section {
			section = k.Section
			title := section
			if title == "" {
				title = "top of the file · 顶层"
			}
			fmt.Fprintf(&b, "\n### %s\n\n| key | meaning | 含义 | example |\n|---|---|---|---|\n", title)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | `%s` |\n", k.Name, cellText(k.Doc), cellText(k.DocZH), cellText(k.Example))
	}
	b.WriteString("\nThe pseudo-column `@as_of` holds the time at which the source made its statement (RFC 3339), where the connector knows it. A field made from it\nchanges with every delivery.\n")
	b.WriteString("\n## Time layouts · 时间格式\n\n`auto` tries those marked so. A fixed set of placeholder dates is read as empty and flagged TIME_SENTINEL: years 0, 1 and 9999, 1899-12-30,\n1899-12-31, 1900-01-01, midnight of 2000-01-01 and 2100-01-01, and 1970-01-01 at 00:00 or 08:00.\n\n| layout | auto | example | meaning | 含义 |\n|---|---|---|---|---|\n")
	for _, l := range layouts() {
		auto := ""
		if l.auto {
			auto = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | `%s` | %s | %s |\n", l.Name, auto, l.Example, l.Doc, l.DocZH)
	}
	b.WriteString("\nTruth values: true t 1 yes y 是 有 真, and false f 0 no n 否 无 假.\n")
	b.WriteString("\n## Target fields · 目标字段\n\nShort names: ")
	for i, k := range sortedKeys(aliases()) {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "`%s` is `%s`", k, aliases()[k])
	}
	b.WriteString(". *Default* is what a record without a value gets.\n\n| field | type | unit | code list | default | meaning | 含义 |\n|---|---|---|---|---|---|---|\n")
	for _, c := range event.Columns() {
		if c.Setter != event.ByMapping {
			continue
		}
		if at := elsewhere()[c.Name]; at != "" {
			fmt.Fprintf(&b, "| %s | | | | | set by `%s` | %s |\n", c.Name, at, c.DocZH)
			continue
		}
		list, def := "", ""
		if c.Codes != nil {
			list = fmt.Sprintf("[%s](#%s)", c.Codes.Name, c.Codes.Name)
		}
		switch {
		case c.Name == "source_record_id" || c.Name == "reported_at":
			def = "rejected"
		case c.Required && c.Codes != nil:
			def = c.Codes.Unknown
		case c.Required:
			def = "0"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", c.Name, typeName(c), c.Unit, list, def, cellText(c.Doc), c.DocZH)
	}
	b.WriteString("\n## Code lists · 代码表\n")
	for _, l := range event.CodeLists() {
		fmt.Fprintf(&b, "\n### %s\n\n", l.Name)
		for i, c := range l.Codes {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "`%s` %s", c.Value, c.DocZH)
		}
		b.WriteString("\n")
	}
	b.WriteString("\n## Reject rules · 拒收规则\n\n| rule | meaning | 含义 |\n|---|---|---|\n")
	for _, r := range Rules() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.Code, strings.ReplaceAll(r.Doc, "%s", "the field"), strings.ReplaceAll(r.DocZH, "%s", "该字段"))
	}
	b.WriteString("\n## Quality flags · 质量标识\n\nA flag marks a record, it does not change it. Those that mapping sets are marked.\n\n| flag | by mapping | meaning | 含义 |\n|---|---|---|---|\n")
	for _, f := range event.Flags() {
		mine := ""
		if mappingFlags()&f.Flag != 0 {
			mine = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.Name, mine, f.Doc, f.DocZH)
	}
	return b.String()
}

// mappingFlags are the flags that this package sets.
func mappingFlags() event.Flag {
	return event.Time12H | event.TimeSkew | event.TimeOrder | event.TimeFuture | event.TimeSentinel | event.IDFormat | event.IDTimeMismatch |
		event.CodeUnmapped | event.StatusUnmapped | event.CategoryChanged | event.EncodingReplaced | event.ColumnShift | event.HeaderDrift |
		event.DueMissing | event.TimeUnparsed | event.NumberUnparsed
}

func typeName(c event.Column) string {
	switch kindOf(c.Type) {
	case dictTarget, textTarget:
		return "text"
	case timeTarget:
		return "time"
	case boolTarget:
		return "truth value"
	case listTarget:
		return "list of texts"
	case float32Target, float64Target:
		return "number"
	}
	return "whole number"
}

func cellText(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
