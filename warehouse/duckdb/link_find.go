package duckdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"onegrid/warehouse"
)

var _ warehouse.LinkFinder = (*Store)(nil)

// A member of a key is packed into one number, so that the newest of a key are the greatest: its day above the number of
// its feature, which grows in the order in which linkage took events.
const (
	dayShift    = 40
	featureMask = int64(1)<<dayShift - 1
)

// nearDays is the span below which one range of days is read; farther days are read one by one.
const nearDays = 120

// finding is the state of one query for candidates.
type finding struct {
	r     *reader
	q     warehouse.CandidateQuery
	out   *warehouse.Candidates
	found []hit           // members of asked keys
	days  map[int32]bool  // days of the members
	rows  map[int64]int32 // row of the candidate by number of its feature
}

type hit struct {
	key     uint64
	feature int64
	ref     bool
}

// Candidates implements warehouse.LinkFinder.
//
// One pass over the keys of the window finds, for every key that is asked about, how many members it has and the newest of
// them, by an aggregate that holds no more than Cap of each: a key that everything shares costs no more memory than another.
// Only keys that are too common are looked at again, for the members that stand for their incident.
func (s *Store) Candidates(ctx context.Context, q warehouse.CandidateQuery) (*warehouse.Candidates, error) {
	sh, err := shapeOf(append([]string{"event_id"}, q.Columns...))
	if err != nil {
		return nil, err
	}
	if q.Cap < 1 {
		return nil, fmt.Errorf("finding candidates: cap of %d", q.Cap)
	}
	if s.opts.ReadOnly {
		return nil, errors.New("finding candidates: the store is open for reading only")
	}
	out := &warehouse.Candidates{}
	if len(q.Probes) == 0 {
		return out, nil
	}
	err = s.read(ctx, func(r *reader) error {
		f := &finding{r: r, q: q, out: out, days: map[int32]bool{}, rows: map[int64]int32{}}
		if err := f.askKeys(ctx); err != nil {
			return err
		}
		if err := f.members(ctx, "link_key", "NOT ref", between("k.event_day", q.From, q.To), false); err != nil {
			return err
		}
		if err := f.members(ctx, "link_ref", "ref", between("k.event_day", q.RefsFrom, q.RefsTo), true); err != nil {
			return err
		}
		if len(f.found) == 0 {
			return nil
		}
		if err := f.events(ctx, sh); err != nil {
			return err
		}
		f.pairs()
		return nil
	})
	if err != nil {
		out.Release()
		return nil, fmt.Errorf("finding candidates: %w", err)
	}
	return out, nil
}

// askKeys puts the distinct keys of the probes into asked_key, and the stored features of the probes themselves, which are
// no candidates, into own.
func (f *finding) askKeys(ctx context.Context) error {
	type asked struct {
		key uint64
		ref bool
	}
	seen := map[asked]bool{}
	b := array.NewRecordBuilder(allocator, keySchema)
	defer b.Release()
	refs := make([]warehouse.EventRef, len(f.q.Probes))
	for i, p := range f.q.Probes {
		refs[i] = p.Event
		for n, keys := range [][]uint64{p.Keys, p.Refs} {
			for _, k := range keys {
				if a := (asked{k, n == 1}); !seen[a] {
					seen[a] = true
					b.Field(0).(*array.Uint64Builder).Append(k)
					b.Field(1).(*array.BooleanBuilder).Append(a.ref)
				}
			}
		}
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	if err := f.r.keys.give(rec); err != nil {
		return err
	}
	defer f.r.keys.drop()
	if err := f.r.exec(ctx, "CREATE OR REPLACE TEMP TABLE asked_key AS SELECT * FROM "+f.r.keys.view); err != nil {
		return err
	}
	if err := f.r.ask(ctx, refs); err != nil {
		return err
	}
	return f.r.exec(ctx, "CREATE OR REPLACE TEMP TABLE own AS SELECT f.feature_no FROM (SELECT feature_no, event_id FROM link_feature WHERE "+spanOf("event_day", refs)+") f SEMI JOIN asked a ON a.id = f.event_id")
}

// members reads the members of the asked keys from one table of keys.
func (f *finding) members(ctx context.Context, table, kind, days string, ref bool) error {
	n, err := f.r.number(ctx, "SELECT count(*) FROM asked_key WHERE "+kind)
	if err != nil || n == 0 {
		return err
	}
	own, err := f.r.number(ctx, "SELECT count(*) FROM own")
	if err != nil {
		return err
	}
	without := ""
	if own > 0 {
		without = " ANTI JOIN own o ON o.feature_no = h.feature_no"
	}
	if err := f.r.exec(ctx, fmt.Sprintf(`CREATE OR REPLACE TEMP TABLE hit AS SELECT h.key, count(*) AS n,
 max(((h.event_day - DATE '1970-01-01')::BIGINT << %d) + h.feature_no, %d) AS newest
 FROM (SELECT k.key, k.event_day, k.feature_no FROM %s k SEMI JOIN (SELECT key FROM asked_key WHERE %s) a ON a.key = k.key WHERE %s) h%s GROUP BY h.key`,
		dayShift, f.q.Cap, table, kind, days, without)); err != nil {
		return err
	}
	add := func(rec arrow.RecordBatch) error {
		key, packed := rec.Column(0).(*array.Uint64), rec.Column(1).(*array.Int64)
		for i := range key.Len() {
			v := packed.Value(i)
			f.found = append(f.found, hit{key.Value(i), v & featureMask, ref})
			f.days[int32(v>>dayShift)] = true
		}
		return nil
	}
	if err := f.r.scan(ctx, "SELECT key, unnest(newest) FROM hit", add); err != nil {
		return err
	}
	capped := len(f.out.Capped)
	if err := f.r.scan(ctx, fmt.Sprintf("SELECT key, n FROM hit WHERE n > %d ORDER BY n DESC, key", f.q.Cap), func(rec arrow.RecordBatch) error {
		key, n := rec.Column(0).(*array.Uint64), rec.Column(1).(*array.Int64)
		for i := range key.Len() {
			f.out.Capped = append(f.out.Capped, warehouse.CappedKey{Key: key.Value(i), Members: n.Value(i), Ref: ref})
		}
		return nil
	}); err != nil || len(f.out.Capped) == capped {
		return err
	}
	return f.representatives(ctx, table, days, add)
}

// representatives adds, for keys that are too common, the countable members of the incidents that their members are in.
func (f *finding) representatives(ctx context.Context, table, days string, add func(arrow.RecordBatch) error) error {
	window := strings.ReplaceAll(days, "k.event_day", "event_day")
	for _, q := range []string{
		"CREATE OR REPLACE TEMP TABLE countable AS SELECT event_id FROM event_incident WHERE until_seq IS NULL AND is_countable AND incident_role <> 'single' AND " + window,
		"CREATE OR REPLACE TEMP TABLE stands AS SELECT f.feature_no FROM (SELECT feature_no, event_id FROM link_feature WHERE " + window + ") f SEMI JOIN countable c ON c.event_id = f.event_id",
	} {
		if err := f.r.exec(ctx, q); err != nil {
			return err
		}
	}
	return f.r.scan(ctx, fmt.Sprintf(`SELECT key, unnest(newest) FROM (SELECT k.key, max(((k.event_day - DATE '1970-01-01')::BIGINT << %[1]d) + k.feature_no, %[2]d) AS newest
 FROM (SELECT * FROM %[3]s k WHERE %[4]s) k SEMI JOIN (SELECT key FROM hit WHERE n > %[2]d) h ON h.key = k.key SEMI JOIN stands s ON s.feature_no = k.feature_no
 ANTI JOIN own o ON o.feature_no = k.feature_no GROUP BY k.key)`, dayShift, f.q.Cap, table, days), add)
}

// events reads the candidates: their features, and the columns of their current states.
func (f *finding) events(ctx context.Context, sh shape) error {
	b := array.NewRecordBuilder(allocator, keySchema)
	defer b.Release()
	seen := map[int64]bool{}
	for _, h := range f.found {
		if !seen[h.feature] {
			seen[h.feature] = true
			b.Field(0).(*array.Uint64Builder).Append(uint64(h.feature))
			b.Field(1).(*array.BooleanBuilder).Append(false)
		}
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	if err := f.r.keys.give(rec); err != nil {
		return err
	}
	defer f.r.keys.drop()
	if err := f.r.exec(ctx, "CREATE OR REPLACE TEMP TABLE cand AS SELECT key::BIGINT AS feature_no FROM (SELECT * FROM "+f.r.keys.view+")"); err != nil {
		return err
	}
	spans := f.spans()
	union := func(query string) string {
		parts := make([]string, len(spans))
		for i, span := range spans {
			parts[i] = fmt.Sprintf(query, span)
		}
		return strings.Join(parts, " UNION ALL ")
	}
	for _, q := range []string{
		"CREATE OR REPLACE TEMP TABLE cand_event AS " + union("SELECT f.feature_no, f.event_id, f.data FROM (SELECT * FROM link_feature WHERE %s) f SEMI JOIN cand c ON c.feature_no = f.feature_no"),
		"CREATE OR REPLACE TEMP TABLE cand_row AS " + union("SELECT v.rowid AS rid, c.feature_no, c.data FROM (SELECT rowid, event_id FROM event_version WHERE known_to IS NULL AND %s) v JOIN cand_event c ON c.event_id = v.event_id"),
	} {
		if err := f.r.exec(ctx, q); err != nil {
			return err
		}
	}
	return f.r.scan(ctx, "SELECT c.feature_no, c.data, "+sh.list+" FROM event_version v JOIN cand_row c ON v.rowid = c.rid", func(rec arrow.RecordBatch) error {
		no, data := rec.Column(0).(*array.Int64), rec.Column(1).(*array.Binary)
		for i := range no.Len() {
			f.rows[no.Value(i)] = int32(len(f.out.Data))
			f.out.Data = append(f.out.Data, slices.Clone(data.Value(i)))
		}
		b, err := sh.batch(rec, 2)
		if err == nil {
			f.out.Events = append(f.out.Events, b)
		}
		return err
	})
}

// spans gives conditions on event_day that cover the days of the members and not much else: the newest ones as a range,
// those far before it by name.
func (f *finding) spans() []string {
	days := make([]int32, 0, len(f.days))
	for d := range f.days {
		days = append(days, d)
	}
	slices.Sort(days)
	last := days[len(days)-1]
	near := days[0]
	var far []string
	if last-near > nearDays && len(days) > 1 {
		near = last
		for i := len(days) - 1; i >= 0 && days[i] >= last-nearDays; i-- {
			near = days[i]
		}
		for _, d := range days {
			if d < near {
				far = append(far, fmt.Sprintf("DATE '1970-01-01' + %d", d))
			}
		}
	}
	out := []string{between("event_day", near, last)}
	if len(far) > 0 {
		out = append(out, "event_day IN ("+strings.Join(far, ", ")+")")
	}
	return out
}

// pairs matches probes and candidates by key.
func (f *finding) pairs() {
	type asked struct {
		key uint64
		ref bool
	}
	rows := map[asked][]int32{}
	for _, h := range f.found {
		if row, ok := f.rows[h.feature]; ok {
			rows[asked{h.key, h.ref}] = append(rows[asked{h.key, h.ref}], row)
		}
	}
	for k, list := range rows { // a representative may be among the newest
		slices.Sort(list)
		rows[k] = slices.Compact(list)
	}
	for i, p := range f.q.Probes {
		from := len(f.out.Pairs)
		for n, keys := range [][]uint64{p.Keys, p.Refs} {
			for _, k := range distinct(keys) {
				for _, row := range rows[asked{k, n == 1}] {
					f.out.Pairs = append(f.out.Pairs, warehouse.CandidatePair{Probe: int32(i), Row: row, Key: k, Ref: n == 1})
				}
			}
		}
		slices.SortStableFunc(f.out.Pairs[from:], func(a, b warehouse.CandidatePair) int { return cmp.Compare(a.Row, b.Row) })
	}
}
