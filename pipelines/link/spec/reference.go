package spec

import (
	"fmt"
	"strings"
)

// DocKey documents one key of a link mapping.
type DocKey struct {
	Section string // dotted path of the structure, "" for the top
	Name    string
	Doc     string
	DocZH   string
	Example string
}

// Keys are all keys of a link mapping.
func Keys() []DocKey {
	out := []DocKey{
		{"", "version", "version of this file format", "文件格式版本", "version: 1"},
		{"", "doc", "what the records are", "数据说明(英文)", "doc: service requests"},
		{"", "doc_zh", "the same in Chinese", "数据说明(中文)", "doc_zh: 服务请求"},
		{"", "id", "source column with the record's number; every record has one, and no two the same", "记录编号列", "id: sr_number"},
		{"", "source", "source column that names where a record comes from", "来源列", "source: source_id"},
		{"", "truth", "what is known to be true, for evaluation; columns may not be made from it", "评测用真值", "truth: {column: cluster}"},
		{"", "zone", "zone of times that carry none; Asia/Shanghai unless written", "无时区时间所用时区", "zone: America/Chicago"},
		{"", "drop", "records that take no part, each entry a column and values", "不参与关联的记录", "drop: [{column: sr_type, in: [Aircraft Noise Complaint]}]"},
		{"", "aliases", "tables of texts that stand for others, used by the cleaning step alias", "别名表", "aliases: {nick: {inline: {bob: robert}}}"},
		{"", "columns", "derived columns: all later sections use these names", "派生列", "columns: {surname: {from: Surname, clean: [lower]}}"},
		{"", "placeholders", "values that too many records share are made null: they are where forms are filled in, not where things happen", "占位值置空", "placeholders: [{columns: [spot], share: 0.02}]"},
		{"", "comparisons", "what is compared, and the levels of likeness", "比较项", "comparisons: [{name: surname, columns: [surname], levels: [exact, else]}]"},
		{"", "blocking", "rules that say which pairs are looked at; a pair counts for the first rule that finds it", "候选规则", "blocking: [{keys: [surname, birth]}]"},
		{"", "certain", "links that need no weighing", "确定关联", "certain: [{type: child_of, parent: parent_id}]"},
		{"", "classes", "kinds of things and what may be done with each", "事项类别与策略", "classes: {column: type, default: point, policy: {point: {mode: auto}}}"},
		{"", "bands", "probabilities that separate link, review and drop", "判定区间", "bands: {link: 0.95, review: 0.5}"},
		{"", "cluster", "guards against clusters that grow too far", "聚类约束", "cluster: {support: 0.35}"},
		{"", "train", "where weights come from: auto, prior, or settings", "权重来源", "train: auto"},

		{"truth", "column", "source column with the true cluster", "真值列", "column: cluster"},
		{"truth", "regexp", "RE2 expression; its group, or the whole match, is the cluster", "提取正则", `regexp: '^rec-(\d+)-'`},
		{"truth", "parent", "the column holds the number of another record", "该列为上级记录编号", "parent: true"},
		{"drop", "column", "source column", "来源列", "column: sr_type"},
		{"drop", "in", "drop these values", "属于则去除", "in: [Aircraft Noise Complaint]"},
		{"drop", "not_in", "drop all but these values", "不属于则去除", "not_in: [Open, Closed]"},
		{"drop", "empty", "drop records without a value", "空值去除", "empty: true"},
		{"aliases", "file", "CSV without header: text, what it stands for; relative to the mapping file; # begins a comment", "别名文件", "file: nicknames.csv"},
		{"aliases", "inline", "the same in place", "内联别名", "inline: {bob: robert}"},

		{"columns", "from", "source column; of several, the first with a value", "来源列, 取首个有值", "from: [mobile, phone]"},
		{"columns", "of", "another derived text column, cleaned", "基于另一派生列", "of: surname"},
		{"columns", "concat", "source columns put together, empty ones left out", "多列拼接", "concat: [road, number]"},
		{"columns", "sep", "text between the parts of concat; a space unless written", "拼接分隔符", `sep: ""`},
		{"columns", "lon", "source column of the longitude in degrees; makes a point with lat. 0,0 is no point", "经度列", "lon: longitude"},
		{"columns", "lat", "source column of the latitude in degrees", "纬度列", "lat: latitude"},
		{"columns", "x", "source column of x in a plane; makes a point with y", "平面横坐标列", "x: x_coordinate"},
		{"columns", "y", "source column of y in a plane", "平面纵坐标列", "y: y_coordinate"},
		{"columns", "unit", "unit of x and y: m, km, ft, us_ft; m unless written", "坐标单位", "unit: us_ft"},
		{"columns", "clean", "cleaning steps, applied in this order; white space at both ends always goes", "清洗步骤(依次)", "clean: [lower, {prefix: 3}]"},
		{"columns", "null_if", "texts that mean nothing, before or after cleaning", "视为空的文本", "null_if: [unknown, n/a]"},
		{"columns", "as", "kind of the column: " + strings.Join(sorted(kinds()), ", ") + "; text unless written", "列的类型", "as: date"},
		{"columns", "layouts", "of a date: " + strings.Join(dateLayouts(), ", ") + "; of a time: " + strings.Join(timeLayouts(), ", ") + " or Go layouts, tried in order", "日期时间格式", "layouts: [us]"},
		{"columns", "zone", "zone of this time", "时区", "zone: UTC"},
		{"columns", "n", "characters of an n-gram; 3 unless written", "n 元组长度", "n: 2"},
		{"columns", "max", "tokens kept of a set; of ngrams those with the smallest hashes, which keep the Jaccard similarity on average", "集合元素上限", "max: 64"},
		{"columns", "range", "closed range of a number; outside it is null", "数值范围", "range: {min: 0, max: 120}"},
		{"columns", "split", "separator of a list; a comma unless written", "列表分隔符", `split: "|"`},
		{"columns.range", "min", "smallest number", "最小值", "min: 0"},
		{"columns.range", "max", "largest number", "最大值", "max: 120"},

		{"placeholders", "columns", "derived columns; of sets only the tokens go", "适用列", "columns: [spot, address]"},
		{"placeholders", "share", "share of the records with a value above which a value means nothing", "占比上限", "share: 0.02"},
		{"placeholders", "min", "and at least so many records; 20 unless written", "最少记录数", "min: 20"},

		{"comparisons", "name", "name of the comparison, as in the model file", "名称", "name: place"},
		{"comparisons", "label", "the same in words, for explanations", "说明(英文)", "label: place"},
		{"comparisons", "label_zh", "the same in Chinese", "说明(中文)", "label_zh: 地点"},
		{"comparisons", "columns", "derived columns. Where none of them has a value in both records, the comparison says nothing: null is never a mismatch", "所用派生列", "columns: [spot, address]"},
		{"comparisons", "levels", "levels from most to least alike; the first that holds counts, the last is else", "相似等级, 由近到远", "levels: [exact, {jaro_winkler: 0.9}, else]"},

		{"comparisons.levels", "on", "column of the comparison that the condition is about; the first unless written", "所用列", "on: address"},
		{"comparisons.levels", "label", "words for explanations instead of the usual ones", "等级说明(英文)", "label: same building"},
		{"comparisons.levels", "label_zh", "the same in Chinese", "等级说明(中文)", "label_zh: 同一楼栋"},
		{"comparisons.levels", "tf", "agreement on a rare value weighs more, on a frequent one less: true, or a weight from 0 to 1", "词频调整", "tf: true"},
		{"comparisons.levels", "m", "share of this level among matching pairs before anything is learnt", "匹配对中占比(先验)", "m: 0.8"},
		{"comparisons.levels", "u", "share among pairs of different things before anything is learnt", "非匹配对中占比(先验)", "u: 0.01"},
	}
	for _, name := range conditionNames() {
		c := conditions()[name]
		kind := ""
		if c.kind != 0 {
			kind = " (" + c.kind.String() + ")"
		}
		out = append(out, DocKey{"comparisons.levels", name, c.doc + kind, c.docZH, c.example})
	}
	return append(out, []DocKey{
		{"comparisons.levels.shared_token", "df", "records that hold the token, at most", "出现记录数上限", "df: 20"},
		{"comparisons.levels.open", "began", "time column: when a record began", "开始时间列", "began: at"},
		{"comparisons.levels.open", "closed", "time column: when it was closed; null is open", "办结时间列", "closed: closed_at"},
		{"comparisons.levels.open", "grace", "time after closing in which a new report is still the same thing", "宽限", "grace: 24h"},

		{"blocking", "name", "name in figures; the keys unless written", "名称", "name: near and open"},
		{"blocking", "keys", "columns that must be equal; null is never a key, and every token of a set is a key", "分块键", "keys: [type, {column: surname, prefix: 4}]"},
		{"blocking", "cap", "partners in a block above which a record is not compared with all; 200 unless written", "分块上限", "cap: 100"},
		{"blocking", "near", "records within a distance", "距离条件", "near: {point: spot, metres: 200}"},
		{"blocking", "within", "records within a time", "时间条件", "within: {time: at, lag: 7d}"},
		{"blocking", "while_open", "the older record was open, or closed less than grace ago, when the newer began", "旧记录未办结", "while_open: {began: at, closed: closed_at, grace: 24h}"},
		{"blocking", "no_train", "learn nothing from this rule's pairs", "不用于训练", "no_train: true"},
		{"blocking.keys", "column", "derived column", "派生列", "column: surname"},
		{"blocking.keys", "prefix", "its first characters", "前若干字符", "prefix: 4"},
		{"blocking.keys", "part", "of a date or time: " + strings.Join(parts(), ", "), "日期部分", "part: year"},
		{"blocking.keys", "df", "only values or tokens that at most so many records hold", "出现记录数上限", "df: 100"},
		{"blocking.near", "point", "point column", "点列", "point: spot"},
		{"blocking.near", "metres", "distance at most", "最大距离(米)", "metres: 200"},
		{"blocking.within", "time", "time or date column", "时间列", "time: at"},
		{"blocking.within", "lag", "time between at most", "最大间隔", "lag: 7d"},
		{"blocking.while_open", "began", "time column", "开始时间列", "began: at"},
		{"blocking.while_open", "closed", "time column; null is open", "办结时间列", "closed: closed_at"},
		{"blocking.while_open", "grace", "time after closing", "宽限", "grace: 24h"},

		{"certain", "type", "kind of the link: " + certainNames(), "关联类型", "type: child_of"},
		{"certain", "parent", "text column that holds the number of another record", "上级编号列", "parent: parent_id"},
		{"certain", "quoted", "set column that holds numbers of other records", "引用编号集合列", "quoted: tickets"},
		{"certain", "same", "text columns that are all present and equal", "全部相同的列", "same: [words, phone]"},
		{"certain", "min_length", "characters that the first column of same must have", "最少字数", "min_length: 20"},
		{"certain", "within", "how far apart in time", "时间范围", "within: {time: at, lag: 7d}"},
		{"certain", "same_source", "both records come from one source", "限同一来源", "same_source: true"},
		{"certain.within", "time", "time or date column", "时间列", "time: at"},
		{"certain.within", "lag", "time between at most", "最大间隔", "lag: 7d"},

		{"classes", "column", "text column that decides the class", "类别依据列", "column: type"},
		{"classes", "default", "class of records that no entry of map fits", "缺省类别", "default: point"},
		{"classes", "map", "values to classes; the first entry that fits counts", "取值与类别", "map: [{class: person, prefix: [\"10\"]}]"},
		{"classes", "policy", "what may be done with each class", "各类策略", "policy: {person: {mode: never, suppress_place: true}}"},
		{"classes.map", "class", "class", "类别", "class: person"},
		{"classes.map", "exact", "values", "取值", "exact: [Graffiti]"},
		{"classes.map", "prefix", "beginnings of values", "前缀", `prefix: ["10", "20"]`},
		{"classes.policy", "mode", "auto links, review leaves every probable link to a person, never links nothing", "自动、人工复核或不关联", "mode: review"},
		{"classes.policy", "follow_given", "of never: links that a source gives hold all the same", "来源给出的关联仍然成立", "follow_given: true"},
		{"classes.policy", "link", "probability from which pairs are linked; that of bands unless written", "自动关联概率", "link: 0.99"},
		{"classes.policy", "review", "probability from which pairs are shown; that of bands unless written", "复核概率", "review: 0.6"},
		{"classes.policy", "support", "that of cluster unless written", "支持比例", "support: 0.5"},
		{"classes.policy", "diameter", "metres between the farthest records of a cluster; 0 is no limit", "最大直径(米)", "diameter: 300"},
		{"classes.policy", "span", "between the first and the last record; 0 is no limit", "最长跨度", "span: 30d"},
		{"classes.policy", "grace", "time after closing in which a new report is still the same thing", "办结后宽限", "grace: 24h"},
		{"classes.policy", "suppress_place", "place is left out of what is published", "公开时隐去地点", "suppress_place: true"},

		{"bands", "link", "probability from which pairs are linked; 0.95 unless written", "自动关联概率", "link: 0.95"},
		{"bands", "review", "probability from which pairs are shown to a person; 0.5 unless written", "复核概率", "review: 0.5"},
		{"bands", "link_bits", "the same as bits of match weight: log2 of the odds", "自动关联比特数", "link_bits: 5"},
		{"bands", "review_bits", "the same as bits", "复核比特数", "review_bits: 0"},

		{"cluster", "support", "share of the pairs across two clusters that must support their merging; 0.35 unless written", "合并支持比例", "support: 0.35"},
		{"cluster", "weight", "probability from which a pair supports; 0.5 unless written", "支持概率", "weight: 0.5"},
		{"cluster", "point", "point column for diameters", "直径所用点列", "point: spot"},
		{"cluster", "time", "time column for spans", "跨度所用时间列", "time: at"},
		{"cluster", "diameter", "metres between the farthest records; 0 is no limit", "最大直径(米)", "diameter: 300"},
		{"cluster", "span", "between the first and the last record; 0 is no limit", "最长跨度", "span: 60d"},
		{"cluster", "alarm", "records from which a cluster is reported; 50 unless written", "规模告警", "alarm: 50"},

		{"train", "mode", "auto learns from the data of the run without labels, prior takes m and u as written, file takes a model", "训练方式", "mode: auto"},
		{"train", "file", "model file, relative to the mapping file", "模型文件", "file: model.json"},
		{"train", "prior", "share of matching pairs among all pairs; estimated unless written", "匹配对先验占比", "prior: 0.0001"},
		{"train", "pairs", "random pairs for u; 1,000,000 unless written, all pairs of a smaller table", "随机对数", "pairs: 500000"},
		{"train", "seed", "of the random pairs; 1 unless written", "随机种子", "seed: 1"},
		{"train", "iterations", "of expectation maximisation, at most; 100 unless written", "最多迭代", "iterations: 50"},
	}...)
}

func certainNames() string {
	var names []string
	for _, t := range CertainTypes() {
		names = append(names, t[0])
	}
	return strings.Join(names, ", ")
}

// steps documents the cleaning steps.
func steps() [][3]string {
	return [][3]string{
		{"trim", "no white space at both ends", "去除首尾空白"},
		{"squeeze", "one blank for every run of white space", "合并空白"},
		{"lower", "lower case", "转小写"},
		{"upper", "upper case", "转大写"},
		{"nfkc", "full-width to half-width and the like (UAX #15)", "全半角等归一"},
		{"unaccent", "letters without their marks", "去除附加符号"},
		{"simplify", "as texts are compared: NFKC, lower case, letters and digits, without the phrases that hotline messages open and end with", "文本归一化"},
		{"digits", "digits only", "仅保留数字"},
		{"letters", "letters only", "仅保留字母"},
		{"alnum", "letters and digits only", "仅保留字母数字"},
		{"first_word", "the first word", "首词"},
		{"last_word", "the last word", "末词"},
		{"sort_words", "words in alphabetical order", "词排序"},
		{"{prefix: 3}", "the first characters", "前若干字符"},
		{"{suffix: 4}", "the last characters", "后若干字符"},
		{"{extract: '@(.+)$'}", "the group of an RE2 expression, or the whole match; null without one", "正则提取"},
		{"{replace: {regexp: ' street$', with: ' st'}}", "RE2 replacement; $1 is a group", "正则替换"},
		{"{alias: nick}", "what the alias table says", "别名替换"},
	}
}

// Reference is docs/link-mapping.md.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Link mapping · 关联映射

Generated from the code by ` + "`go test ./pipelines/link/spec -run Reference -update`" + `. 本文件由代码生成。

A link mapping makes the linkage engine usable on any table: CSV, Parquet or the hub's own events. It says which columns become what, how two records
are compared, which pairs are looked at, which links are certain and what may be merged. Examples: ` + "`configs/link/`" + `. 关联映射文件使关联引擎可用于任意表格。

Every problem of a file is reported at once as ` + "`file:line: path: message (hint)`" + `.

How to write one in an afternoon: (1) name id and columns, clean them so that equal things are equal; (2) give every independent piece of evidence one comparison,
and correlated pieces (address and position) one together; (3) write several blocking rules that fail for different reasons, each of keys that few records
share; (4) run, read the report: candidates per rule, weights per level, and the explanations of pairs near the bands; (5) let a vendor's own flags be
certain links, and measure without them.

Weights are log2(m/u) bits: m is the share of a level among matching pairs, u among pairs of different things (Fellegi and Sunter, JASA 1969). With ` + "`train: auto`" + ` u is learnt
from random pairs and m by expectation maximisation on each blocking rule, leaving out the comparisons that read the rule's own columns. A comparison that no rule
leaves free keeps the m that is written, or one that fits most data.
`)
	section := "\x00"
	for _, k := range Keys() {
		if k.Section != section {
			section = k.Section
			title := section
			if title == "" {
				title = "top of the file · 顶层"
			}
			fmt.Fprintf(&b, "\n## %s\n\n", title)
			if section == "comparisons.levels" {
				b.WriteString("A level is one condition, with `on`, `tf`, labels and shares beside it. `exact`, `else`, `swapped` and `day_month_swapped` may stand alone.\n\n")
			}
			b.WriteString("| key | meaning | 含义 | example |\n|---|---|---|---|\n")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | `%s` |\n", k.Name, cell(k.Doc), cell(k.DocZH), cell(k.Example))
	}
	b.WriteString("\n## Cleaning steps · 清洗步骤\n\n| step | meaning | 含义 |\n|---|---|---|\n")
	for _, s := range steps() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", cell(s[0]), s[1], s[2])
	}
	b.WriteString("\n## Types of certain links · 确定关联类型\n\n| type | meaning | 含义 |\n|---|---|---|\n")
	for _, t := range CertainTypes() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", t[0], t[1], t[2])
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
