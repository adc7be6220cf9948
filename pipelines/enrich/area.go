package enrich

import (
	"slices"

	"onegrid/catalog"
	"onegrid/event"
)

// nearestWithin is how far a point outside every polygon may lie from one to be counted in it, in metres.
const nearestWithin = 200

// area is where one record lies.
type area struct {
	code       string // the deepest division known: 6, 9 or 12 digits, "" if none
	grid, unit string
	method     string
	flags      event.Flag
}

// locator works on one batch.
type locator struct {
	e     *Enricher
	f     *finder
	known map[string]sourceCode
}

// sourceCode is the judgement of one division code as received.
type sourceCode struct {
	code     string // canonical
	unknown  bool
	temporal bool // whether it is known depends on the day
}

// locate sets the coordinate and area columns.
func (e *Enricher) locate(d *event.Draft, m Meta, ds days, rep *Report) error {
	in, err := readPlaces(d)
	if err != nil {
		return err
	}
	p := e.sources[m.SourceID]
	if p == nil {
		p = e.anywhere
	}
	// invariant 4: the caller's own position ends here, whatever happens below.
	defer dropCaller(d)

	declared := make([]system, 0, 4)
	if in.crs != nil {
		for _, name := range in.crs.values {
			declared = append(declared, e.systems.named(name))
		}
	}
	callerSystem := e.systems.named(p.caller)
	out := newPlaceColumns(d.Rows)
	l := locator{e: e, f: newFinder(), known: map[string]sourceCode{}}
	for row := range d.Rows {
		sys := system{}
		crsAt := in.crs.at(row)
		if crsAt >= 0 {
			sys = declared[crsAt]
		}
		origin := in.origin.text(in.origin.at(row))
		pt := p.judge(sys, in.x.at(row), in.y.at(row))
		cx, cy := in.callerX.at(row), in.callerY.at(row)
		if origin == "caller" {
			// The mapping put a caller's position into the incident's columns: use it as one and keep none of it.
			cx, cy = in.x.at(row), in.y.at(row)
			pt = unusable("missing", 0)
			out.hide(row)
		}
		var caller point
		if !pt.usable() && cx == cx && cy == cy {
			cs := callerSystem
			if crsAt >= 0 {
				cs = sys
			}
			caller = p.judge(cs, cx, cy)
		}
		a := l.area(in.deepest(row), pt, caller, ds.at(row))
		switch {
		case pt.lon == pt.lon && (origin == "" || origin == "none"):
			origin = "incident"
		case pt.lon == pt.lon:
		case caller.usable():
			// What the source gave as the incident's point was no point; beside a caller's position nothing of it is kept.
			origin = "caller"
			out.hide(row)
		default:
			origin = "none"
		}
		out.set(row, pt, a, origin, in)
		flags := pt.flags | a.flags
		d.Flags[row] |= flags
		rep.count(pt, a)
	}
	out.store(d, in)
	return nil
}

func (r *Report) count(p point, a area) {
	if p.usable() {
		r.Points++
	}
	switch p.quality {
	case "out_of_area":
		r.OutOfArea++
	case "default_point":
		r.DefaultPoint++
	case "zero":
		r.Zero++
	case "swapped":
		r.Swapped++
	}
	if a.flags&event.AreaConflict != 0 {
		r.AreaConflict++
	}
	if a.flags&event.CodeUnknownArea != 0 {
		r.AreaUnknown++
	}
	if a.flags&event.AreaNearest != 0 {
		r.AreaNearest++
	}
	if a.code == "" {
		r.NoArea++
	}
}

func dropCaller(d *event.Draft) {
	if d.CallerX != nil {
		d.CallerX.Release()
		d.CallerX = nil
	}
	if d.CallerY != nil {
		d.CallerY.Release()
		d.CallerY = nil
	}
}

// area finds the division and grid: valid source code, polygon, nearest polygon, none.
func (l *locator) area(stated divisions, pt, caller point, day catalog.Day) area {
	src, flags := l.stated(stated, day)
	a := area{code: src, method: "source", flags: flags}
	own := pt.usable()
	at := pt
	if !own {
		at = caller
	}
	var code, method string
	var grid *shape
	if at.usable() {
		code, method, grid = l.find(at.lon, at.lat, day)
	}
	switch {
	case src == "" && code == "":
		a.method = "none"
		return a
	case src == "":
		a.code, a.method = code, method
	case code != "" && !within(code, src) && !l.succeeds(code, src, day):
		// The source and the point disagree: the source's statement stays, nothing is taken from the point. A caller may
		// well stand elsewhere, so that says nothing against the code.
		if own {
			a.flags |= event.AreaConflict
		}
		return a
	case len(code) > len(src):
		a.code, a.method = code, method
	}
	if a.method == "nearest" {
		a.flags |= event.AreaNearest
	}
	if grid != nil {
		a.grid = grid.code
	}
	if own {
		// A unit grid is 100 m wide: from a caller's position it would be that position again.
		if u := l.f.at(&l.e.unit, at.lon, at.lat, day); u != nil {
			a.unit = u.code
		}
	}
	return a
}

// succeeds reports whether the polygon's division took over from the stated one: the polygons are of today, an old record
// carries the code of its day.
func (l *locator) succeeds(code, src string, day catalog.Day) bool {
	a, ok := l.e.cat.Areas().At(src, day)
	return ok && slices.ContainsFunc(a.Successors, func(s string) bool { return within(code, s) })
}

// find asks the layers for a point, the deepest first.
func (l *locator) find(lon, lat float64, day catalog.Day) (code, method string, grid *shape) {
	e := l.e
	grid = l.f.at(&e.governance, lon, lat, day)
	for _, layer := range []*layer{&e.community, &e.town, &e.county} {
		if s := l.f.at(layer, lon, lat, day); s != nil {
			code, method = s.code, "polygon"
			break
		}
	}
	if grid != nil && grid.community != "" && len(code) < 12 && (code == "" || within(grid.community, code)) {
		code, method = grid.community, "polygon"
	}
	if code == "" {
		for _, layer := range []*layer{&e.community, &e.town, &e.county} {
			if len(layer.shapes) > 0 {
				if s := layer.near(lon, lat, nearestWithin, day); s != nil {
					code, method = s.code, "nearest"
				}
				break
			}
		}
	}
	return code, method, grid
}

// within reports whether division code lies in outer.
func within(code, outer string) bool {
	return len(code) >= len(outer) && code[:len(outer)] == outer
}

// divisions are the codes of one record as received.
type divisions struct{ county, town, community string }

// stated judges the source's codes: the deepest one in the catalog counts. A code that is not there is flagged, and so is
// one whose own prefix another column contradicts.
func (l *locator) stated(d divisions, day catalog.Day) (code string, flags event.Flag) {
	for _, c := range [...]string{d.community, d.town, d.county} {
		if c == "" {
			continue
		}
		s := l.judge(c, day)
		switch {
		case s.unknown:
			flags |= event.CodeUnknownArea
		case code == "":
			code = s.code
		case !within(code, s.code):
			flags |= event.AreaConflict
		}
	}
	return code, flags
}

// judge looks a code up in the catalog on a day. Without a division table every code of the right shape counts.
func (l *locator) judge(code string, day catalog.Day) sourceCode {
	s, ok := l.known[code]
	areas := l.e.cat.Areas()
	if !ok {
		s.code = canonical(code)
		switch {
		case catalog.LevelOf(s.code) < catalog.County:
			s.unknown = true
		case areas.Len() > 0 && !areas.Known(s.code):
			s.unknown = true
		default:
			s.temporal = areas.Bounded(s.code)
		}
		l.known[code] = s
	}
	if s.temporal {
		_, now := areas.At(s.code, day)
		s.unknown = !now
	}
	return s
}

// canonical drops the zeros that pad a code to the length of a deeper level.
func canonical(code string) string {
	for (len(code) == 12 || len(code) == 9) && code[len(code)-3:] == "000" {
		code = code[:len(code)-3]
	}
	return code
}
