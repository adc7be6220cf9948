package explain

import "strings"

// File is the waterfall as a picture that stands by itself: SVG brings the style of the page with it.
func (p *Pair) File(l Lang) string {
	svg := p.SVG(l, "waterfall")
	at := strings.Index(svg, "<title")
	return svg[:at] + "<style>" + style + "</style>" + `<rect class="page" width="100%" height="100%"/>` + svg[at:]
}
