package explain

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// canvas writes one SVG picture. Colours are classes, so that the page's style sets them for light and dark; there are no
// style attributes, which a content security policy would refuse.
type canvas struct {
	b    strings.Builder
	w, h float64
}

// newCanvas begins a picture with a name and a description for those who cannot see it.
func newCanvas(w, h float64, id, title, desc string) *canvas {
	c := &canvas{w: w, h: h}
	fmt.Fprintf(&c.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" role="img" aria-labelledby="%s-t %s-d"><title id="%s-t">%s</title><desc id="%s-d">%s</desc>`,
		w, h, id, id, id, html.EscapeString(title), id, html.EscapeString(desc))
	return c
}

func (c *canvas) String() string { return c.b.String() + "</svg>" }

// f writes a coordinate with one decimal, so that pictures are the same on every machine.
func f(v float64) string {
	if v != v || math.IsInf(v, 0) {
		v = 0
	}
	s := fmt.Sprintf("%.1f", v)
	return strings.TrimSuffix(s, ".0")
}

func (c *canvas) rect(class string, x, y, w, h float64) {
	fmt.Fprintf(&c.b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, class, f(x), f(y), f(max(w, 0)), f(h))
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&c.b, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`, class, f(x1), f(y1), f(x2), f(y2))
}

// text writes words; class "end" and "mid" set the anchor.
func (c *canvas) text(class string, x, y float64, s string) {
	fmt.Fprintf(&c.b, `<text class="%s" x="%s" y="%s">%s</text>`, class, f(x), f(y), html.EscapeString(s))
}

func (c *canvas) path(class string, pts [][2]float64) {
	if len(pts) == 0 {
		return
	}
	c.b.WriteString(`<polyline class="` + class + `" points="`)
	for i, p := range pts {
		if i > 0 {
			c.b.WriteByte(' ')
		}
		c.b.WriteString(f(p[0]) + "," + f(p[1]))
	}
	c.b.WriteString(`"/>`)
}

// short cuts words to a width in ems of Latin letters; a Chinese character is two wide.
func short(s string, width int) string {
	n := 0
	for i, r := range s {
		w := 1
		if r > 0x2e80 {
			w = 2
		}
		if n += w; n > width {
			return s[:i] + "…"
		}
	}
	return s
}

// ticks are round numbers from 0 or below to hi, about n of them.
func ticks(lo, hi float64, n int) []float64 {
	span := hi - lo
	if !(span > 0) || math.IsInf(span, 0) {
		return []float64{lo}
	}
	step := math.Pow(10, math.Floor(math.Log10(span/float64(n))))
	for _, m := range []float64{1, 2, 5, 10} {
		if span/(step*m) <= float64(n) {
			step *= m
			break
		}
	}
	var out []float64
	for k := math.Ceil(lo / step); k*step <= hi+step*1e-9; k++ {
		out = append(out, k*step)
	}
	return out
}

// both puts the Chinese and the English words for a thing beside each other.
func both(zh, en string) string {
	switch {
	case zh == "" || zh == en:
		return en
	case en == "":
		return zh
	}
	return zh + " · " + en
}
