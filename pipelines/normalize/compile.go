package normalize

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/connectors"
	"onegrid/event"
)

// compiler turns a Mapping into a program and collects every problem on the way. Validate runs it without lists.
type compiler struct {
	m        *Mapping
	p        *program
	lists    Lists
	final    bool // named lists must resolve
	env      *cel.Env
	slots    int
	problems connectors.Problems
}

func (c *compiler) problem(path, hint, format string, args ...any) {
	c.problems = append(c.problems, connectors.Problem{Path: path, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// Validate implements connectors.Validator: every problem that can be seen without the catalog's lists.
func (m *Mapping) Validate() []connectors.Problem {
	c := newCompiler(m, nil, false)
	c.compile()
	return c.problems
}

func newCompiler(m *Mapping, lists Lists, final bool) *compiler {
	return &compiler{m: m, lists: lists, final: final, p: &program{index: map[string]int{}}}
}

// aliases are short names of targets.
func aliases() map[string]string { return map[string]string{"x": "coord_src_x", "y": "coord_src_y"} }

// elsewhere are target columns that have their own key at the top of the file.
func elsewhere() map[string]string {
	return map[string]string{"source_kind": "source_kind", "category_scheme": "scheme.id", "category_scheme_ver": "scheme.version", "ext": "ext.allow"}
}

// defaultOrder is the order in which the times of a case follow each other.
func defaultOrder() []string {
	return []string{"reported_at", "accepted_at", "dispatched_at", "resolved_at", "closed_at"}
}

func (c *compiler) compile() {
	m := c.m
	if m.Version != 1 {
		c.problem("version", "write version: 1", "unsupported version %d", m.Version)
	}
	if !event.SourceKinds.Has(m.SourceKind) {
		c.problem("source_kind", "one of "+strings.Join(event.SourceKinds.Values(), ", "), "unknown source kind %q", m.SourceKind)
	}
	if m.Scheme.ID == "" {
		c.problem("scheme.id", "the id of the source's category table in the catalog, or none", "missing")
	}
	if m.Scheme.Version == "" {
		c.problem("scheme.version", "the version or year of that table", "missing")
	}
	if _, err := newTimeParser(nil, m.Zone); err != nil {
		c.problem("zone", "an IANA name such as Asia/Shanghai", "%v", err)
	}
	c.constants()
	c.parties()
	c.fields()
	c.extras()
	c.drops()
	c.checks()
	for _, e := range m.Expect {
		c.p.expect = append(c.p.expect, c.column("expect", e))
	}
}

func (c *compiler) constants() {
	for _, k := range [][2]string{{"source_kind", c.m.SourceKind}, {"category_scheme", c.m.Scheme.ID}, {"category_scheme_ver", c.m.Scheme.Version}} {
		c.p.consts = append(c.p.consts, constant{event.Index(k[0]), k[1]})
	}
}

// column returns the position of a source column and adds it to those that are read.
func (c *compiler) column(path, name string) int {
	if name == "" {
		c.problem(path, "", "empty column name")
	}
	i, ok := c.p.index[name]
	if !ok {
		i = len(c.p.columns)
		c.p.columns = append(c.p.columns, name)
		c.p.index[name] = i
	}
	return i
}

func (c *compiler) columnsOf(path string, names []string) []int {
	out := make([]int, len(names))
	for i, n := range names {
		out[i] = c.column(path, n)
	}
	return out
}

func (c *compiler) parties() {
	for i, p := range c.m.Parties {
		path := fmt.Sprintf("parties.%d", i)
		if p.Kind != "phone" && p.Kind != "id_number" {
			c.problem(path+".kind", "phone or id_number", "unknown kind %q", p.Kind)
		}
		if p.Role != "reporter" && p.Role != "contact" {
			c.problem(path+".role", "reporter or contact", "unknown role %q", p.Role)
		}
		if len(p.From) == 0 {
			c.problem(path+".from", "", "missing")
		}
		c.p.parties = append(c.p.parties, party{p.Kind, p.Role, c.columnsOf(path+".from", p.From)})
	}
	if k := c.m.Caller; k != nil {
		if k.X == "" || k.Y == "" {
			c.problem("caller", "", "x and y are both needed")
			return
		}
		for i, col := range []string{k.X, k.Y} {
			c.p.caller[i] = &field{name: "caller." + "xy"[i:i+1], col: -1, kind: float64Target,
				alts: []*alt{{cols: []int{c.column("caller", col)}, scale: 1}}}
		}
	}
}

// isParty reports whether a source column holds direct identifiers or the caller's position.
func (c *compiler) isParty(name string) bool {
	for _, p := range c.m.Parties {
		if contains(p.From, name) {
			return true
		}
	}
	return c.m.Caller != nil && (name == c.m.Caller.X || name == c.m.Caller.Y)
}

// guard refuses a second use of an identifier: invariant 4 — what becomes a token or is used in memory only must not
// reach the event by another way.
func (c *compiler) guard(path string, names ...string) {
	for _, n := range names {
		if c.isParty(n) {
			c.problem(path, "take it out of parties and caller, or out of here", "column %q is a personal identifier or the caller's position and must not become part of the event", n)
		}
	}
}

func (c *compiler) fields() {
	seen := map[string]string{}
	for _, key := range sortedKeys(c.m.Fields) {
		path, spec := "fields."+key, c.m.Fields[key]
		name := key
		if full, ok := aliases()[key]; ok {
			name = full
		}
		col, ok := event.Lookup(name)
		switch at := elsewhere()[name]; {
		case !ok:
			c.problem(path, nearest(name), "unknown target field %q", key)
			continue
		case at != "":
			c.problem(path, "use "+at+" at the top of the file", "%s is not set here", name)
			continue
		case col.Setter != event.ByMapping:
			c.problem(path, "", "%s is computed by the hub, a mapping cannot set it", name)
			continue
		}
		if other, dup := seen[name]; dup {
			c.problem(path, "", "%s is already set by %s", name, other)
			continue
		}
		seen[name] = key
		if spec == nil {
			c.problem(path, "", "empty field")
			continue
		}
		f := c.field(path, name, col, spec)
		c.p.fields = append(c.p.fields, f)
		switch name {
		case "source_record_id":
			f.require, c.p.id = true, f
		case "reported_at":
			f.require = true
		case "due_at":
			c.p.checks.dueMapped = true
		}
		if spec.CRS != "" && name == "coord_src_x" {
			c.p.crs = spec.CRS
		}
	}
	for _, need := range []string{"source_record_id", "reported_at"} {
		if _, ok := seen[need]; !ok {
			c.problem("fields", "every event needs it", "%s is not mapped", need)
		}
	}
	_, x := seen["coord_src_x"]
	_, y := seen["coord_src_y"]
	_, crs := seen["coord_src_crs"]
	if x != y {
		c.problem("fields", "", "x and y are both needed")
	}
	if x && !crs && c.p.crs == "" {
		c.problem("fields.x", "crs: one of "+strings.Join(crsNames(), ", ")+", local:<id>", "the coordinate system is not declared")
	}
	// What can reject a record runs first, so that a batch with rejects is cut before the bulk of the work.
	slices.SortStableFunc(c.p.fields, func(a, b *field) int { return rank(a) - rank(b) })
	for _, f := range c.p.fields {
		if f.rejects() {
			c.p.early++
		}
	}
}

func rank(f *field) int {
	switch {
	case f.name == "source_record_id":
		return 0
	case f.rejects():
		return 1
	}
	return 2
}

func crsNames() []string {
	return []string{"cgcs2000", "wgs84", "gcj02", "bd09ll", "bd09mc", "unknown"}
}

func (c *compiler) extras() {
	for _, key := range sortedKeys(c.m.Ext.Allow) {
		path, col := "ext.allow."+key, c.m.Ext.Allow[key]
		if !extKey(key) {
			c.problem(path, "lower-case letters, digits and _", "bad key %q", key)
		}
		c.guard(path, col)
		c.p.ext = append(c.p.ext, extra{key, c.column(path, col)})
	}
}

func extKey(k string) bool {
	for i, r := range k {
		if !(r >= 'a' && r <= 'z' || i > 0 && (r >= '0' && r <= '9' || r == '_')) {
			return false
		}
	}
	return k != "" && len(k) <= 48
}

func (c *compiler) drops() {
	for i, d := range c.m.Drop {
		path := fmt.Sprintf("drop.%d", i)
		prefix, glob := strings.CutSuffix(d, "*")
		switch _, used := c.p.index[d]; {
		case d == "" || prefix == "" && glob:
			c.problem(path, "", "names no column")
		case used:
			c.problem(path, "", "column %q is dropped and used", d)
		case glob:
			c.p.drop.prefixes = append(c.p.drop.prefixes, prefix)
		default:
			c.p.drop.names = append(c.p.drop.names, d)
		}
	}
}

func (c *compiler) checkRange(path string, lo, hi *float64) {
	if lo == nil && hi == nil {
		c.problem(path, "min, max or both", "empty range")
	}
	for _, v := range []*float64{lo, hi} {
		if v != nil && !finite(*v) {
			c.problem(path, "", "not a number")
		}
	}
	if lo != nil && hi != nil && *lo > *hi {
		c.problem(path, "", "min is larger than max")
	}
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

func (c *compiler) checks() {
	k, out := c.m.Checks, &c.p.checks
	out.future = c.duration("checks.future", k.Future, 10*time.Minute)
	order := defaultOrder()
	if k.Order != nil {
		order = *k.Order
	}
	for i, name := range order {
		col, ok := event.Lookup(name)
		if !ok || !arrow.TypeEqual(col.Type, event.Timestamp) || col.Setter != event.ByMapping {
			c.problem(fmt.Sprintf("checks.order.%d", i), "", "%q is not a mapped time", name)
			continue
		}
		out.order = append(out.order, event.Index(name))
	}
	for i, r := range k.Ranges {
		path := fmt.Sprintf("checks.ranges.%d", i)
		c.checkRange(path, r.Min, r.Max)
		c.guard(path, r.Column)
		out.ranges = append(out.ranges, rangeCheck{c.column(path, r.Column), r.Min, r.Max})
	}
	if t := k.IDTime; t != nil {
		l, err := newIDLayout(t.Layout)
		if err != nil {
			c.problem("checks.id_time.layout", "such as yyMMddHHmm or yyyyMMddHHmmss", "%v", err)
		}
		if t.At < 0 {
			c.problem("checks.id_time.at", "", "not negative")
		}
		tol := c.duration("checks.id_time.tolerance", t.Tolerance, 10*time.Minute)
		if tol >= 6*time.Hour {
			c.problem("checks.id_time.tolerance", "", "6 hours or more cannot tell a lost AM/PM from a slow clock")
		}
		out.idTime = &idTimeCheck{at: t.At, width: len(t.Layout), layout: l, tolerance: tol.Microseconds(), repair: t.Repair}
	}
}

func (c *compiler) duration(path, s string, def time.Duration) time.Duration {
	if s == "" {
		return def
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		c.problem(path, "such as 10m", "not a duration: %q", s)
		return def
	}
	return d
}
