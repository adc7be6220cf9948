package spec

import "onegrid/pipelines/link/table"

// condition describes one key of a level.
type condition struct {
	kind    table.Kind // of the column, 0 where several fit
	set     func(*Test) bool
	doc     string
	docZH   string
	example string
}

// conditionNames are the keys of a level that are conditions, in the order of the reference.
func conditionNames() []string {
	return []string{"exact", "jaro_winkler", "jaro", "levenshtein", "damerau_levenshtein", "prefix", "contains", "jaccard", "cosine",
		"shared", "shared_token", "diff", "percent", "days", "day_month_swapped", "date_digits", "lag", "metres", "swapped", "open", "all", "any", "else"}
}

// conditions are the keys of a level that say when it holds.
func conditions() map[string]condition {
	const text, set, number, date, instant, point = table.KindText, table.KindSet, table.KindNumber, table.KindDate, table.KindTime, table.KindPoint
	return map[string]condition{
		"exact":               {0, func(t *Test) bool { return t.Exact }, "equal values", "相等", "exact"},
		"jaro_winkler":        {text, func(t *Test) bool { return t.JaroWinkler != 0 }, "Jaro-Winkler similarity of at least", "Jaro-Winkler 相似度不低于", "{jaro_winkler: 0.92}"},
		"jaro":                {text, func(t *Test) bool { return t.Jaro != 0 }, "Jaro similarity of at least", "Jaro 相似度不低于", "{jaro: 0.9}"},
		"levenshtein":         {text, func(t *Test) bool { return t.Levenshtein != 0 }, "characters inserted, deleted or replaced, at most", "编辑距离不超过", "{levenshtein: 2}"},
		"damerau_levenshtein": {text, func(t *Test) bool { return t.Damerau != 0 }, "the same, with two neighbours swapped as one edit (optimal string alignment)", "含相邻换位的编辑距离不超过", "{damerau_levenshtein: 1}"},
		"prefix":              {text, func(t *Test) bool { return t.Prefix != 0 }, "the first characters are equal; shorter texts only if they are equal", "前若干字符相同", "{prefix: 4}"},
		"contains":            {text, func(t *Test) bool { return t.Contains != 0 }, "the shorter text, of at least so many characters, is part of the longer", "较短文本(不少于若干字符)包含于较长文本", "{contains: 4}"},
		"jaccard":             {set, func(t *Test) bool { return t.Jaccard != 0 }, "tokens in common as a share of all, at least", "集合 Jaccard 不低于", "{jaccard: 0.8}"},
		"cosine":              {set, func(t *Test) bool { return t.Cosine != 0 }, "cosine of the sets, tokens weighted by their rarity, at least", "按稀有度加权的余弦不低于", "{cosine: 0.25}"},
		"shared":              {set, func(t *Test) bool { return t.Shared != 0 }, "tokens in common, at least", "共有元素个数不少于", "{shared: 1}"},
		"shared_token":        {set, func(t *Test) bool { return t.SharedToken != nil }, "a token in common that at most df records hold", "共有稀有元素(出现记录数不超过 df)", "{shared_token: {df: 20}}"},
		"diff":                {number, func(t *Test) bool { return t.Diff != nil }, "difference of at most", "差值不超过", "{diff: 5}"},
		"percent":             {number, func(t *Test) bool { return t.Percent != 0 }, "difference of at most this percentage of the larger", "差值不超过较大者的百分比", "{percent: 10}"},
		"days":                {date, func(t *Test) bool { return t.Days != nil }, "days apart, at most; both must be real dates", "相差天数不超过", "{days: 31}"},
		"day_month_swapped":   {date, func(t *Test) bool { return t.DayMonth }, "equal with day and month swapped in one of them", "日与月互换后相等", "day_month_swapped"},
		"date_digits":         {date, func(t *Test) bool { return t.DateDigits != 0 }, "of the eight digits of two dates at most so many differ; two neighbours swapped count as one", "八位日期中不同位数不超过(相邻换位算一位)", "{date_digits: 1}"},
		"lag":                 {instant, func(t *Test) bool { return t.Lag != 0 }, "time between, at most", "时间差不超过", "{lag: 6h}"},
		"metres":              {point, func(t *Test) bool { return t.Metres != nil }, "distance in metres, at most", "距离(米)不超过", "{metres: 50}"},
		"swapped":             {0, func(t *Test) bool { return t.Swapped }, "the first two columns hold each other's values", "前两列互换", "swapped"},
		"open":                {0, func(t *Test) bool { return t.Open != nil }, "the older record was still open, or closed less than grace ago, when the newer began; the newer counts as younger by the time that began names", "新记录发生时旧记录仍未办结(或办结未超宽限)", "{open: {began: at, closed: closed_at, grace: 24h}}"},
		"all":                 {0, func(t *Test) bool { return t.All != nil }, "all of these hold", "同时满足", "{all: [exact, {on: b, prefix: 3}]}"},
		"any":                 {0, func(t *Test) bool { return t.Any != nil }, "one of these holds", "满足其一", "{any: [exact, {on: b, exact: true}]}"},
		"else":                {0, func(t *Test) bool { return t.Else }, "everything else: stands last", "其余, 必须在最后", "else"},
	}
}

// conditions are the conditions that are written, in the order of the reference.
func (t *Test) conditions() []string {
	var out []string
	all := conditions()
	for _, name := range conditionNames() {
		if all[name].set(t) {
			out = append(out, name)
		}
	}
	return out
}

// Condition is the name of the one condition of a test, "" of an invalid one.
func (t *Test) Condition() string {
	if c := t.conditions(); len(c) == 1 {
		return c[0]
	}
	return ""
}
