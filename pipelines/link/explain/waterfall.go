package explain

import (
	"fmt"
	"math"
)

const (
	rowHeight  = 30.0
	labelWidth = 380.0
)

// SVG draws the waterfall of weights: every comparison pushes the odds up or down from where the one before left them,
// from the prior to the total. id is the beginning of the picture's element ids, which must differ within a page.
func (p *Pair) SVG(l Lang, id string) string {
	w := wordsOf(l)
	type bar struct {
		label    string
		from, to float64
		class    string
		value    string
	}
	bars := []bar{{w.of("prior"), 0, p.Prior, "base", signed(p.Prior)}}
	at := p.Prior
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Null {
			bars = append(bars, bar{s.words(l), at, at, "none", "–"})
			continue
		}
		v := s.Bits + s.TF
		class := "up"
		if v < 0 {
			class = "down"
		}
		value := signed(v)
		if math.Abs(s.TF) >= 0.1 {
			value = fmt.Sprintf("%s (%s tf)", value, signed(s.TF))
		}
		bars = append(bars, bar{s.words(l), at, at + v, class, value})
		at += v
	}
	bars = append(bars, bar{w.of("total"), 0, p.Total, "sum", fmt.Sprintf("%s → %s", signed(p.Total), Probability(p.Probability))})

	lo, hi := 0.0, 0.0
	for _, b := range bars {
		lo, hi = min(lo, b.from, b.to), max(hi, b.from, b.to)
	}
	lo, hi = lo-1, hi+1
	const width, right = 960.0, 150.0
	height := rowHeight*float64(len(bars)) + 56
	c := newCanvas(width, height, id, w.of("probability")+" "+Probability(p.Probability), p.Text(l))
	x := func(v float64) float64 { return labelWidth + (v-lo)/(hi-lo)*(width-labelWidth-right) }
	bottom := height - 46
	for _, t := range ticks(lo, hi, 8) {
		c.line("grid", x(t), 6, x(t), bottom)
		c.text("tick mid", x(t), bottom+18, fmt.Sprintf("%g", t))
	}
	c.line("axis", x(0), 6, x(0), bottom)
	c.text("unit mid", (x(lo)+x(hi))/2, height-8, w.of("bits"))
	for i, b := range bars {
		y := 8 + rowHeight*float64(i)
		c.text("label end", labelWidth-12, y+18, short(b.label, 48))
		left, end := min(x(b.from), x(b.to)), max(x(b.from), x(b.to))
		c.rect(b.class, left, y+4, max(end-left, 1.5), rowHeight-10)
		c.text("value", end+6, y+18, b.value)
		if i+1 < len(bars)-1 {
			c.line("join", x(b.to), y+4, x(b.to), y+rowHeight+4)
		}
	}
	return c.String()
}
