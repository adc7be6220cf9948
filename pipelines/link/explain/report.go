package explain

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"time"
)

var (
	//go:embed style.css
	style string
	//go:embed page.html
	page string
)

// picture is a drawn part of the page.
type picture struct {
	Title   string
	Picture template.HTML
	ZH, EN  string
}

// WriteHTML writes the report as one page without scripts and without requests: its policy allows the page's own style and
// nothing else. Every chart has a name, a description and its figures as text.
func (r *Report) WriteHTML(w io.Writer) error {
	sum := sha256.Sum256([]byte(style))
	data := struct {
		R       *Report
		Policy  string
		Style   template.CSS
		At      string
		Curve   template.HTML
		Bars    []picture
		Weights []picture
		Pairs   []picture
	}{
		R: r, Style: template.CSS(style), At: r.time(),
		Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'",
	}
	// The pictures escape every text that they write.
	if len(r.Curve) > 0 {
		data.Curve = template.HTML(r.curveSVG("curve"))
	}
	for _, b := range []struct {
		zh, en, unitZH, unitEN string
		bars                   []Bar
	}{
		{"事件大小", "Cluster sizes", "簇数", "clusters", r.Sizes},
		{"各规则的候选对", "Candidates per rule", "记录对", "pairs", r.Candidates},
		{"确定关联", "Certain links", "关联数", "links", r.Certain},
		{"未通过的归并", "Refused merges by guard", "次数", "merges", r.Refused},
	} {
		if len(b.bars) > 0 {
			title := both(b.zh, b.en)
			data.Bars = append(data.Bars, picture{Title: title, Picture: template.HTML(barsSVG(fmt.Sprintf("bars%d", len(data.Bars)), title, both(b.unitZH, b.unitEN), b.bars))})
		}
	}
	for i, q := range r.Weights {
		data.Weights = append(data.Weights, picture{Title: both(q.ZH, q.EN), Picture: template.HTML(weightsSVG(fmt.Sprintf("w%d", i), q))})
	}
	for i := range r.Pairs {
		p := &r.Pairs[i]
		data.Pairs = append(data.Pairs, picture{Title: fmt.Sprintf("%s – %s", p.A, p.B), ZH: p.Text(ZH), EN: p.Text(EN), Picture: template.HTML(p.SVG(ZH, fmt.Sprintf("p%d", i)))})
	}
	t, err := template.New("page").Funcs(template.FuncMap{"both": both, "number": number, "rate": rate, "prob": Probability, "share": share, "figure": figure,
		"minus": func(a, b int64) int64 { return a - b }}).Parse(page)
	if err != nil {
		return fmt.Errorf("preparing the report page: %w", err)
	}
	if err := t.Execute(w, data); err != nil {
		return fmt.Errorf("writing the report page: %w", err)
	}
	return nil
}

func (r *Report) time() string {
	if r.At.IsZero() {
		return ""
	}
	at := r.At
	if r.Zone != nil {
		at = at.In(r.Zone)
	}
	return at.Format(time.RFC3339)
}

// rate writes a share with three digits; what is no number is a dash, as a rate over nothing.
func rate(v float64) string {
	if v != v {
		return "–"
	}
	return fmt.Sprintf("%.3f", v)
}

func share(part, whole int64) string {
	if whole == 0 {
		return "–"
	}
	return rate(float64(part) / float64(whole))
}

// figure writes the value of a figure with its unit.
func figure(g Figure) string {
	switch {
	case g.Value != g.Value:
		return "–"
	case g.Unit == "share":
		return fmt.Sprintf("%.3f", g.Value)
	case g.Value == math.Trunc(g.Value) && math.Abs(g.Value) < 1e15:
		return number(int64(g.Value)) + unit(g.Unit)
	}
	return fmt.Sprintf("%.1f%s", g.Value, unit(g.Unit))
}

func unit(u string) string {
	switch u {
	case "", "records", "pairs":
		return "" // the label says it
	}
	return " " + u
}
