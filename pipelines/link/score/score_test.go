package score_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onegrid/connectors"
	"onegrid/pipelines/link/score"
	"onegrid/pipelines/link/spec"
	"onegrid/pipelines/link/table"
)

// parse makes a spec and loads rows of comma-separated values; "" is null.
func parse(t testing.TB, text, header string, rows []string) (*spec.Spec, *table.Table) {
	t.Helper()
	s, err := spec.Parse("m.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.NewLoader()
	if err != nil {
		t.Fatal(err)
	}
	b := connectors.NewBuilder(strings.Split(header, ",")...)
	for _, r := range rows {
		for i, v := range strings.Split(r, ",") {
			if v != "" {
				b.Set(i, v)
			}
		}
		b.EndRow()
	}
	rec := b.Take()
	defer rec.Release()
	if err := l.Append(rec); err != nil {
		t.Fatal(err)
	}
	tab, _, err := l.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return s, tab
}

const events = `version: 1
id: id
columns:
  type: {from: type}
  road: {from: road}
  other: {from: other}
  at: {from: at, as: time, zone: UTC}
  closed: {from: closed, as: time, zone: UTC}
  spot: {x: x, y: y}
  words: {from: words, as: words}
  day: {from: day, as: date}
comparisons:
  - {name: type, label: type, label_zh: 类别, columns: [type], levels: [{exact: true, tf: true}, else]}
  - {name: road, label: road, label_zh: 道路, columns: [road, other], levels: [exact, swapped, {jaro_winkler: 0.9}, {on: other, exact: true}, else]}
  - {name: lag, label_zh: 间隔, columns: [at], levels: [{lag: 1h}, {lag: 6h}, else]}
  - {name: open, columns: [at], levels: [{open: {began: at, closed: closed, grace: 1h}}, else]}
  - {name: place, label_zh: 地点, columns: [spot], levels: [{metres: 15}, {metres: 50}, else]}
  - {name: words, label: place name, label_zh: 地名, columns: [words], levels: [{shared_token: {df: 2}, tf: true}, {jaccard: 0.5}, else]}
  - {name: day, columns: [day], levels: [exact, {date_digits: 1}, day_month_swapped, {days: 3}, else]}
blocking: [{keys: [type]}]
`

const eventHeader = "id,type,road,other,at,closed,x,y,words,day"

func eventRows() []string {
	return []string{
		"a,leak,幸福路,北街,2024-01-01 08:00,2024-01-01 09:00,10,10,spring hill gate,2024-03-05",
		"b,leak,幸福路,北街,2024-01-01 08:30,,10,22,spring hill,2024-03-06",
		"c,leak,北街,幸福路,2024-01-01 12:00,,10,50,gate,2024-05-03",
		"d,lamp,幸福大路,,2024-01-03 12:00,,,,hill,2024-03-01",
		"e,,,,,,,,,",
		"f,leak,和平路,北街,2024-01-01 09:30,,900,900,hill spring bay,2025-12-31",
	}
}

func TestLevels(t *testing.T) {
	s, tab := parse(t, events, eventHeader, eventRows())
	p, err := score.Compile(s, tab)
	if err != nil {
		t.Fatal(err)
	}
	sc := p.NewScorer()
	for _, c := range []struct {
		pair string
		want []int // type road lag open place words day
	}{
		{"ab", []int{1, 1, 1, 1, 1, 2, 2}}, // spring stands in three records, hill in four: not rare
		{"ac", []int{1, 2, 2, 2, 2, 1, 3}}, // a was closed three hours before c began; gate is rare
		{"ad", []int{2, 3, 3, 2, 0, 3, 2}}, // no position says nothing about place
		{"ae", []int{0, 0, 0, 0, 0, 0, 0}}, // null is never a mismatch
		{"af", []int{1, 4, 2, 1, 3, 2, 5}}, // half an hour after closing is within the grace
	} {
		i, j := int32(c.pair[0]-'a'), int32(c.pair[1]-'a')
		if d := cmp.Diff(c.want, p.Levels(sc.Compare(i, j))); d != "" {
			t.Errorf("%s: %s", c.pair, d)
		}
	}
	for i := range int32(tab.Rows()) {
		for j := range int32(tab.Rows()) {
			if sc.Compare(i, j) != sc.Compare(j, i) {
				t.Errorf("%d and %d compare differently the other way round", i, j)
			}
		}
	}
}

func TestExplain(t *testing.T) {
	s, tab := parse(t, events, eventHeader, eventRows())
	p, err := score.Compile(s, tab)
	if err != nil {
		t.Fatal(err)
	}
	sc, err := p.Weigh(score.Prior(p))
	if err != nil {
		t.Fatal(err)
	}
	for i := range int32(tab.Rows()) {
		for j := range int32(tab.Rows()) {
			e := sc.Explain(i, j)
			if got := sc.Score(i, j); math.Abs(got.Bits-e.Bits) > 1e-9 || got.Bits != sc.Weight(i, j) || math.Abs(e.Probability-score.Probability(got.Bits)) > 1e-12 {
				t.Errorf("%d and %d: %v explained as %v", i, j, got.Bits, e.Bits)
			}
		}
	}
	e := sc.Explain(0, 1)
	for _, want := range []string{"same type", "same road", "30 min apart", "12 m apart", "the earlier one was still open"} {
		if !strings.Contains(e.Text(false), want) {
			t.Errorf("%q is not in %s", want, e.Text(false))
		}
	}
	for _, want := range []string{"类别相同", "道路相同", "相隔 30 分钟", "相距 12 米", "较早一件当时尚未办结", "先验"} {
		if !strings.Contains(e.Text(true), want) {
			t.Errorf("%q is not in %s", want, e.Text(true))
		}
	}
	if zh := sc.Explain(0, 2).Text(true); !strings.Contains(zh, "同地名(共 2 条记录提及)") {
		t.Error(zh)
	}
	// No value of a record is told (invariant 4).
	for _, v := range []string{"幸福", "北街", "gate", "leak"} {
		if strings.Contains(e.Text(true)+e.Text(false)+sc.Explain(0, 2).Text(false), v) {
			t.Errorf("the explanation holds the value %q", v)
		}
	}
}

func TestRareValuesWeighMore(t *testing.T) {
	var rows []string
	for i := range 40 {
		kind := "common"
		if i < 2 {
			kind = "rare"
		}
		rows = append(rows, fmt.Sprintf("%d,%s,,,,,,,,", i, kind))
	}
	s, tab := parse(t, events, eventHeader, rows)
	p, err := score.Compile(s, tab)
	if err != nil {
		t.Fatal(err)
	}
	sc, err := p.Weigh(score.Prior(p))
	if err != nil {
		t.Fatal(err)
	}
	rare, common := sc.Explain(0, 1).Parts[0], sc.Explain(2, 3).Parts[0]
	// On average 0.05² + 0.95² = 0.905; a rare value stands in 0.05, a common one in 0.95 of the records.
	if math.Abs(rare.TF-math.Log2(0.905/0.05)) > 1e-9 || math.Abs(common.TF-math.Log2(0.905/0.95)) > 1e-9 {
		t.Errorf("adjustments %v and %v", rare.TF, common.TF)
	}
	p, err = score.Compile(s, tab, score.WithShare("type", func(uint32) float64 { return 0.001 }))
	if err != nil {
		t.Fatal(err)
	}
	if sc, err = p.Weigh(score.Prior(p)); err != nil {
		t.Fatal(err)
	}
	if tf := sc.Explain(2, 3).Parts[0].TF; tf != 0 { // every value is as rare as the average
		t.Errorf("with shares lent from outside: %v", tf)
	}
}

// city draws pairs of reports with known shares, to see whether training finds them.
func city(n int) []string {
	rng := rand.New(rand.NewPCG(11, 12))
	var rows []string
	add := func(v [4]string, wrong float64) {
		for k := range v {
			if rng.Float64() < wrong {
				v[k] = fmt.Sprintf("x%d", rng.IntN(200))
			}
			if rng.Float64() < 0.1 {
				v[k] = ""
			}
		}
		rows = append(rows, fmt.Sprintf("%d,%s,%s,%s,%s,k%d", len(rows), v[0], v[1], v[2], v[3], rng.IntN(3)))
	}
	for range n {
		v := [4]string{fmt.Sprintf("r%d", rng.IntN(200)), fmt.Sprintf("k%d", rng.IntN(100)), fmt.Sprintf("h%d", rng.IntN(150)), fmt.Sprintf("w%d", rng.IntN(80))}
		add(v, 0.05)
		if rng.Float64() < 0.5 {
			add(v, 0.15)
		}
	}
	return rows
}

const learntHeader = "id,road,kind,house,word,noise"

const learnt = `version: 1
id: id
columns: {road: {from: road}, kind: {from: kind}, house: {from: house}, word: {from: word}, noise: {from: noise}}
comparisons:
  - {name: road, columns: [road], levels: [exact, else]}
  - {name: kind, columns: [kind], levels: [exact, else]}
  - {name: house, columns: [house], levels: [exact, else]}
  - {name: word, columns: [word], levels: [exact, else]}
  - {name: noise, columns: [noise], levels: [exact, else]}
blocking: [{keys: [road], cap: 100000}, {keys: [kind], cap: 100000}, {keys: [house], cap: 100000}]
`

func TestTrainFindsShares(t *testing.T) {
	s, tab := parse(t, learnt, learntHeader, city(4000))
	p, err := score.Compile(s, tab)
	if err != nil {
		t.Fatal(err)
	}
	m, err := score.Train(t.Context(), p, candidates(s, tab))
	if err != nil {
		t.Fatal(err)
	}
	// Two values agree where neither was spoilt: 0.95 * 0.85. Every second report has a second one.
	for k, want := range []float64{0.8075, 0.8075, 0.8075, 0.8075, 0.3333} {
		if got := m.Comparisons[k].Levels[0].M; math.Abs(got-want) > 0.05 || m.Comparisons[k].Origin != "trained" {
			t.Errorf("%s: m %.4f (%s), want %.4f", m.Comparisons[k].Name, got, m.Comparisons[k].Origin, want)
		}
	}
	if bits := m.Comparisons[4].Levels[0].Bits; math.Abs(bits) > 0.2 {
		t.Errorf("noise weighs %v bits", bits)
	}
	n := float64(tab.Rows())
	if want := 2000 / (n * (n - 1) / 2); m.Lambda < want*0.75 || m.Lambda > want*1.25 {
		t.Errorf("lambda %v, want about %v: it must not run away", m.Lambda, want)
	}
	again, err := score.Train(t.Context(), p, candidates(s, tab))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, again); d != "" {
		t.Errorf("training twice differs: %s", d)
	}
}

func TestTrainWithoutPairs(t *testing.T) {
	for _, rows := range [][]string{{"1,a,,,,"}, {"1,a,,,,", "2,b,c,d,e,f"}} {
		s, tab := parse(t, learnt, learntHeader, rows)
		p, err := score.Compile(s, tab)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := score.Train(t.Context(), p, candidates(s, tab)); !errors.Is(err, score.ErrNoPairs) {
			t.Errorf("%d rows: %v", len(rows), err)
		}
	}
	s, tab := parse(t, learnt, learntHeader, []string{"1,a,,,,", "2,b,c,d,e,f"})
	p, err := score.Compile(s, tab)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if _, err := score.Train(t.Context(), p, func(context.Context, int, func(a, b int32)) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("an error of the candidates is lost: %v", err)
	}
}

func TestModelFile(t *testing.T) {
	s, tab := parse(t, learnt, learntHeader, city(50))
	p, err := score.Compile(s, tab)
	if err != nil {
		t.Fatal(err)
	}
	m := score.Prior(p)
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		t.Fatal(err)
	}
	back, err := score.ParseModel("model.json", b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, back); d != "" {
		t.Error(d)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"version": 1`, `"version": 9`, "model.json:2: version: only version 1 is known (write it with: onegrid link train)"},
		{`"lambda":`, `"lamda":`, `model.json:4: unknown key "lamda" (did you mean lambda?)`},
		{`"u": 0.5`, `"u": 1.5`, "model.json:14: comparisons.0.levels.0.u: u lies between 0 and 1"},
		{`"level": "exact",`, `"level": "exact",,`, "model.json:12: "},
	} {
		text := strings.Replace(b.String(), c.old, c.new, 1)
		if c.old == `"u": 0.5` {
			text = strings.Replace(b.String(), fmt.Sprintf(`"u": %v`, m.Comparisons[0].Levels[0].U), c.new, 1)
		}
		if _, err := score.ParseModel("model.json", []byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.new, err)
		}
	}
	for _, change := range []func(*score.Model){
		func(m *score.Model) { m.Spec = "0" },
		func(m *score.Model) { m.Comparisons = m.Comparisons[1:] },
		func(m *score.Model) { m.Comparisons[1].Name = "x" },
		func(m *score.Model) { m.Comparisons[1].Levels[0].Level = "prefix 3" },
	} {
		other, err := score.ParseModel("model.json", b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		change(other)
		if _, err := p.Weigh(other); !errors.Is(err, score.ErrModel) {
			t.Errorf("a model that does not fit: %v", err)
		}
	}
}

// TestProgramIsShared weighs the same pairs in several goroutines with scorers of their own.
func TestProgramIsShared(t *testing.T) {
	s, tab := parse(t, events, eventHeader, eventRows())
	p, err := score.Compile(s, tab)
	if err != nil {
		t.Fatal(err)
	}
	m := score.Prior(p)
	all := func() []float64 {
		sc, err := p.Weigh(m)
		if err != nil {
			t.Error(err)
			return nil
		}
		var out []float64
		for i := range int32(tab.Rows()) {
			for j := range int32(tab.Rows()) {
				out = append(out, sc.Weight(i, j))
			}
		}
		return out
	}
	results := make([][]float64, 4)
	var wg sync.WaitGroup
	for k := range results {
		wg.Go(func() { results[k] = all() })
	}
	wg.Wait()
	for _, r := range results[1:] {
		if d := cmp.Diff(results[0], r); d != "" {
			t.Error(d)
		}
	}
}
