package explain_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onegrid/pipelines/link/explain"
)

var update = flag.Bool("update", false, "write the golden files")

// pair is a link as the engine explains it; all values are invented.
func pair() explain.Pair {
	return explain.Pair{
		A: "0a1b2c3d-0000-5000-8000-000000000001", B: "0a1b2c3d-0000-5000-8000-000000000002",
		Prior: -14.6, Total: 9.2, Probability: 0.99830, Rule: "B name of place", Model: "prior", Class: "point", Policy: "auto", Band: explain.BandLink,
		Steps: []explain.Step{
			{Name: "where", Level: "metres 15", EN: "12 m apart, same name", ZH: "相距 12 米, 同地名", Bits: 12.4},
			{Name: "matter", Level: "exact", EN: "same category", ZH: "同类", Bits: 4.0, TF: 1.2},
			{Name: "lag", Level: "lag 1h", EN: "23 minutes apart", ZH: "相隔 23 分钟", Bits: 6.6},
			{Name: "open", Level: "open", EN: "older one still open", ZH: "前件未结", Bits: 0.8},
			{Name: "component", Level: "null", EN: "component", ZH: "部件", Null: true},
			{Name: "text", Level: "else", EN: "other words", ZH: "用词不同", Bits: -1.2},
		},
		SameIncident: true, Incident: "7d000000-0000-5000-8000-000000000001",
	}
}

func review() explain.Pair {
	p := pair()
	p.Steps = p.Steps[:2]
	p.Total, p.Probability, p.Band, p.SameIncident = 3, 0.888, explain.BandReview, false
	p.Certain = []explain.Evidence{{Type: "followup_of", Method: "id_in_text", Code: "quoted_call_110"}}
	p.Guards = []explain.Guard{{Name: "support", OK: true, Got: 0.8, Max: 0.35, Unit: "share"}, {Name: "diameter", Got: 812, Max: 300, Unit: "m"}}
	p.Class, p.Policy, p.Decided = "police", "review", "cannot_link"
	return p
}

func report() *explain.Report {
	r := &explain.Report{
		Title: "Linkage of events", TitleZH: "事件归并报告", At: time.Date(2026, 5, 6, 1, 2, 3, 0, time.UTC), Zone: time.FixedZone("+08:00", 8*3600), LowerBound: true,
		Threshold: explain.Thresholds{Link: 0.9, Review: 0.5},
		Figures: []explain.Figure{{EN: "reports", ZH: "记录", Value: 21337, Unit: "records"}, {EN: "incidents", ZH: "事件", Value: 12100}, {EN: "seconds", ZH: "用时", Value: 4.8, Unit: "s"},
			{EN: "peak memory", ZH: "峰值内存", Value: 412, Unit: "MiB"}, {EN: "precision", ZH: "准确率", Value: 0.9731, Unit: "share"}, {EN: "recall", ZH: "召回率", Value: math.NaN(), Unit: "share"}},
		Notes:      []explain.Note{{EN: "Reports and incidents are both counted.", ZH: "记录数与事件数并列。"}},
		Sizes:      []explain.Bar{{EN: "1 record", ZH: "1 条", Count: 9616}, {EN: "2 records", ZH: "2 条", Count: 1301}, {EN: "3–5", ZH: "3–5 条", Count: 240}, {EN: "over 20", ZH: "20 条以上", Count: 1}},
		Candidates: []explain.Bar{{EN: "A place and time", ZH: "甲 位置与时间", Count: 25390}, {EN: "B name of place", ZH: "乙 地名", Count: 99744}, {EN: "E grid", ZH: "戊 网格", Count: 16596}},
		Certain:    []explain.Bar{{EN: "parent field", ZH: "父件字段", Count: 1737}, {EN: "same text", ZH: "文字相同", Count: 8}},
		Refused:    []explain.Bar{{EN: "diameter", ZH: "范围过大", Count: 1174}, {EN: "support", ZH: "支持不足", Count: 625}, {EN: "span", ZH: "跨度过长", Count: 62}},
		Sources: []explain.SourceRow{{A: "police_110", B: "police_110", Pairs: 6000, Correct: 5900, Truth: 6200}, {A: "hotline_12345", B: "police_110", Pairs: 3000, Correct: 2950, Truth: 3300},
			{A: "hotline_12345", B: "urban_mgmt", Pairs: 0, Correct: 0, Truth: 0}},
		Methods: []explain.Method{{EN: "onegrid", ZH: "本系统", Pairs: 9000, Correct: 8850, Truth: 9500, Precision: 0.983, Recall: 0.932, F1: 0.957, Largest: 28, Candidates: 540696, Seconds: 4.8, PeakMiB: 412},
			{EN: "same type, 30 m, 24 h", ZH: "同类30米24小时", Pairs: 2000, Correct: 1600, Truth: 9500, Precision: 0.8, Recall: 0.168, F1: 0.278, Largest: 41, Candidates: 2000, Seconds: 0.4, PeakMiB: 200}},
		Weights: []explain.Comparison{{EN: "Place", ZH: "地点", Levels: []explain.Level{{EN: "within 15 m and same name", ZH: "相距15米内且地名相同", M: 0.16, U: 0.00003, Bits: 12.4}, {EN: "within 50 m", ZH: "相距50米内", M: 0.06, U: 0.00016, Bits: 8.6},
			{EN: "elsewhere", ZH: "地点不同", M: 0.03, U: 0.98, Bits: -5.0}}},
			{EN: "Category", ZH: "类别", Levels: []explain.Level{{EN: "same category", ZH: "同类", M: 0.86, U: 0.055, Bits: 4.0}, {EN: "another", ZH: "不同", M: 0.05, U: 0.875, Bits: -4.1}}}},
		Pairs: []explain.Pair{pair(), review()},
	}
	for i := range 30 {
		t := 1 / (1 + math.Exp2(-(float64(i) - 6)))
		p := 1 - 0.6*math.Exp2(-float64(i)/4)
		r.Curve = append([]explain.CurvePoint{{Threshold: t, Precision: p, Recall: 0.97 - float64(i*i)*0.001, Pairs: int64(12000 - 300*i), Correct: int64(float64(12000-300*i) * p), Truth: 9500}}, r.Curve...)
	}
	return r
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", name, d)
	}
}

func TestText(t *testing.T) {
	p, q := pair(), review()
	golden(t, "text.txt", strings.Join([]string{p.Text(explain.ZH), p.Text(explain.EN), q.Text(explain.ZH), q.Text(explain.EN)}, "\n")+"\n")
}

func TestWaterfall(t *testing.T) {
	p := pair()
	golden(t, "waterfall.svg", p.File(explain.ZH))
}

func TestReportPage(t *testing.T) {
	var b bytes.Buffer
	if err := report().WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.html", b.String())
}

// The page asks nobody for anything and runs nothing, and its pictures are well-formed, named and unique by id.
func TestPageIsSelfContained(t *testing.T) {
	var b bytes.Buffer
	if err := report().WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	html := b.String()
	rest := strings.ReplaceAll(html, `xmlns="http://www.w3.org/2000/svg"`, "")
	for _, bad := range []string{"http:", "https:", "<script", "src=", "href=", " style=", "@import", "url(", "ZgotmplZ"} {
		if strings.Contains(rest, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(html, -1) {
		if ids[m[1]] {
			t.Errorf("id %q stands twice", m[1])
		}
		ids[m[1]] = true
	}
	svgs := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(html, -1)
	if len(svgs) != 1+4+2+2 {
		t.Errorf("%d pictures, want 9", len(svgs))
	}
	for _, s := range svgs {
		d := xml.NewDecoder(strings.NewReader(s))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("a picture is not well-formed: %v", err)
			}
		}
		if !strings.Contains(s, `role="img"`) || !strings.Contains(s, "<title ") || !strings.Contains(s, "<desc ") {
			t.Errorf("a picture has no name: %.120s", s)
		}
	}
}

// Labels come from mapping files that anyone can write: they are text, never markup.
func TestLabelsAreEscaped(t *testing.T) {
	r := report()
	evil := `<img src=x onerror=alert(1)>"'&`
	r.Title, r.TitleZH, r.Candidates[0].EN, r.Weights[0].Levels[0].ZH, r.Sources[0].A, r.Pairs[0].Steps[0].ZH, r.Pairs[0].A = evil, evil, evil, evil, evil, evil, evil
	r.Methods[0].ZH, r.Pairs[1].Class, r.Pairs[1].Certain[0].Code = evil, evil, evil
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "<img") {
		t.Error("a label became markup")
	}
}

func TestOddInputStillDraws(t *testing.T) {
	for name, r := range map[string]*explain.Report{
		"empty":     {},
		"one point": {Curve: []explain.CurvePoint{{Threshold: 1, Precision: 1, Recall: 0}}, Threshold: explain.Thresholds{Link: 1}},
		"zeros":     {Sizes: []explain.Bar{{EN: "none"}}, Weights: []explain.Comparison{{EN: "x", Levels: []explain.Level{{EN: "y"}}}}, Pairs: []explain.Pair{{}}},
		"infinite":  {Pairs: []explain.Pair{{Total: math.Inf(1), Probability: math.NaN(), Steps: []explain.Step{{Name: "x", Bits: math.Inf(-1)}}}}},
	} {
		var b bytes.Buffer
		if err := r.WriteHTML(&b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(b.String(), "NaN") {
			t.Errorf("%s: the page holds NaN", name)
		}
	}
}

func TestProbability(t *testing.T) {
	for p, want := range map[float64]string{0.5: "0.50", 0.97: "0.970", 0.998: "0.9980", 0.99994: "0.999940", 1: ">0.999999", 0: "<0.000001", 0.03: "0.030"} {
		if got := explain.Probability(p); got != want {
			t.Errorf("%v is written %s, want %s", p, got, want)
		}
	}
}

func TestJSON(t *testing.T) {
	b, err := json.Marshal(pair())
	if err != nil {
		t.Fatal(err)
	}
	var back explain.Pair
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(pair(), back); d != "" {
		t.Error(d)
	}
}
