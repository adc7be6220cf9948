package httpjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"onegrid/connectors"
)

// rowsOf decodes a body with the records at its root.
func rowsOf(t testing.TB, body []byte, charset string) ([]map[string]string, []string) {
	t.Helper()
	tx, err := decodeCharset(body, charset, "")
	if err != nil {
		t.Fatal(err)
	}
	e, err := newPlan("").read(tx.body, nil)
	if err != nil {
		t.Fatal(err)
	}
	return decodeItems(e, tx)
}

func decodeItems(e *envelope, tx text) (rows []map[string]string, rules []string) {
	b := connectors.NewBuilder()
	d := newDecoder(b, Limits{RecordBytes: 1 << 20, Depth: 64, Columns: 50}, "")
	for _, it := range e.items {
		if p := d.record(e.body, it, tx.dubious, tx.replaced); p.is() {
			rules = append(rules, p.rule)
		}
	}
	rec := b.Take()
	defer rec.Release()
	for r := range int(rec.NumRows()) {
		rows = append(rows, rowValues(rec, r))
	}
	return rows, rules
}

func TestRecordShapes(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70)
	many := "{"
	for i := range 60 {
		many += fmt.Sprintf(`"c%d":1,`, i)
	}
	many = strings.TrimSuffix(many, ",") + "}"
	for name, tc := range map[string]struct {
		body string
		want string // rows as fmt prints them
		rule string
	}{
		"scalars":            {`[{"s":"灯","n":1.50e3,"b":true,"z":null,"e":""}]`, `[map[b:true e: n:1.50e3 s:灯]]`, ""},
		"objects flatten":    {`[{"a":{"b":{"c":"x"},"d":2},"o":{}}]`, `[map[a.b.c:x a.d:2 o:{}]]`, ""},
		"arrays stay JSON":   {`[{"n":[ {"k":"\u706f"}, 2 ]}]`, `[map[n:[ {"k":"\u706f"}, 2 ]]]`, ""},
		"escapes":            {`[{"\u006b":"a\tb\"\\\/\u00e9\ud83d\ude00"}]`, "[map[k:a\tb\"\\/é😀]]", ""},
		"first of two":       {`[{"a":1,"a":2}]`, `[map[a:1]]`, ""},
		"other order":        {`[{"a":1,"b":2},{"b":3,"a":4},{"c":5}]`, `[map[a:1 b:2] map[a:4 b:3] map[c:5]]`, ""},
		"empty name":         {`[{"":1}]`, `[map[_empty:1]]`, ""},
		"lone surrogate":     {`[{"a":"\ud800"},{"a":1}]`, `[map[a:1]]`, "bad_encoding"},
		"surrogate in array": {`[{"a":["\udc00"]},{"a":1}]`, `[map[a:1]]`, "bad_encoding"},
		"surrogate twice":    {`[{"a":"\ud800\ud800"},{"a":1}]`, `[map[a:1]]`, "bad_encoding"},
		"invalid UTF-8":      {"[{\"a\":\"\xff\"},{\"a\":1}]", `[map[a:1]]`, "bad_encoding"},
		"control character":  {"[{\"a\":\"x\ny\"},{\"a\":1}]", `[map[a:1]]`, "bad_row"},
		"no object":          {`[7,{"a":1}]`, `[map[a:1]]`, "bad_row"},
		"too deep":           {"[" + deep + `,{"a":1}]`, `[map[a:1]]`, "too_deep"},
		"too many columns":   {"[" + many + `]`, `[]`, "too_many_columns"},
		"too large":          {`[{"a":"` + strings.Repeat("x", 1<<20) + `"},{"a":1}]`, `[map[a:1]]`, "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, rules := rowsOf(t, []byte(tc.body), "")
			if got := fmt.Sprint(rows); got != tc.want {
				t.Errorf("rows %s, want %s", got, tc.want)
			}
			if got := strings.Join(rules, ","); got != tc.rule {
				t.Errorf("rejects %q, want %q", got, tc.rule)
			}
		})
	}
}

func TestGB18030(t *testing.T) {
	good, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(`[{"a":"東西"},{"a":"路灯"}]`))
	if err != nil {
		t.Fatal(err)
	}
	rows, rules := rowsOf(t, good, "gb18030")
	if fmt.Sprint(rows) != "[map[a:東西] map[a:路灯]]" || len(rules) != 0 {
		t.Errorf("rows %v, rejects %v", rows, rules)
	}
	bad := bytes.Replace(good, []byte(`"},`), []byte("\xff\"},"), 1)
	rows, rules = rowsOf(t, bad, "gb18030")
	if fmt.Sprint(rows) != "[map[a:路灯]]" || fmt.Sprint(rules) != "[bad_encoding]" {
		t.Errorf("with an illegal byte: rows %v, rejects %v", rows, rules)
	}
	if tx, err := decodeCharset([]byte(`"路灯"`), "gb18030", ""); err != nil || string(tx.body) != `"路灯"` {
		t.Errorf("UTF-8 declared as GB18030 was decoded: %v", err)
	}
	if _, err := decodeCharset([]byte{0xff, 0xfe, '['}, "", "application/json; charset=utf-16"); err == nil {
		t.Error("UTF-16 was accepted")
	}
	if tx, err := decodeCharset(good, "", "application/json; charset=GBK"); err != nil || !bytes.Contains(tx.body, []byte("東西")) {
		t.Errorf("charset of the content type: %v", err)
	}
}

func TestLines(t *testing.T) {
	e := readLines([]byte("{\"a\":1}\r\n\n{\"a\":\n{\"a\":2} x\n{\"a\":3}"), nil)
	rows, rules := decodeItems(e, text{})
	if fmt.Sprint(rows) != "[map[a:1] map[a:3]]" || fmt.Sprint(rules) != "[bad_row bad_row]" {
		t.Errorf("rows %v, rejects %v", rows, rules)
	}
}

func TestEnvelopePaths(t *testing.T) {
	p := newPlan("data.list", "code", "data.total", "data", "page.next", "none.here")
	e, err := p.read([]byte(`{"code":"0","data":{"total":7,"list":[{"a":1},{"a":2}]},"page":{"n\u0065xt":"c\u0032"}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"code": "0", "data.total": "7", "page.next": "c2"} {
		if got, ok := scalar(e.values[path]); !ok || got != want {
			t.Errorf("%s = %q (%t), want %q", path, got, ok, want)
		}
	}
	if _, ok := e.values["none.here"]; ok || len(e.items) != 2 || !e.found || !bytes.HasPrefix(e.values["data"], []byte(`{"total"`)) {
		t.Errorf("envelope %d items, found %t", len(e.items), e.found)
	}
}

// FuzzScan holds the scanner against encoding/json: the same texts are JSON, and a flat record has the same values.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`[]`, `[{"a":1}]`, `[{"a":{"b":[1,2,{"c":"\u00e9\ud83d\ude00"}]},"x":-0.5e+7}]`, `[1,]`, `[{"a" : tru}]`, `[{"a":01}]`,
		"[{\"a\":\"\xff\"}]", `[{"a":"\ud800"}] `, `{"a":[{}]}`, `[{},{"":""},null]`, `[{"a":"12345678\"12345678\\"}]`, `[[[[]]]]`, `[{,}]`, `"`, `[{"a":.5}]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s := &scanner{data: body}
		err := s.skip()
		ours := err == nil && s.peek() == 0 && s.pos == len(body)
		if valid := json.Valid(body); ours != valid && !(ours && s.flaws&flawControl != 0) {
			t.Fatalf("scanner says %t, encoding/json %t", ours, valid)
		}
		e, err := newPlan("", "a.b").read(body, nil)
		if (err == nil) != ours {
			t.Fatalf("envelope: %v, scanner says %t", err, ours)
		}
		if err != nil {
			return
		}
		rows, rules := decodeItems(e, text{body: body, dubious: !utf8.Valid(body)})
		if len(rows)+len(rules) != len(e.items) {
			t.Fatalf("%d rows and %d rejects of %d items", len(rows), len(rules), len(e.items))
		}
		if len(rules) == 0 {
			compare(t, body, rows)
		}
		readLines(body, nil)
	})
}

// compare checks decoded rows against encoding/json's view of the same body.
func compare(t *testing.T, body []byte, rows []map[string]string) {
	var want []json.RawMessage
	if json.Unmarshal(body, &want) != nil {
		want = []json.RawMessage{body}
	}
	if len(rows) == 0 {
		return // a scalar, null or nothing
	}
	for i, raw := range want {
		flat := map[string]string{}
		flatten(t, raw, "", flat)
		if len(flat) != len(rows[i]) {
			t.Fatalf("row %d has %d values, want %d", i, len(rows[i]), len(flat))
		}
		for k, v := range flat {
			if rows[i][k] != v {
				t.Fatalf("row %d: %q is %q, want %q", i, k, rows[i][k], v)
			}
		}
	}
}

// flatten is the reference: slow, by encoding/json's own decoder, the first of two values under one name wins.
func flatten(t *testing.T, raw json.RawMessage, prefix string, out map[string]string) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		key, _ := tok.(string)
		if key == "" {
			key = "_empty"
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		name := prefix + key
		var text string
		switch {
		case v[0] == '{' && len(bytes.TrimSpace(v[1:len(v)-1])) > 0:
			flatten(t, v, name+".", out)
			continue
		case string(v) == "null":
			continue
		case v[0] == '"':
			if err := json.Unmarshal(v, &text); err != nil {
				t.Fatal(err)
			}
		default:
			text = string(v)
		}
		if _, twice := out[name]; !twice {
			out[name] = text
		}
	}
}

func FuzzLink(f *testing.F) {
	for _, s := range []string{`<a>; rel=next`, `<a>; rel="prev next", <b>`, `<a>; title="x, rel=next"; rel=last, </p?c=1>;rel="next"`, `<`, `<a>;rel="\"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := nextLink([]string{s}); got != "" && !strings.Contains(s, strings.TrimSpace(got)) {
			t.Fatalf("%q is not in the field", got)
		}
	})
}

func TestLink(t *testing.T) {
	for field, want := range map[string]string{
		`<https://a/x?page=2>; rel="next"`:                       "https://a/x?page=2",
		`<a>; rel="prev", <b>; rel=next`:                         "b",
		`<a>; rel="last first", <b>; title="x, y"; REL="x NEXT"`: "b",
		`<a>; title="rel=next"`:                                  "",
		`<a>; rel=prev; rel=next`:                                "",
		`<a,b;c>; rel=next`:                                      "a,b;c",
		`<a>`:                                                    "",
		`<a>; rel="n\ext"`:                                       "a",
		``:                                                       "",
	} {
		if got := nextLink([]string{field}); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
	if got := nextLink([]string{`<a>; rel=prev`, `<b>; rel=next`}); got != "b" {
		t.Errorf("two fields: %q", got)
	}
}

func BenchmarkDecode(b *testing.B) {
	body := samplePage(1000)
	plan := newPlan("data", "total")
	bl := connectors.NewBuilder()
	d := newDecoder(bl, Defaults().Limits, "gxsj")
	var items []item
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		tx, err := decodeCharset(body, "", "")
		if err != nil {
			b.Fatal(err)
		}
		e, err := plan.read(tx.body, items)
		if err != nil {
			b.Fatal(err)
		}
		items = e.items
		for _, it := range e.items {
			if p := d.record(tx.body, it, false, false); p.is() {
				b.Fatal(p)
			}
		}
		bl.Take().Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/record")
}

// samplePage is a page of invented records of about 600 bytes.
func samplePage(n int) []byte {
	var w bytes.Buffer
	fmt.Fprintf(&w, `{"code":0,"total":%d,"data":[`, n)
	for i := range n {
		if i > 0 {
			w.WriteByte(',')
		}
		fmt.Fprintf(&w, `{"jjdbh":"000000%012d","bjsj":"2024-05-01 08:%02d:%02d","gxsj":"2024-05-01T09:00:00+08:00","bjnr":"%s","dz":"示例区第%d大道与示例路交叉口东侧人行道","lb":{"dl":"06","zl":"0603","mc":"交通设施"},"zt":"已派警","jd":119.41%04d,"wd":32.39%04d,"sfzd":false,"bz":null,"bh":"GD-%06d","dw":"示例街道综合执法队","fk":"已安排人员到场查看，情况属实，正在联系产权单位处理"}`,
			i, i/60%60, i%60, strings.Repeat("路灯不亮影响通行", 6), i%97, i%10000, i%10000, i)
	}
	w.WriteString("]}")
	return w.Bytes()
}
