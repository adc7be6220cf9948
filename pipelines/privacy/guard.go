package privacy

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/event"
)

// RulesVersion is redaction_ver: it changes with the rules, so that older text can be found and redacted again.
const RulesVersion = 1

// Config is what a deployer can set.
type Config struct {
	TitleRunes       int `yaml:"title_runes"`       // longest title, in characters; 120 unless set
	DescriptionRunes int `yaml:"description_runes"` // longest description, in characters; 4000 unless set
	TokenDays        int `yaml:"token_days"`        // days that a party token lives at most; 180 unless set, never more

	Allocator memory.Allocator `yaml:"-"`
}

// Meta is what Protect must know about the batch.
type Meta struct {
	Stream string
	Now    time.Time // hub clock: bound of birth dates, epoch where reported_at is null
}

// Guard removes personal data from drafts. It is safe for concurrent use.
type Guard struct {
	cfg  Config
	keys Keys
	mem  memory.Allocator
	cols []textColumn
	ids  []int
	pool sync.Pool
}

type textColumn struct {
	index int
	name  string
	mode  mode
	limit int // runes, 0 for none
}

// codeColumns hold codes of organisations, places and categories: redaction takes out only what proves itself a number
// of a person, so that a grid code is never mistaken for one.
var codeColumns = set("component_code community_code grid_id unit_grid_code county_code town_code accept_org_code owner_org_code org_code_scheme " +
	"category_scheme category_scheme_ver category_src_code category_end_code status_src_code coord_src_crs co_org_codes")

var idColumns = set("source_record_id source_record_alt parent_record_id upstream_record_id")

// New returns a guard. It fails where the limits are out of range or a key is missing.
func New(cfg Config, keys Keys) (*Guard, error) {
	if cfg.TitleRunes == 0 {
		cfg.TitleRunes = 120
	}
	if cfg.DescriptionRunes == 0 {
		cfg.DescriptionRunes = 4000
	}
	if cfg.TokenDays == 0 {
		cfg.TokenDays = maxTokenDays
	}
	var errs []error
	if cfg.TitleRunes < 1 || cfg.TitleRunes > 120 {
		errs = append(errs, errors.New("privacy.title_runes: must be 1 to 120"))
	}
	if cfg.DescriptionRunes < 1 || cfg.DescriptionRunes > 100_000 {
		errs = append(errs, errors.New("privacy.description_runes: must be 1 to 100000"))
	}
	if cfg.TokenDays < 1 || cfg.TokenDays > maxTokenDays {
		errs = append(errs, fmt.Errorf("privacy.token_days: must be 1 to %d", maxTokenDays))
	}
	if keys.isZero() {
		errs = append(errs, fmt.Errorf("privacy: %w", ErrNoKey))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	g := &Guard{cfg: cfg, keys: keys, mem: cfg.Allocator}
	if g.mem == nil {
		g.mem = memory.DefaultAllocator
	}
	for i, c := range event.Columns() {
		if c.Setter != event.ByMapping {
			continue
		}
		if _, id := idColumns[c.Name]; id {
			g.ids = append(g.ids, i)
			continue
		}
		switch c.Type.ID() {
		case arrow.STRING, arrow.DICTIONARY, arrow.LIST, arrow.MAP:
		default:
			continue
		}
		tc := textColumn{index: i, name: c.Name}
		if _, code := codeColumns[c.Name]; code {
			tc.mode = modeCode
		}
		switch c.Name {
		case "title":
			tc.limit = cfg.TitleRunes
		case "description":
			tc.limit = cfg.DescriptionRunes
		case "address_masked", "address_std":
			tc.mode = modeAddress
		}
		g.cols = append(g.cols, tc)
	}
	g.pool.New = func() any { return &worker{tokens: newTokenizer(keys)} }
	return g, nil
}

// worker is the scratch space of one Protect at a time.
type worker struct {
	scan     scanner
	residual residual
	sim      simHasher
	tokens   *tokenizer
	text     [2][]byte
	edits    []edit
	out      []byte

	hits      []int32
	sensitive []bool
	reject    []rejection
	rejected  int
}

// rejection says why a row is refused; zero where it is not.
type rejection struct {
	rule   string
	column string
}

func (w *worker) reset(rows int, now time.Time) {
	w.hits = resized(w.hits, rows)
	w.sensitive = resized(w.sensitive, rows)
	w.reject = resized(w.reject, rows)
	w.rejected = 0
	w.setDay(now)
}

func (w *worker) setDay(now time.Time) {
	y, m, d := now.In(event.Shanghai).Date()
	w.scan.today = y*10000 + int(m)*100 + d
	w.residual.now = w.scan.today
}

func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

func (w *worker) refuse(row int, rule, column string) {
	if w.reject[row].rule == "" {
		w.reject[row] = rejection{rule, column}
		w.rejected++
	}
}

// Protect removes clear personal values from the draft, in place. Records for which that cannot be said are taken out of
// the draft (Rows shrinks) and returned as rejects; the rows of Tokens count in the draft as it is afterwards.
//
// invariant 4: this is the only way from a mapped draft to anything that is stored. On an error the draft is released
// and must not be used.
func (g *Guard) Protect(d *event.Draft, meta Meta) (tokens Tokens, rejects []event.Reject, err error) {
	w := g.pool.Get().(*worker)
	defer func() {
		if p := recover(); p != nil {
			// The panic value could quote a record: only its type may leave. The worker is dropped with its buffers.
			err = fmt.Errorf("redacting a batch: internal failure (%T)", p)
			tokens, rejects = Tokens{}, nil
		} else {
			g.pool.Put(w)
		}
		if err != nil {
			d.Release()
			d.Rows = 0
		}
	}()
	if err := check(d); err != nil {
		return Tokens{}, nil, err
	}
	if meta.Now.IsZero() {
		meta.Now = time.Now()
	}
	w.reset(d.Rows, meta.Now)

	for _, c := range g.cols {
		a := d.Cols[c.index]
		if a == nil {
			continue
		}
		clean, err := g.column(w, d, a, c)
		if err != nil {
			return Tokens{}, nil, fmt.Errorf("redacting column %s: %w", c.name, err)
		}
		if clean != a {
			a.Release()
			d.Cols[c.index] = clean
		}
	}
	for _, i := range g.ids {
		if err := w.idColumn(d, i); err != nil {
			return Tokens{}, nil, err
		}
	}
	if err := w.callerPoints(d); err != nil {
		return Tokens{}, nil, err
	}
	dropCallerPosition(d)

	if w.rejected > 0 {
		rejects = w.rejects(d, meta.Stream)
	}
	tokens, err = w.partyTokens(d, meta.Now, g.cfg.TokenDays)
	if err != nil {
		return Tokens{}, nil, err
	}
	for _, p := range d.Parties {
		p.Values.Release()
	}
	d.Parties = nil
	g.hubColumns(w, d)
	if w.rejected > 0 {
		if err := g.dropRejected(w, d); err != nil {
			return Tokens{}, nil, err
		}
	}
	return tokens, rejects, nil
}

// check refuses drafts whose parts do not fit together: an index that is off by one would pass a clear value by.
func check(d *event.Draft) error {
	cols := event.Columns()
	if len(d.Cols) != len(cols) || len(d.Flags) != d.Rows || len(d.Source) != d.Rows {
		return errors.New("redacting a batch: the draft is not complete")
	}
	for i, a := range d.Cols {
		if a != nil && (a.Len() != d.Rows || !arrow.TypeEqual(a.DataType(), cols[i].Type)) {
			return fmt.Errorf("redacting a batch: column %s has another type or length than the draft", cols[i].Name)
		}
	}
	for _, p := range d.Parties {
		if p.Values == nil || p.Values.Len() != d.Rows {
			return errors.New("redacting a batch: a party column has another length than the draft")
		}
	}
	return nil
}

func dropCallerPosition(d *event.Draft) {
	if d.CallerX != nil {
		d.CallerX.Release()
	}
	if d.CallerY != nil {
		d.CallerY.Release()
	}
	d.CallerX, d.CallerY = nil, nil
}

// callerPoints refuses records whose stored coordinates are said to be the caller's: whereabouts data (PIPL, article 28).
func (w *worker) callerPoints(d *event.Draft) error {
	a := d.Col("coord_origin")
	if a == nil {
		return nil
	}
	dict, ok := a.(*array.Dictionary)
	if !ok {
		return errors.New("redacting a batch: coord_origin is no dictionary")
	}
	values := dict.Dictionary().(*array.String)
	caller := -1
	for i := range values.Len() {
		if values.Value(i) == "caller" {
			caller = i
		}
	}
	if caller < 0 {
		return nil
	}
	for row := range d.Rows {
		if dict.IsNull(row) || dict.GetValueIndex(row) != caller {
			continue
		}
		for _, name := range [...]string{"coord_src_x", "coord_src_y", "lon", "lat"} {
			if c := d.Col(name); c != nil && c.IsValid(row) {
				w.refuse(row, "caller_position", name)
			}
		}
	}
	return nil
}

func (w *worker) rejects(d *event.Draft, stream string) []event.Reject {
	out := make([]event.Reject, 0, w.rejected)
	for row, r := range w.reject {
		if r.rule == "" {
			continue
		}
		m := rejectMessages[r.rule]
		out = append(out, event.Reject{Stream: stream, Row: d.Source[row], Stage: "privacy", Rule: r.rule, Column: r.column, Message: m[0], MessageZH: m[1]})
	}
	return out
}

var rejectMessages = map[string][2]string{
	"pii_in_id":       {"a record number is a phone or identity number; map another column to it", "记录编号是电话号码或身份证号,请映射其他列"},
	"pii_residual":    {"the second check still finds a personal number after redaction", "脱敏后二次检查仍发现个人号码"},
	"caller_position": {"the point is the caller's position and must not be stored; map it as caller position", "坐标为报警人位置,不得存储,请按报警人位置映射"},
}

// hubColumns sets the columns that privacy decides.
func (g *Guard) hubColumns(w *worker, d *event.Draft) {
	ver, hits := array.NewInt16Builder(g.mem), array.NewInt16Builder(g.mem)
	sens := array.NewBooleanBuilder(g.mem)
	sim := array.NewUint64Builder(g.mem)
	defer ver.Release()
	defer hits.Release()
	defer sens.Release()
	defer sim.Release()
	ver.Reserve(d.Rows)
	hits.Reserve(d.Rows)
	sens.Reserve(d.Rows)
	sim.Reserve(d.Rows)
	description, title := asText(d.Col("description")), asText(d.Col("title"))
	for row := range d.Rows {
		ver.UnsafeAppend(RulesVersion)
		hits.UnsafeAppend(int16(min(w.hits[row], 1<<15-1)))
		sens.UnsafeAppend(w.sensitive[row])
		if w.hits[row] > 0 {
			d.Flags[row] |= event.PIIInText
		}
		var h uint64
		if v := description.at(row); len(v) > 0 {
			h = w.sim.hash(v)
		}
		if h == 0 {
			if v := title.at(row); len(v) > 0 {
				h = w.sim.hash(v)
			}
		}
		if h == 0 {
			sim.AppendNull()
		} else {
			sim.UnsafeAppend(h)
		}
	}
	d.Set("redaction_ver", ver.NewArray())
	d.Set("redaction_hits", hits.NewArray())
	d.Set("has_sensitive", sens.NewArray())
	d.Set("text_simhash", sim.NewArray())
}

// dropRejected takes the refused rows out of every column.
func (g *Guard) dropRejected(w *worker, d *event.Draft) error {
	keep := make([][2]int64, 0, w.rejected+1)
	for row := 0; row < d.Rows; row++ {
		if w.reject[row].rule != "" {
			continue
		}
		if n := len(keep); n > 0 && keep[n-1][1] == int64(row) {
			keep[n-1][1]++
		} else {
			keep = append(keep, [2]int64{int64(row), int64(row) + 1})
		}
	}
	for i, a := range d.Cols {
		if a == nil {
			continue
		}
		parts := make([]arrow.Array, 0, len(keep))
		for _, k := range keep {
			parts = append(parts, array.NewSlice(a, k[0], k[1]))
		}
		if len(parts) == 0 {
			parts = append(parts, array.NewSlice(a, 0, 0))
		}
		joined, err := array.Concatenate(parts, g.mem)
		for _, p := range parts {
			p.Release()
		}
		if err != nil {
			return fmt.Errorf("dropping refused records from column %s: %w", event.Columns()[i].Name, err)
		}
		a.Release()
		d.Cols[i] = joined
	}
	n := 0
	for row := range d.Rows {
		if w.reject[row].rule == "" {
			d.Flags[n], d.Source[n] = d.Flags[row], d.Source[row]
			n++
		}
	}
	d.Flags, d.Source, d.Rows = d.Flags[:n], d.Source[:n], n
	return nil
}

// Scrub redacts a text that is about to leave the program: an error, a log line. Where it cannot vouch for the result it
// returns none of it.
func (g *Guard) Scrub(text string) string {
	w := g.pool.Get().(*worker)
	defer g.pool.Put(w)
	return w.scrub(text, time.Now())
}

func (w *worker) scrub(text string, now time.Time) string {
	w.setDay(now)
	w.scan.mode = modeText
	res := w.redact([]byte(text), 0, true)
	if !res.ok {
		return "〔…〕"
	}
	if !res.changed {
		return text
	}
	return string(res.text)
}
