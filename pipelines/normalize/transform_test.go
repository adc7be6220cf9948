package normalize_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onegrid/event"
	"onegrid/pipelines/normalize"
)

// head is a mapping with id and reported_at; a test adds one field and maps column a (and b, c).
const head = `
version: 1
source_kind: other
scheme: {id: none, version: "1"}
`

const minimal = head + `
fields:
  source_record_id: {from: id}
  reported_at: {from: t}
`

func TestTransforms(t *testing.T) {
	long := strings.Repeat("号", 100)
	for _, tc := range []struct {
		name  string
		field string   // YAML of one field, "target: {...}"
		row   []string // a, b, c
		want  string   // value of target, "" for null
		flags event.Flag
		rule  string // of the reject
		unset bool   // the record is rejected
	}{
		{name: "from", field: `title: {from: a}`, row: []string{"路灯"}, want: "路灯"},
		{name: "from absent column", field: `title: {from: zz}`, row: []string{"x"}},
		{name: "null", field: `title: {from: a}`, row: []string{absent}},
		{name: "blank", field: `title: {from: a}`, row: []string{" \t　\u00a0"}},
		{name: "null word", field: `title: {from: a}`, row: []string{"NULL"}},
		{name: "null word in text", field: `title: {from: a}`, row: []string{"NULLA"}, want: "NULLA"},
		{name: "trim wide space", field: `title: {from: a}`, row: []string{"\ufeff　路灯\u3000\n"}, want: "路灯"},
		{name: "keep space", field: `title: {from: a, trim: false}`, row: []string{" x "}, want: " x "},
		{name: "ideographic text is not space", field: `title: {from: a}`, row: []string{"々々"}, want: "々々"},
		{name: "coalesce", field: `title: {from: [a, b]}`, row: []string{"  ", "second"}, want: "second"},
		{name: "concat", field: `title: {concat: [a, b, c], sep: "-"}`, row: []string{"x", absent, "y"}, want: "x-y"},
		{name: "concat nothing", field: `title: {concat: [a, b]}`, row: []string{"", absent}},
		{name: "const", field: `title: {const: fixed}`, want: "fixed"},
		{name: "const code", field: `channel: {const: phone}`, want: "phone"},
		{name: "default", field: `title: {from: a, default: none}`, row: []string{""}, want: "none"},
		{name: "default not needed", field: `title: {from: a, default: none}`, row: []string{"x"}, want: "x"},
		{name: "null_if", field: `title: {from: a, null_if: [无, 不详]}`, row: []string{"不详"}},
		{name: "strip_prefix longest", field: `title: {from: a, strip_prefix: ["A", "A-1"]}`, row: []string{"A-1 x"}, want: "x"},
		{name: "strip_prefix all", field: `title: {from: a, strip_prefix: A}`, row: []string{"A"}},
		{name: "regex group", field: `title: {from: a, regex: '编号[:：](\d+)'}`, row: []string{"案件编号:123;"}, want: "123"},
		{name: "regex whole", field: `title: {from: a, regex: '\d+'}`, row: []string{"x12y"}, want: "12"},
		{name: "regex no match", field: `title: {from: a, regex: '^编号(\d+)'}`, row: []string{"x编号12"}},
		{name: "regex literal without match", field: `title: {from: a, regex: '编号(\d+)'}`, row: []string{"编号x"}},
		{name: "regex alternatives keep no prefix", field: `title: {from: a, regex: '^ab|ac'}`, row: []string{"xac"}, want: "ac"},
		{name: "replace", field: `title: {from: a, replace: [{old: "（", new: "("}, {old: "）", new: ")"}]}`, row: []string{"（x）"}, want: "(x)"},
		{name: "replace to nothing", field: `title: {from: a, replace: [{old: x, new: ""}]}`, row: []string{"x"}},
		{name: "upper", field: `title: {from: a, upper: true}`, row: []string{"aβ"}, want: "AΒ"},
		{name: "lower", field: `title: {from: a, lower: true}`, row: []string{"AB"}, want: "ab"},
		{name: "substring counts characters", field: `title: {from: a, substring: {start: 1, length: 2}}`, row: []string{"路灯不亮"}, want: "灯不"},
		{name: "substring to the end", field: `title: {from: a, substring: {start: 2}}`, row: []string{"路灯不亮"}, want: "不亮"},
		{name: "substring beyond", field: `title: {from: a, substring: {start: 9}}`, row: []string{"路灯"}},
		{name: "steps in order", field: `title: {from: a, strip_prefix: X, regex: '^(..)', lower: true}`, row: []string{"XABCD"}, want: "ab"},

		{name: "codes", field: `channel: {from: a, codes: {"1": phone}}`, row: []string{" 1 "}, want: "phone"},
		{name: "codes unmapped", field: `channel: {from: a, codes: {"1": phone}}`, row: []string{"9"}, want: "unknown", flags: event.CodeUnmapped},
		{name: "codes otherwise", field: `channel: {from: a, codes: {"1": phone}, otherwise: web}`, row: []string{"9"}, want: "web"},
		{name: "codes silently nothing", field: `closure_type: {from: a, codes: {"1": normal}, otherwise: ""}`, row: []string{"9"}},
		{name: "codes optional unmapped", field: `closure_type: {from: a, codes: {"1": normal}}`, row: []string{"9"}, flags: event.CodeUnmapped},
		{name: "codes to nothing", field: `channel: {from: a, codes: {"1": ~}}`, row: []string{"1"}, want: "unknown"},
		{name: "codes empty source", field: `channel: {from: a, codes: {"1": phone}}`, row: []string{""}, want: "unknown"},
		{name: "codes by identity", field: `channel: {from: a}`, row: []string{"phone"}, want: "phone"},
		{name: "codes by identity unmapped", field: `channel: {from: a}`, row: []string{"fax"}, want: "unknown", flags: event.CodeUnmapped},
		{name: "codes named", field: `channel: {from: a, codes: channels}`, row: []string{"T"}, want: "phone"},
		{name: "codes strict", field: `channel: {from: a, codes: {"1": phone}, strict: true}`, row: []string{"9"}, rule: "bad_code"},
		{name: "codes of a free column", field: `county_code: {from: a, codes: {北: "990101"}}`, row: []string{"北"}, want: "990101"},
		{name: "codes of a free column unmapped", field: `county_code: {from: a, codes: {北: "990101"}}`, row: []string{"南"}, flags: event.CodeUnmapped},
		{name: "code default", field: `channel: {from: a, codes: {"1": phone}, default: web}`, row: []string{""}, want: "web"},
		{name: "status unmapped", field: `status: {from: a, codes: {"1": closed}}`, row: []string{"9"}, want: "unknown", flags: event.StatusUnmapped},

		{name: "integer", field: `severity_level: {from: a}`, row: []string{"3"}, want: "3"},
		{name: "integer with zeros", field: `sla_limit_min: {from: a}`, row: []string{"30.0"}, want: "30"},
		{name: "integer with fraction", field: `sla_limit_min: {from: a}`, row: []string{"30.5"}, flags: event.NumberUnparsed},
		{name: "integer too large", field: `severity_level: {from: a}`, row: []string{"300"}, flags: event.NumberUnparsed},
		{name: "integer codes", field: `severity_level: {from: a, codes: {一级: "1"}}`, row: []string{"一级"}, want: "1"},
		{name: "integer code unmapped", field: `severity_level: {from: a, codes: {一级: "1"}}`, row: []string{"九级"}, flags: event.CodeUnmapped},
		{name: "count default", field: `rework_count: {from: a}`, row: []string{""}, want: "0"},
		{name: "count unreadable", field: `rework_count: {from: a}`, row: []string{"many"}, want: "0", flags: event.NumberUnparsed},
		{name: "number unit", field: `sla_limit_min: {from: a, number: {unit: h}}`, row: []string{"1.5"}, want: "90"},
		{name: "number default is in the unit of the field", field: `sla_limit_min: {from: a, number: {unit: h}, default: "60"}`, row: []string{""}, want: "60"},
		{name: "number scale", field: `sla_limit_min: {from: a, number: {scale: 10}}`, row: []string{"2"}, want: "20"},
		{name: "number comma", field: `sla_limit_min: {from: a, number: {comma: true}}`, row: []string{"1,440"}, want: "1440"},
		{name: "number comma not declared", field: `sla_limit_min: {from: a}`, row: []string{"1,440"}, flags: event.NumberUnparsed},
		{name: "number required", field: `sla_limit_min: {from: a, require: true}`, row: []string{"x"}, rule: "bad_number"},
		{name: "number missing", field: `sla_limit_min: {from: a, require: true}`, row: []string{""}, rule: "missing_required"},
		{name: "float", field: `coord_accuracy_m: {from: a, number: {unit: km}}`, row: []string{"0.5"}, want: "500"},
		{name: "float infinite", field: `coord_accuracy_m: {from: a}`, row: []string{"Inf"}, flags: event.NumberUnparsed},
		{name: "range", field: `severity_level: {from: a, range: {min: 1, max: 4}}`, row: []string{"5"}, flags: event.ColumnShift},
		{name: "range strict", field: `severity_level: {from: a, range: {min: 1, max: 4}, strict: true}`, row: []string{"5"}, rule: "out_of_range"},
		{name: "bool", field: `overtime_src: {from: a}`, row: []string{"是"}, want: "true"},
		{name: "bool false", field: `overtime_src: {from: a}`, row: []string{"N"}, want: "false"},
		{name: "bool neither", field: `overtime_src: {from: a}`, row: []string{"maybe"}, flags: event.CodeUnmapped},
		{name: "bool required", field: `overtime_src: {from: a, require: true}`, row: []string{"maybe"}, rule: "bad_bool"},
		{name: "list", field: `co_org_codes: {from: a, split: "、"}`, row: []string{"A、 B、"}, want: `["A","B"]`},

		{name: "time", field: `closed_at: {from: a}`, row: []string{"2024-03-05 08:09:10"}, want: "2024-03-05T08:09:10"},
		{name: "time zone", field: `closed_at: {from: a, time: {zone: America/Chicago}}`, row: []string{"2024-03-05 08:09:10"}, want: "2024-03-05T22:09:10"},
		{name: "time layout", field: `closed_at: {from: a, time: {layouts: "02.01.2006 15h04"}}`, row: []string{"05.03.2024 08h09"}, want: "2024-03-05T08:09:00"},
		{name: "time layouts exclude", field: `closed_at: {from: a, time: {layouts: us}}`, row: []string{"2024-03-05 08:09:10"}, flags: event.TimeUnparsed},
		{name: "time unreadable", field: `closed_at: {from: a}`, row: []string{"yesterday"}, flags: event.TimeUnparsed},
		{name: "time sentinel", field: `closed_at: {from: a}`, row: []string{"1900-01-01 00:00:00"}, flags: event.TimeSentinel},
		{name: "time declared sentinel", field: `closed_at: {from: a, null_if: "2018-01-01"}`, row: []string{"2018-01-01"}, flags: event.TimeSentinel},
		{name: "time of the first readable column", field: `closed_at: {from: [a, b]}`, row: []string{"0000-00-00", "2024-03-05"}, want: "2024-03-05T00:00:00"},
		{name: "number of the first readable column", field: `sla_limit_min: {from: [a, b]}`, row: []string{"n/a", "5"}, want: "5"},
		{name: "time required", field: `closed_at: {from: a, require: true}`, row: []string{"?"}, rule: "bad_time"},
		{name: "time in the future", field: `closed_at: {from: a}`, row: []string{"2025-02-01 00:00:00"}, want: "2025-02-01T00:00:00", flags: event.TimeFuture},
		{name: "deadline in the future", field: `due_at: {from: a}`, row: []string{"2025-02-01 00:00:00"}, want: "2025-02-01T00:00:00"},
		{name: "time order", field: `closed_at: {from: a}`, row: []string{"2023-12-31 00:00:00"}, want: "2023-12-31T00:00:00", flags: event.TimeOrder},

		{name: "first", field: `title: {first: [{from: a, regex: 'x(.)'}, {from: b}]}`, row: []string{"none", "B"}, want: "B"},
		{name: "first codes", field: `status: {first: [{from: a, codes: {"1": closed}}, {from: b, codes: {"2": received}}]}`, row: []string{"7", "2"}, want: "received"},
		{name: "first codes none", field: `status: {first: [{from: a, codes: {"1": closed}}, {from: b, codes: {"2": received}}]}`, row: []string{"7", "8"}, want: "unknown", flags: event.StatusUnmapped},
		{name: "first times", field: `closed_at: {first: [{from: a}, {from: b}]}`, row: []string{"?", "2024-03-05"}, want: "2024-03-05T00:00:00"},
		{name: "when in", field: `title: {from: a, when: [{column: b, in: [x, y]}]}`, row: []string{"A", "y"}, want: "A"},
		{name: "when not", field: `title: {from: a, when: [{column: b, in: [x]}]}`, row: []string{"A", "z"}},
		{name: "when not_in", field: `title: {from: a, when: [{column: b, not_in: [x]}]}`, row: []string{"A", absent}, want: "A"},
		{name: "when absent", field: `title: {from: a, when: [{column: b, present: false}]}`, row: []string{"A", " "}, want: "A"},
		{name: "when matches", field: `title: {from: a, when: [{column: b, matches: '^\d+$'}]}`, row: []string{"A", "12"}, want: "A"},
		{name: "when all", field: `title: {from: a, when: [{column: b, in: [x]}, {column: c, in: [y]}]}`, row: []string{"A", "x", "n"}},

		{name: "format", field: `source_record_alt: {from: a, format: '^\d{3}$'}`, row: []string{"12x"}, want: "12x", flags: event.IDFormat},
		{name: "format of no id", field: `county_code: {from: a, format: '^\d{6}$'}`, row: []string{"31.2"}, want: "31.2", flags: event.ColumnShift},
		{name: "format strict", field: `source_record_alt: {from: a, format: '^\d{3}$', strict: true}`, row: []string{"12x"}, rule: "bad_format"},
		{name: "format general", field: `source_record_alt: {from: a, format: '^(a|b)+$'}`, row: []string{"abab"}, want: "abab"},

		{name: "cel", field: `title: {cel: 'src["a"] + "/" + src["b"].upperAscii()'}`, row: []string{"x", "y"}, want: "x/Y"},
		{name: "cel missing is empty", field: `title: {cel: 'src["zz"] == "" ? "none" : src["zz"]'}`, row: []string{"x"}, want: "none"},
		{name: "cel number", field: `sla_limit_min: {cel: 'int(src["a"]) * 60'}`, row: []string{"2"}, want: "120"},
		{name: "cel codes", field: `channel: {cel: 'src["a"].substring(0, 1)', codes: {"1": phone}}`, row: []string{"1x"}, want: "phone"},
		{name: "cel null", field: `title: {cel: 'src["a"] == "x" ? dyn(null) : dyn("y")'}`, row: []string{"x"}},
		{name: "cel error", field: `sla_limit_min: {cel: 'int(src["a"])'}`, row: []string{"two"}},
		{name: "cel error rejects", field: `sla_limit_min: {cel: 'int(src["a"])', on_error: reject}`, row: []string{"two"}, rule: "expression_failed"},
		{name: "cel costs too much", field: `title: {cel: '[1,2,3,4,5,6,7,8,9,0].all(a, [1,2,3,4,5,6,7,8,9,0].all(b, [1,2,3,4,5,6,7,8,9,0].all(c, [1,2,3,4,5,6,7,8,9,0].all(d, src["a"] != "q")))) ? "y" : "n"'}`, row: []string{"x"}},

		{name: "mojibake replacement", field: `description: {from: a}`, row: []string{"路\ufffd灯"}, want: "路\ufffd灯", flags: event.EncodingReplaced},
		{name: "mojibake private use", field: `description: {from: a}`, row: []string{"路\ue5e5灯"}, want: "路\ue5e5灯", flags: event.EncodingReplaced},
		{name: "mojibake reading", field: `description: {from: a}`, row: []string{"現(xiàn)代化"}, want: "現(xiàn)代化", flags: event.EncodingReplaced},
		{name: "mojibake odd byte", field: `description: {from: a}`, row: []string{"狈ㄖ问鞘杏蛏"}, want: "狈ㄖ问鞘杏蛏", flags: event.EncodingReplaced},
		{name: "mojibake latin", field: `description: {from: a}`, row: []string{"è·¯ç\u0081¯"}, want: "è·¯ç\u0081¯", flags: event.EncodingReplaced},
		{name: "mojibake twice", field: `owner_org_name: {from: a}`, row: []string{"锟斤拷"}, want: "锟斤拷", flags: event.EncodingReplaced},
		{name: "sound text", field: `description: {from: a}`, row: []string{"café “好”——37°C ±2（测试）ＡＢＣ·" + long}, want: "café “好”——37°C ±2（测试）ＡＢＣ·" + long},

		{name: "point", field: `x: {from: a, crs: gcj02}, y: {from: b}`, row: []string{"119.4", "32.3"}, want: "119.4"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := compile(t, head+"fields: {source_record_id: {from: id}, reported_at: {from: t}, "+tc.field+"}", normalize.ListMap{"channels": {"T": "phone"}})
			row := append([]string{"0001", "2024-01-01 00:00:00"}, tc.row...)
			for len(row) < 5 {
				row = append(row, absent)
			}
			rec := records([]string{"id", "t", "a", "b", "c"}, row, []string{"0002", "2024-01-01 00:00:00", absent, absent, absent})
			defer rec.Release()
			d, rejects := apply(t, n, rec)
			var rule string
			for _, r := range rejects {
				if r.Row == 0 {
					rule = r.Rule
				}
				if r.MessageZH == "" || r.Stage != "map" {
					t.Errorf("reject %+v", r)
				}
			}
			if rule != tc.rule {
				t.Fatalf("rule %q, want %q", rule, tc.rule)
			}
			if rule != "" {
				return
			}
			name, _, _ := strings.Cut(tc.field, ":")
			if name == "x" {
				name = "coord_src_x"
			}
			if got := cell(d.Col(name), 0); got != tc.want {
				t.Errorf("%s = %q, want %q", name, got, tc.want)
			}
			if d.Flags[0] != tc.flags {
				t.Errorf("flags %v, want %v", d.Flags[0], tc.flags)
			}
		})
	}
}

func TestRejectsAreCutOut(t *testing.T) {
	n := compile(t, minimal+"  title: {from: a}\n  channel: {from: b, codes: {T: phone}}\nparties: [{kind: phone, role: reporter, from: p}]\next: {allow: {k: c}}\n", nil)
	rec := records([]string{"id", "t", "a", "b", "c", "p"},
		[]string{"1", "2024-01-01", "one", "T", "x", "p1"},
		[]string{absent, "2024-01-01", "two", "?7", "x", "p2"},
		[]string{"3", "never", "three", "?7", "x", "p3"},
		[]string{" 4 ", "2024-01-02", "four", "?7", absent, absent},
		[]string{"NULL", "0000-00-00", "five", "T", "x", "p5"},
		[]string{"6", "1900-01-01", "six", "T", "x", "p6"},
	)
	defer rec.Release()
	d, rejects := apply(t, n, rec)
	want := `event of row 0
  source_kind = other
  source_record_id = 1
  record_purpose = actual
  validity = unknown
  event_kind = other
  channel = phone
  category_scheme = none
  category_scheme_ver = 1
  urgency = unknown
  title = one
  coord_origin = none
  reported_at = 2024-01-01T00:00:00
  status = unknown
  dispatch_count = 0
  return_count = 0
  rework_count = 0
  urge_count = 0
  supervise_count = 0
  reporter_type = unknown
  source_state = live
  ext = k:x
  party phone of reporter = p1
event of row 3
  source_kind = other
  source_record_id = 4
  record_purpose = actual
  validity = unknown
  event_kind = other
  channel = unknown
  category_scheme = none
  category_scheme_ver = 1
  urgency = unknown
  title = four
  coord_origin = none
  reported_at = 2024-01-02T00:00:00
  status = unknown
  dispatch_count = 0
  return_count = 0
  rework_count = 0
  urge_count = 0
  supervise_count = 0
  reporter_type = unknown
  source_state = live
  flags = CODE_UNMAPPED
reject of row 1: map id_missing source_record_id: source_record_id is empty: without a number the record has no identity / source_record_id 为空: 没有编号的记录无法识别
reject of row 4: map id_missing source_record_id: source_record_id is empty: without a number the record has no identity / source_record_id 为空: 没有编号的记录无法识别
reject of row 2: map bad_time reported_at: reported_at is required and no declared layout reads it / 必填时间 reported_at 无法解析
reject of row 5: map missing_required reported_at: reported_at is required and empty / 必填字段 reported_at 为空
`
	if diff := cmp.Diff(want, render(d, rejects)); diff != "" {
		t.Error(diff)
	}
	// A rejected record leaves no trace in the counts of codes: it is counted as a reject.
	if diff := cmp.Diff("rows 6 events 2\nreject bad_time = 1\nreject id_missing = 2\nreject missing_required = 1\nunmapped codes of channel = 1\n  code ?7 = 1\nflag CODE_UNMAPPED = 1\n", renderReport(n.Report())); diff != "" {
		t.Error(diff)
	}
}
