package explain

import (
	"fmt"
	"math"
	"strings"
)

const chartWidth = 960.0

// curveSVG draws precision and recall over the threshold. Thresholds of a good model crowd near 0 and 1, so the axis is in
// log odds and its marks are probabilities.
func (r *Report) curveSVG(id string) string {
	const height, left, right, top, bottom = 420.0, 70.0, 150.0, 16.0, 64.0
	logit := func(p float64) float64 { return math.Max(-10, math.Min(20, math.Log2(p/(1-p)))) }
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, p := range r.Curve {
		lo, hi = min(lo, logit(p.Threshold)), max(hi, logit(p.Threshold))
	}
	if hi-lo < 1 {
		lo, hi = lo-1, hi+1
	}
	c := newCanvas(chartWidth, height, id, both("准确率与召回率随阈值的变化", "Precision and recall over the threshold"), r.curveWords())
	x := func(v float64) float64 { return left + (v-lo)/(hi-lo)*(chartWidth-left-right) }
	y := func(v float64) float64 { return top + (1-v)*(height-top-bottom) }
	for _, v := range []float64{0, 0.2, 0.4, 0.6, 0.8, 0.9, 1} {
		c.line("grid", left, y(v), chartWidth-right, y(v))
		c.text("tick end", left-8, y(v)+5, fmt.Sprintf("%g", v))
	}
	last := math.Inf(-1)
	for _, p := range []float64{0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999} {
		if v := logit(p); v >= lo && v <= hi && x(v)-last > 60 {
			c.line("grid", x(v), top, x(v), height-bottom)
			c.text("tick mid", x(v), height-bottom+20, fmt.Sprintf("%g", p))
			last = x(v)
		}
	}
	c.line("axis", left, y(0), chartWidth-right, y(0))
	c.text("unit mid", (left+chartWidth-right)/2, height-12, both("归并阈值 (概率, 对数几率刻度)", "threshold (probability, log-odds scale)"))
	for i, t := range []struct {
		p    float64
		name string
	}{{r.Threshold.Review, both("复核", "review")}, {r.Threshold.Link, both("归并", "link")}} {
		if v := logit(t.p); t.p > 0 && t.p < 1 && v >= lo && v <= hi {
			c.line("mark", x(v), top, x(v), height-bottom)
			anchor, at := "value end", x(v)-6 // review to the left of its line, link to the right
			if i == 1 {
				anchor, at = "value", x(v)+6
			}
			c.text(anchor, at, y(0)-14, fmt.Sprintf("%s %g", t.name, t.p))
		}
	}
	var pr, re [][2]float64
	for _, p := range r.Curve {
		if v := math.Log2(p.Threshold / (1 - p.Threshold)); len(r.Curve) > 1 && (v < -10 || v > 20) {
			continue // beyond the axis
		}
		pr = append(pr, [2]float64{x(logit(p.Threshold)), y(p.Precision)})
		re = append(re, [2]float64{x(logit(p.Threshold)), y(p.Recall)})
	}
	if len(pr) == 0 {
		return c.String()
	}
	c.path("line1", pr)
	c.path("line2", re)
	ends := [2][2]float64{rightmost(pr), rightmost(re)}
	if d := ends[1][1] - ends[0][1]; math.Abs(d) < 22 { // keep the two names apart
		ends[1][1] = ends[0][1] + 22
	}
	c.text("name1", chartWidth-right+8, ends[0][1]+5, both("准确率", "precision"))
	c.text("name2", chartWidth-right+8, ends[1][1]+5, both("召回率", "recall"))
	return c.String()
}

func rightmost(pts [][2]float64) [2]float64 {
	best := pts[0]
	for _, p := range pts {
		if p[0] > best[0] {
			best = p
		}
	}
	return best
}

func (r *Report) curveWords() string {
	var out []string
	for i, p := range r.Curve {
		if i%max(1, len(r.Curve)/6) == 0 {
			out = append(out, fmt.Sprintf("%s: P %.3f, R %.3f", Probability(p.Threshold), p.Precision, p.Recall))
		}
	}
	return strings.Join(out, "; ")
}

// barsSVG draws counts as bars, on a logarithmic axis where the largest would hide the smallest.
func barsSVG(id, title, unit string, bars []Bar) string {
	largest, smallest := int64(1), int64(math.MaxInt64)
	for _, b := range bars {
		largest = max(largest, b.Count)
		if b.Count > 0 {
			smallest = min(smallest, b.Count)
		}
	}
	log := largest/max(smallest, 1) > 100
	if log {
		unit += " (" + both("对数刻度", "log scale") + ")"
	}
	const right = 120.0
	height := rowHeight*float64(len(bars)) + 60
	var words []string
	for _, b := range bars {
		words = append(words, fmt.Sprintf("%s: %s", both(b.ZH, b.EN), number(b.Count)))
	}
	c := newCanvas(chartWidth, height, id, title, strings.Join(words, "; "))
	scale := func(n float64) float64 {
		if log {
			if n < 1 {
				return 0
			}
			return math.Log10(n*2) / math.Log10(float64(largest)*2) // one record is seen, too
		}
		return n / float64(largest)
	}
	x := func(n float64) float64 { return labelWidth + scale(n)*(chartWidth-labelWidth-right) }
	bottom := height - 48
	marks := ticks(0, float64(largest), 6)
	if log {
		marks = marks[:0]
		for v := 1.0; v <= float64(largest); v *= 10 {
			marks = append(marks, v)
		}
	}
	for _, t := range marks {
		c.line("grid", x(t), 4, x(t), bottom)
		c.text("tick mid", x(t), bottom+18, compact(t))
	}
	c.line("axis", labelWidth, 4, labelWidth, bottom)
	c.text("unit mid", (labelWidth+chartWidth-right)/2, height-8, unit)
	for i, b := range bars {
		y := 6 + rowHeight*float64(i)
		c.text("label end", labelWidth-12, y+18, short(both(b.ZH, b.EN), 48))
		c.rect("bar", labelWidth, y+4, x(float64(b.Count))-labelWidth, rowHeight-10)
		c.text("value", x(float64(b.Count))+6, y+18, number(b.Count))
	}
	return c.String()
}

// compact writes a mark of an axis: 20, 5k, 2M.
func compact(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%g", v)
}

// weightsSVG draws the bits of every level of one comparison, with m and u beside them.
func weightsSVG(id string, q Comparison) string {
	lo, hi := -1.0, 1.0
	var words []string
	for _, l := range q.Levels {
		lo, hi = min(lo, l.Bits), max(hi, l.Bits)
		words = append(words, fmt.Sprintf("%s: m %.4g, u %.4g, %s bits", both(l.ZH, l.EN), l.M, l.U, signed(l.Bits)))
	}
	lo, hi = lo-0.15*(hi-lo), hi+0.12*(hi-lo) // room for the figures beside the bars
	const right = 210.0
	height := rowHeight*float64(len(q.Levels)) + 78
	c := newCanvas(chartWidth, height, id, both(q.ZH, q.EN), strings.Join(words, "; "))
	x := func(v float64) float64 { return labelWidth + (v-lo)/(hi-lo)*(chartWidth-labelWidth-right) }
	bottom := height - 48
	c.text("unit end", chartWidth-right+100, 18, "m")
	c.text("unit end", chartWidth-8, 18, "u")
	for _, t := range ticks(lo, hi, 8) {
		c.line("grid", x(t), 24, x(t), bottom)
		c.text("tick mid", x(t), bottom+18, fmt.Sprintf("%g", t))
	}
	c.line("axis", x(0), 24, x(0), bottom)
	c.text("unit mid", (x(lo)+x(hi))/2, height-8, both("权重 (比特)", "weight (bits)"))
	for i, l := range q.Levels {
		y := 24 + rowHeight*float64(i)
		class := "up"
		if l.Bits < 0 {
			class = "down"
		}
		c.text("label end", labelWidth-12, y+18, short(both(l.ZH, l.EN), 48))
		c.rect(class, min(x(0), x(l.Bits)), y+4, max(math.Abs(x(l.Bits)-x(0)), 1.5), rowHeight-10)
		anchor, at := "value", x(l.Bits)+6
		if l.Bits < 0 {
			anchor, at = "value end", x(l.Bits)-6
		}
		c.text(anchor, at, y+18, signed(l.Bits))
		c.text("value end", chartWidth-right+100, y+18, fmt.Sprintf("%.3g", l.M))
		c.text("value end", chartWidth-8, y+18, fmt.Sprintf("%.3g", l.U))
	}
	return c.String()
}
