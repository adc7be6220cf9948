package privacy

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"onegrid/event"
)

func testKeys(t testing.TB) Keys {
	t.Helper()
	p := filepath.Join(t.TempDir(), "key")
	if err := GenerateKeyFile(p); err != nil {
		t.Fatal(err)
	}
	k, err := LoadKeys("file:"+p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func texts(mem memory.Allocator, vs ...string) *array.String {
	b := array.NewStringBuilder(mem)
	defer b.Release()
	for _, v := range vs {
		if v == "" {
			b.AppendNull()
		} else {
			b.Append(v)
		}
	}
	return b.NewStringArray()
}

func dictOf(mem memory.Allocator, vs ...string) arrow.Array {
	b := array.NewDictionaryBuilder(mem, event.Dict).(*array.BinaryDictionaryBuilder)
	defer b.Release()
	for _, v := range vs {
		if err := b.AppendString(v); err != nil {
			panic(err)
		}
	}
	return b.NewArray()
}

func times(mem memory.Allocator, n int, at time.Time) arrow.Array {
	b := array.NewTimestampBuilder(mem, event.Timestamp)
	defer b.Release()
	for range n {
		b.Append(arrow.Timestamp(at.UnixMicro()))
	}
	return b.NewArray()
}

func newDraft(rows int) *event.Draft {
	d := event.NewDraft(rows)
	for i := range d.Source {
		d.Source[i] = int32(i * 10)
	}
	return d
}

func TestProtect(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	g, err := New(Config{Allocator: mem}, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	phone := "19900000000"
	d := newDraft(4)
	d.Set("source_record_id", texts(mem, "00000026021210150001", phone, "260212101108115409", "T-4"))
	d.Set("description", texts(mem, "路灯不亮,电话"+phone, "x", "", "一名8岁儿童走失"))
	d.Set("title", texts(mem, strings.Repeat("长", 130), "b", "标题", "d"))
	d.Set("address_masked", texts(mem, "文昌路12号", "x", "文昌路口", ""))
	d.Set("category_src_name", dictOf(mem, "路灯", "路灯", "联系人张甲", "路灯"))
	d.Set("owner_org_name", dictOf(mem, "城管局", "城管局", "城管局", "城管局"))
	d.Set("coord_origin", dictOf(mem, "incident", "incident", "incident", "caller"))
	d.Set("reported_at", times(mem, 4, testNow))
	fb := array.NewFloat64Builder(mem)
	fb.AppendValues([]float64{1, 2, 3, 0}, []bool{true, true, true, false})
	d.Set("coord_src_x", fb.NewArray())
	mb := array.NewMapBuilderWithType(mem, event.Extras)
	for _, v := range []string{"正常", "x", "邮箱a@example.com", ""} {
		if v == "" {
			mb.AppendNull()
			continue
		}
		mb.Append(true)
		mb.KeyBuilder().(*array.StringBuilder).Append("note")
		mb.ItemBuilder().(*array.StringBuilder).Append(v)
	}
	d.Set("ext", mb.NewArray())
	mb.Release()
	lb := array.NewListBuilder(mem, arrow.BinaryTypes.String)
	for i := range 4 {
		lb.Append(true)
		lb.ValueBuilder().(*array.StringBuilder).Append([]string{"A1", "A2", phone, "A4"}[i])
	}
	d.Set("co_org_codes", lb.NewArray())
	lb.Release()
	fb.AppendValues([]float64{1, 1, 1, 1}, nil)
	d.CallerX = fb.NewArray()
	fb.Release()
	d.Parties = []event.PartyColumn{{Kind: "phone", Role: "reporter", Values: texts(mem, phone, phone, "+86 199-0000-0000", "199****0000")}}

	tokens, rejects, err := g.Protect(d, Meta{Stream: "s", Now: testNow})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Release()
	if len(rejects) != 1 || rejects[0].Rule != "pii_in_id" || rejects[0].Row != 10 || rejects[0].Stage != "privacy" || rejects[0].MessageZH == "" {
		t.Fatalf("rejects %+v", rejects)
	}
	if d.Rows != 3 || d.Source[1] != 20 || len(d.Flags) != 3 {
		t.Fatalf("rows %d, source %v", d.Rows, d.Source)
	}
	str := func(col string, row int) string { return d.Col(col).ValueStr(row) }
	for _, c := range []struct {
		col  string
		row  int
		want string
	}{
		{"description", 0, "路灯不亮,电话〔电话〕"}, {"description", 2, "一名8岁儿童走失"}, {"address_masked", 0, "文昌路〔门牌〕"}, {"category_src_name", 1, "联系人〔姓名〕"},
		{"title", 0, strings.Repeat("长", 120)}, {"source_record_id", 0, "00000026021210150001"}, {"source_record_id", 1, "260212101108115409"},
		{"redaction_hits", 0, "2"}, {"redaction_hits", 1, "3"}, {"redaction_hits", 2, "0"}, {"redaction_ver", 0, "1"}, {"has_sensitive", 2, "true"}, {"has_sensitive", 0, "false"},
	} {
		if got := str(c.col, c.row); got != c.want {
			t.Errorf("%s[%d] = %q, want %q", c.col, c.row, got, c.want)
		}
	}
	if !d.Col("description").IsNull(1) {
		t.Error("a null description is not null any more")
	}
	if d.Flags[0]&event.PIIInText == 0 || d.Flags[2]&event.PIIInText != 0 {
		t.Errorf("flags %v", d.Flags)
	}
	if d.Parties != nil || d.CallerX != nil {
		t.Error("clear parties or a caller's position are left")
	}
	if d.Col("text_simhash").IsNull(0) || d.Col("text_simhash").IsNull(1) {
		t.Error("no simhash")
	}
	// Rows 0 and 2 of the source have the same phone in two forms: same tokens, two epochs each; the starred one has none.
	if tokens.Len() != 4 || tokens.Row[0] != 0 || tokens.Row[2] != 1 || tokens.Token[0] != tokens.Token[2] || tokens.Token[0] == tokens.Token[1] {
		t.Errorf("tokens %+v", tokens)
	}
	today := event.Day(testNow.UnixMicro())
	for i := range tokens.Len() {
		if int32(tokens.Expires[i])-today > 180 || int32(tokens.Expires[i]) < today || tokens.KID[i] == "" {
			t.Errorf("token %d expires %d days from now", i, int32(tokens.Expires[i])-today)
		}
	}
	for i := range d.Cols {
		if d.Cols[i] != nil && strings.Contains(fmt.Sprint(d.Cols[i]), phone) {
			t.Errorf("column %s holds the phone", event.Columns()[i].Name)
		}
	}
}

func TestProtectRefusesCallerPoints(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	g, _ := New(Config{Allocator: mem}, testKeys(t))
	d := newDraft(2)
	d.Set("coord_origin", dictOf(mem, "incident", "caller"))
	fb := array.NewFloat64Builder(mem)
	fb.AppendValues([]float64{119, 119}, nil)
	d.Set("coord_src_x", fb.NewArray())
	fb.Release()
	_, rejects, err := g.Protect(d, Meta{Now: testNow})
	if err != nil || len(rejects) != 1 || rejects[0].Rule != "caller_position" || d.Rows != 1 {
		t.Errorf("%+v, %v", rejects, err)
	}
	d.Release()
}

func TestProtectFailsClosed(t *testing.T) {
	g, _ := New(Config{}, testKeys(t))
	mem := memory.DefaultAllocator
	for name, d := range map[string]*event.Draft{
		"short column": func() *event.Draft { d := newDraft(2); d.Set("title", texts(mem, "a")); return d }(),
		"wrong type":   func() *event.Draft { d := newDraft(1); d.Set("title", dictOf(mem, "a")); return d }(),
		"unknown party": func() *event.Draft {
			d := newDraft(1)
			d.Parties = []event.PartyColumn{{Kind: "face", Values: texts(mem, "a")}}
			return d
		}(),
	} {
		if _, _, err := g.Protect(d, Meta{Now: testNow}); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if d.Rows != 0 || d.Col("title") != nil || d.Parties != nil {
			t.Errorf("%s: the draft is left usable", name)
		}
	}
	if _, err := New(Config{}, Keys{}); !errors.Is(err, ErrNoKey) {
		t.Errorf("a guard without a key: %v", err)
	}
	if _, err := New(Config{TitleRunes: 500, TokenDays: 999}, testKeys(t)); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("limits out of range: %v", err)
	}
}

func TestIDs(t *testing.T) {
	w := testWorker()
	id := id18Of("000000", "19900101", "001")
	for in, want := range map[string]idVerdict{
		"19900000000": idPersonal, "+8619900000000": idPersonal, "199-0000-0000": idPersonal, "199 0000 0000": idPersonal, id: idPersonal, strings.ToLower(id): idPersonal,
		"１９９００００００００": idPersonal, "a@example.com": idRecord, "00000026021210150001": idRecord, "260212101108115409": idRecord, "3210020100000001": idRecord, "SR-19900000000": idRecord,
		"14-00684314": idRecord, "19-000123456": idRecord, "": idRecord, "任务12": idRecord, "张先生": idPersonal, id18Of("210102", "20050615", "001"): idDoubtful,
	} {
		if got := w.idValue([]byte(in)); got != want && !(in == "a@example.com" && got == idPersonal) {
			t.Errorf("%q: verdict %d, want %d", in, got, want)
		}
	}
}

// A number in any formatting inside any text does not survive.
func TestSeededNumbersNeverSurvive(t *testing.T) {
	w := testWorker()
	words := []string{"路灯不亮", "反映", "来电", "，", "。", " ", "文昌路", "请处理", "小区", "ABC", "a", "：", "(", "）", "\n", "12号", "2026年", "、"}
	seps := []string{"", "", " ", "-", ".", "·", "　", "－", "\u200b"}
	rapid.Check(t, func(t *rapid.T) {
		tail := rapid.StringMatching(`[0-9]{8}`).Draw(t, "tail")
		number := "199" + tail
		if rapid.Bool().Draw(t, "id") {
			number = id18Of("000000", "19"+pad(rapid.IntRange(10, 99).Draw(t, "y"), 2)+"0615", tail[:3])
		}
		sep := rapid.SampledFrom(seps).Draw(t, "sep")
		form := rapid.IntRange(0, 3).Draw(t, "form")
		var b strings.Builder
		for i, c := range number {
			if i > 0 && (i == 3 || i == 7 || rapid.IntRange(0, 5).Draw(t, "gap") == 0) {
				b.WriteString(sep)
			}
			switch {
			case form == 1 && c != 'X':
				c = []rune("零一二三四五六七八九")[c-'0']
			case form == 2:
				c += 0xfee0
			case form == 3 && c != 'X' && rapid.Bool().Draw(t, "mix"):
				c = []rune("〇壹贰叁肆伍陆柒捌玖")[c-'0']
			}
			b.WriteRune(c)
		}
		pre := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 6).Draw(t, "pre"), "")
		post := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 6).Draw(t, "post"), "")
		if pre != "" && pre[len(pre)-1] < 0x80 && pre[len(pre)-1] > '0' && pre[len(pre)-1] <= '9' {
			pre += "，"
		}
		if r, _ := utf8.DecodeRuneInString(post); digitValue(r) >= 0 {
			post = "，" + post // digits stuck together are another number
		}
		w.scan.mode = modeText
		res := w.redact([]byte(pre+b.String()+post), 0, true)
		if res.ok && strings.Contains(string(res.text), b.String()) {
			t.Fatalf("%q survives in %q", b.String(), res.text)
		}
	})
}

func FuzzRedact(f *testing.F) {
	for _, s := range []string{"报警人张甲，电话199-0000-0000，住文昌花园3幢2单元501室", "苏K·00000 a@example.com QQ:100000", "\xff\xfe一三八", "叫叫叫王王王先生某某"} {
		f.Add(s)
	}
	w := testWorker()
	f.Fuzz(func(t *testing.T, in string) {
		w.scan.mode = modeText
		res := w.redact([]byte(in), 300, true)
		if !res.ok {
			return
		}
		out := string(res.text)
		if !utf8.ValidString(out) {
			t.Fatalf("invalid UTF-8 out of %q", in)
		}
		if again := w.redact([]byte(out), 300, true); again.changed || !again.ok {
			t.Fatalf("%q: %q is changed again", in, out)
		}
	})
}

func TestSimHash(t *testing.T) {
	a := SimHash("市民反映文昌路与江都路口路灯不亮,夜间出行不便,希望尽快处理")
	if b := SimHash("市民反映,文昌路与江都路口路灯不亮。夜间出行不便 希望尽快处理!〔电话〕"); a != b {
		t.Error("punctuation and marks change the hash")
	}
	if SimHash("ＡＢＣ１２３四五六") != SimHash("abc123四五六") {
		t.Error("width or case changes the hash")
	}
	near := bits.OnesCount64(a ^ SimHash("市民反映文昌路与江都路口路灯不亮,夜间出行不便,请尽快处理"))
	far := bits.OnesCount64(a ^ SimHash("某餐馆油烟扰民,排放污水到河道,居民多次投诉未果"))
	if near >= far || near > 16 {
		t.Errorf("distance near %d, far %d", near, far)
	}
	// Bit-sliced counting gives what plain counting gives.
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.RuneFrom([]rune("市民反映路灯不亮abc")), 3, 60, -1).Draw(t, "s")
		var count [64]int
		r := []rune(s)
		for i := 2; i < len(r); i++ {
			h := mix(uint64(r[i-2])<<42 | uint64(r[i-1])<<21 | uint64(r[i]))
			for k := range count {
				count[k] += int(h >> k & 1)
			}
		}
		want := uint64(0)
		for k, c := range count {
			if c > (len(r)-2)/2 {
				want |= 1 << k
			}
		}
		if got := SimHash(s); got != want {
			t.Fatalf("%q: %x, want %x", s, got, want)
		}
	})
	if SimHash("") != 0 || SimHash("，。") != 0 {
		t.Error("a text without letters has a hash")
	}
}

func TestKeysAndTokens(t *testing.T) {
	p := filepath.Join(t.TempDir(), "key")
	if err := GenerateKeyFile(p); err != nil {
		t.Fatal(err)
	}
	if GenerateKeyFile(p) == nil {
		t.Error("a key file was replaced")
	}
	if err := os.Chmod(p, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKeys("file:"+p, nil); !errors.Is(err, ErrKeyMode) {
		t.Errorf("a key that others can read: %v", err)
	}
	env := func(string) (string, error) { return strings.Repeat("ab", 32), nil }
	k, err := LoadKeys("env:X", env)
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprintf("%v %+v %#v %s %x", k, k, k, k, k); strings.Contains(s, "abab") || strings.Contains(s, "171") {
		t.Error("the key prints")
	}
	if _, err := LoadKeys("env:X", func(string) (string, error) { return "short", nil }); !errors.Is(err, ErrNoKey) {
		t.Errorf("a short key: %v", err)
	}
	a, _ := k.epochKey("phone", 200)
	b, _ := k.epochKey("id_number", 200)
	c, _ := k.epochKey("phone", 201)
	if bytes.Equal(a, b) || bytes.Equal(a, c) {
		t.Error("kinds or epochs share a key")
	}
	tk := newTokenizer(k)
	for in, want := range map[string]string{"+86 199-0000-0000": "19900000000", "00861990000 0000": "19900000000", "１９９００００００００": "19900000000", "0514-80000000": "051480000000", "110": "", "00000000": "", "199****0000": ""} {
		if ok := tk.normalise("phone", []byte(in)); ok != (want != "") || ok && string(tk.value) != want {
			t.Errorf("%q becomes %q, %v", in, tk.value, ok)
		}
	}
}

func TestScrubAndLog(t *testing.T) {
	g, _ := New(Config{}, testKeys(t))
	var out bytes.Buffer
	log := slog.New(NewHandler(slog.NewTextHandler(&out, nil), g)).With("who", "联系人张甲").WithGroup("g")
	log.Info("读取19900000000", "err", errors.New("bad 19900000000"), slog.Group("h", "p", "199-0000-0000"), "n", 19900000000, "rows", 12)
	if f := Scan(out.Bytes()); len(f) > 0 || strings.Contains(out.String(), "张甲") || strings.Contains(out.String(), "0000-0000") {
		t.Errorf("the log holds %v: %s", f, out.String())
	}
	if !strings.Contains(out.String(), "rows=12") {
		t.Error("a plain number was lost")
	}
	if got := g.Scrub("nothing to hide"); got != "nothing to hide" {
		t.Error(got)
	}
}

func TestScan(t *testing.T) {
	data := []byte("\x00\x0119900000000\x00" + id18Of("000000", "19900101", "001") + " 0514-80000000 苏K00000 " + luhn("622800000000000000") + " 00000026021210150001 260212101108115409")
	kinds := map[string]int{}
	for _, f := range Scan(data) {
		kinds[f.Kind]++
	}
	for _, k := range []string{"mobile", "id", "landline", "plate", "card"} {
		if kinds[k] != 1 {
			t.Errorf("%s found %d times", k, kinds[k])
		}
	}
	if n := len(FindSeeds([]byte("a１２３b123"), "123")); n != 2 {
		t.Errorf("%d seeds found, want 2", n)
	}
}

// TestResidual breaks the first detector on purpose: the second one alone must refuse.
func TestResidual(t *testing.T) {
	d := residual{now: 20260301}
	for in, want := range map[string]bool{"电话19900000000": true, "199-0000-0000": true, "一九九零零零零零零零零": true, id18Of("000000", "19900101", "001"): true, luhn("622800000000000000"): true,
		"00000026021210150001": false, "260212101108115409": false, "12345": false, "2026-02-12 10:11": false} {
		if got := d.found([]byte(in), true); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}
