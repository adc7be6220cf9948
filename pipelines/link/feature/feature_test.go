package feature_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"onegrid/pipelines/link/feature"
)

func TestNormalise(t *testing.T) {
	for in, want := range map[string]string{
		"":            "",
		"  \n\t　":     "",
		"ＡＢＣ１２３ 路灯":   "abc123路灯",
		"A5区，劳动东路！":   "a5区劳动东路",
		"您好，路灯坏了。谢谢！": "路灯坏了",
		"尊敬的各位领导：路灯坏了，请相关部门尽快处理。此致敬礼": "路灯坏了",
		"联系电话〔电话〕，住〔门牌〕，路灯坏了":         "联系电话住路灯坏了",
		"〔没有结束的标记，路灯坏了":               "没有结束的标记路灯坏了",
		"2111 W. Lexington ST":      "2111 w lexington st",
		"2019-05-01 路灯":             "2019 05 01路灯",
		"㎡ ﬁre Ⅳ":                   "m2 fire iv",
		"Straße ÉCOLE":              "straße école",
		"〇〇路":                       "〇〇路",
		"bad\xffbyte 路\xe8\xb7":     "bad byte路",
		"ｶﾞｽ 管":                     "ガス管",
		strings.Repeat("路", 40_000): strings.Repeat("路", feature.MaxNormal/3+1),
		strings.Repeat("〔电话〕灯", 3):  "灯灯灯",
		"你好你好你好":                    "",
		"a ,,, b":                   "a b",
		"（１）井盖·破损…… —— “危险”":            "1井盖破损危险",
		"请问这条路归谁管？万分感谢":                 "请问这条路归谁管",
		"中文 mixed WITH english，words 和": "中文mixed with english words和",
	} {
		if got := feature.Normalise(in); got != want {
			t.Errorf("Normalise(%.40q) = %.60q, want %.60q", in, got, want)
		}
	}
}

// The plain and the general way through a text give the same: a character that needs NFKC at the end sends the whole text
// the general way.
func TestBothWaysAgree(t *testing.T) {
	for _, s := range []string{"A5区 劳动东路，12-3号 mixed TEXT here（二）·〔电话〕您好ＡＢ １", "路灯 坏了 a b", "ABC-路-DEF"} {
		plain, general := feature.Normalise(s), feature.Normalise(s+" ㎡")
		general = strings.TrimSuffix(strings.TrimSuffix(general, "m2"), " ")
		if plain != general {
			t.Errorf("%q: plain %q, general %q", s, plain, general)
		}
	}
}

func TestNgrams(t *testing.T) {
	a, b := feature.Ngrams("青禾路路灯不亮", 3), feature.Ngrams("青禾路路灯坏了", 3)
	if len(a) != 5 || len(b) != 5 {
		t.Fatalf("%d and %d trigrams of 7 runes, want 5", len(a), len(b))
	}
	if n := feature.Common(a, b); n != 3 {
		t.Errorf("%d in common, want 3: 青禾路 禾路路 路路灯", n)
	}
	if j := feature.Jaccard(a, b); j < 3.0/7-1e-9 || j > 3.0/7+1e-9 {
		t.Errorf("Jaccard %v, want 3/7", j)
	}
	if !slices.IsSorted(a) {
		t.Error("not sorted")
	}
	if one := feature.Ngrams("灯", 3); len(one) != 1 {
		t.Errorf("a text of one rune has %d grams, want itself", len(one))
	}
	if feature.Jaccard(nil, nil) != 0 {
		t.Error("two empty texts are alike")
	}
	if got := feature.Ngrams(strings.Repeat("一二三四五六七", 3), 3); len(got) != 7 {
		t.Errorf("%d grams of a repeated text, want 7", len(got))
	}
	// 路灯 as bytes shares prefixes with 路由; as runes only the first.
	if n := feature.Common(feature.Ngrams("路灯", 1), feature.Ngrams("路由", 1)); n != 1 {
		t.Errorf("%d unigrams in common, want 1", n)
	}
}

func TestWords(t *testing.T) {
	if n := len(feature.Words(feature.Normalise("Traffic signal, traffic SIGNAL 红绿灯 out"))); n != 3 {
		t.Errorf("%d words, want 3", n)
	}
}

func TestMinHashEstimates(t *testing.T) {
	var base []uint32
	for i := range uint32(400) {
		base = append(base, i*2654435761)
	}
	slices.Sort(base)
	whole, _ := feature.MinHash(base)
	for _, keep := range []int{400, 300, 200, 100} {
		part, ok := feature.MinHash(base[:keep])
		if !ok {
			t.Fatal("no signature")
		}
		want := float64(keep) / 400
		if got := whole.Similarity(&part); got < want-0.2 || got > want+0.2 {
			t.Errorf("similarity %v, Jaccard %v", got, want)
		}
	}
	if _, ok := feature.MinHash(nil); ok {
		t.Error("an empty set has a signature")
	}
}

// Copies with a few changed characters share a band; different messages do not.
func TestBandsFindCopies(t *testing.T) {
	x := feature.New(nil)
	text := func(i int) string {
		return fmt.Sprintf("第%d号路口往东一百米处的路灯已经连续%d个晚上没有亮，附近居民出行非常不便，多次联系物业都没有人来维修，希望能够尽快安排人员到现场检查线路", i*7919, i)
	}
	var a, b feature.Text
	shared := func() bool {
		for _, v := range a.Bands {
			if slices.Contains(b.Bands, v) {
				return true
			}
		}
		return false
	}
	for i := range 50 {
		s := text(i)
		x.Extract(&a, s)
		x.Extract(&b, strings.Replace(s, "非常不便", "很不方便", 1))
		if !shared() {
			t.Errorf("a copy with two changed characters shares no band (%d)", i)
		}
	}
	x.Extract(&a, "路灯坏了整条街漆黑一片老人出门摔跤请派人来看看线路")
	x.Extract(&b, "垃圾堆在楼道口三天没人清理苍蝇乱飞味道很大请环卫来收")
	if shared() {
		t.Error("two different messages share a band")
	}
	x.Extract(&a, "您好")
	if len(a.Bands) != 0 {
		t.Error("a greeting has bands")
	}
}

func TestCounter(t *testing.T) {
	c := feature.NewCounter[string](4)
	c.Add([]string{"青禾路", "路灯"})
	c.Add([]string{"青禾路", "井盖"})
	c.Add([]string{"路灯"})
	c.Add([]string{"路灯"})
	if got := c.Rare(nil, []string{"青禾路", "路灯", "井盖", "无"}, 2, 2); !slices.Equal(got, []string{"青禾路"}) {
		t.Errorf("rare: %v", got)
	}
	c.Remove([]string{"路灯"})
	c.Remove([]string{"青禾路", "井盖"})
	if c.Of("路灯") != 2 || c.Of("井盖") != 0 || c.Docs() != 2 || c.Len() != 2 {
		t.Errorf("after removing: %d %d, %d docs, %d elements", c.Of("路灯"), c.Of("井盖"), c.Docs(), c.Len())
	}
}

func TestExtractReusesItsMemory(t *testing.T) {
	x := feature.New(feature.NewGazetteer(feature.Name{Name: "北岭区", Level: 3}))
	var once feature.Text
	x.Extract(&once, "北岭区青禾路路灯不亮", "青禾路往东的路灯不亮，案件编号:99010126112208300001")
	first := append([]feature.Place(nil), once.Places...)
	x.Extract(&once, "", "")
	if len(once.Normal)+len(once.Grams)+len(once.Places)+len(once.Tickets)+len(once.Bands) != 0 || once.Copy != 0 {
		t.Errorf("an empty record has features: %+v", once)
	}
	x.Extract(&once, "北岭区青禾路路灯不亮", "青禾路往东的路灯不亮，案件编号:99010126112208300001")
	if !slices.Equal(first, once.Places) || len(once.Tickets) != 1 {
		t.Errorf("the same record gives %v and %v", first, once.Places)
	}
}

func FuzzExtract(f *testing.F) {
	for _, s := range []string{"A5区劳动东路魅力之城小区临街门面", "案件编号:99010126112208300001;地址:青禾路与汶河路交叉口", "2111 W Lexington ST & N STATE ST", "〔电话〕\xff\xfe", "250912-101108-115409"} {
		f.Add(s)
	}
	x := feature.New(feature.NewGazetteer())
	f.Fuzz(func(t *testing.T, s string) {
		var r feature.Text
		x.Extract(&r, s)
		switch {
		case len(r.Normal) > feature.MaxNormal+8, len(r.Grams) > feature.MaxGrams, len(r.Words) > feature.MaxGrams, len(r.Places) > feature.MaxPlaces, len(r.Tickets) > feature.MaxTickets:
			t.Fatalf("unbounded: %d bytes, %d grams, %d words, %d places, %d tickets", len(r.Normal), len(r.Grams), len(r.Words), len(r.Places), len(r.Tickets))
		case !utf8.Valid(r.Normal):
			t.Fatalf("%q is not UTF-8", r.Normal)
		}
		if again := feature.Normalise(s); again != string(r.Normal) {
			t.Fatalf("Normalise %q, Extract %q", again, r.Normal)
		}
		for _, p := range r.Places {
			if !utf8.ValidString(p.Name) || p.Name == "" {
				t.Fatalf("place %q", p.Name)
			}
			_ = p.Kind.String()
		}
		for _, k := range r.Tickets {
			if len(k.Number) < 6 || len(k.Number) > 24 {
				t.Fatalf("ticket of %d characters", len(k.Number))
			}
		}
	})
}

// bench is a text of 100 runes as a hotline writes them.
const bench = "市民来电反映，北岭区岭前街道青禾路与汶河路交叉口往东五十米，魅力之城小区门口的路灯已经坏了五天，放学的孩子都要从这里经过，老人出门买菜摔过跤，之前找过社区，社区说要等上级安排，一直拖着没有人来修理，希望尽快处理。"

func BenchmarkExtract(b *testing.B) {
	x := feature.New(feature.NewGazetteer())
	var t feature.Text
	b.ReportAllocs()
	b.SetBytes(int64(utf8.RuneCountInString(bench)))
	for b.Loop() {
		x.Extract(&t, bench)
	}
}

func BenchmarkParts(b *testing.B) {
	x := feature.New(feature.NewGazetteer())
	normal := feature.Normalise(bench)
	grams := feature.Ngrams(normal, 3)
	for name, f := range map[string]func(){
		"normalise": func() { feature.AppendNormal(make([]byte, 0, 512), bench) },
		"ngrams":    func() { feature.AppendNgrams(make([]uint32, 0, 128), []byte(normal), 3) },
		"minhash":   func() { s, _ := feature.MinHash(grams); s.AppendBands(make([]uint64, 0, 16)) },
		"places":    func() { x.Places(bench) },
		"tickets":   func() { feature.Tickets(bench) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
