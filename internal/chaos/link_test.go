package chaos

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"onegrid/internal/hub"
	"onegrid/pipelines/link"
	"onegrid/pipelines/link/evaluate"
	"onegrid/warehouse"
)

// linkRecords are the invented reports that linkage is tested on: a week of three departments.
const linkRecords = 6000

// linker reads the rules again, as a process does that starts.
func linker(t testing.TB, h *hub.Hub) *link.Runner {
	t.Helper()
	r, err := h.Linker()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func linked(t testing.TB, rep link.Report, err error) link.Report {
	t.Helper()
	if err != nil {
		t.Fatalf("linking: %v", err)
	}
	return rep
}

// parts are the incidents of all events in the order of their record numbers.
func parts(t testing.TB, db *sql.DB) []int32 {
	t.Helper()
	rows, err := db.Query("SELECT incident_id::VARCHAR FROM event ORDER BY source_id, source_record_id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	number := map[string]int32{}
	var out []int32
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		n, ok := number[id]
		if !ok {
			n = int32(len(number))
			number[id] = n
		}
		out = append(out, n)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func count(t testing.TB, db *sql.DB, query string, args ...any) (n int64) {
	t.Helper()
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func differing(t testing.TB, what string, a, b []int32, most float64) {
	t.Helper()
	c, err := evaluate.Differing(a, b)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	t.Logf("%s: %d of %d records differ", what, c.Moved, c.Rows)
	if c.Share > most {
		t.Errorf("%s: %d of %d records are in another incident, %.2f %%", what, c.Moved, c.Rows, 100*c.Share)
	}
}

const totals = `SELECT source_id || ' ' || coalesce(channel::VARCHAR, '') AS k, count(*)::BIGINT AS n FROM event GROUP BY ALL ORDER BY ALL`

func sums(t testing.TB, db *sql.DB) map[string]int64 {
	t.Helper()
	rows, err := db.Query(totals)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var k string
		var n int64
		if err := rows.Scan(&k, &n); err != nil {
			t.Fatal(err)
		}
		out[k] = n
	}
	return out
}

// Linking department after department and hour after hour gives what linking everything at once gives, whichever
// department comes first; linking again changes nothing, and nothing that is counted changes by linking.
func TestIncrementsAreTheRebuild(t *testing.T) {
	ctx := context.Background()
	w := newTown(t, linkRecords)
	var stores []*hub.Hub
	for range 2 {
		h := w.open(filepath.Join(t.TempDir(), "data"))
		t.Cleanup(func() { h.Close() })
		w.mustSync("first", h)
		rep, err := linker(t, h).Run(ctx)
		if linked(t, rep, err); rep.Trigger != "rebuild" {
			t.Fatalf("the first run was a %s", rep.Trigger)
		}
		stores = append(stores, h)
	}
	step := func(h *hub.Hub) {
		t.Helper()
		before := sums(t, h.Store.DB())
		rep, err := linker(t, h).Run(ctx)
		if linked(t, rep, err); rep.Trigger != "incremental" {
			t.Fatalf("%s of %d events: %s", rep.Trigger, rep.Events, rep.Why)
		}
		if d := cmp.Diff(before, sums(t, h.Store.DB())); d != "" {
			t.Errorf("sums of reports changed by linking:\n%s", d)
		}
		sound(t, h.Store)
	}
	orders := [][]string{{"police_110", "hotline_12345", "urban_mgmt"}, {"urban_mgmt", "hotline_12345", "police_110"}}
	for range 3 { // records change and new ones come
		w.city.Advance(3 * time.Hour)
		w.drop()
		for i, h := range stores {
			for _, id := range orders[i] {
				if _, err := h.Sync(ctx, id, "manual", time.Time{}); err != nil {
					t.Fatalf("%s: %v", id, err)
				}
				step(h)
			}
		}
	}
	for i, h := range stores {
		db := h.Store.DB()
		steps := parts(t, db)
		ledger := count(t, db, "SELECT count(*) FROM event_link")
		again, err := linker(t, h).Run(ctx)
		if linked(t, again, err); again.Stored.Asserted+again.Stored.Revoked+again.Stored.Joined+again.Stored.Left != 0 || count(t, db, "SELECT count(*) FROM event_link") != ledger {
			t.Errorf("order %d: a run without changes stored %+v", i, again.Stored)
		}
		whole, err := linker(t, h).Rebuild(ctx)
		linked(t, whole, err)
		full := parts(t, db)
		differing(t, "increments against a rebuild", steps, full, 0.005)
		if n := count(t, db, "SELECT count(*) FROM event_link"); n < ledger {
			t.Errorf("order %d: the ledger had %d rows and has %d", i, ledger, n)
		}
		once, err := linker(t, h).Rebuild(ctx)
		if linked(t, once, err); once.Stored.Asserted+once.Stored.Revoked+once.Stored.Joined+once.Stored.Left != 0 {
			t.Errorf("order %d: a second rebuild stored %+v", i, once.Stored)
		}
		sound(t, h.Store)
		if i == 0 {
			if n := count(t, db, "SELECT count(DISTINCT incident_id) FROM event"); n >= int64(len(full)) {
				t.Error("nothing was linked")
			}
		}
		if count(t, db, "SELECT count(*) FROM event WHERE incident_role = 'followup' AND is_countable") != 0 {
			t.Error("a follow-up call counts as an incident")
		}
	}
	differing(t, "one order of departments against another", parts(t, stores[0].Store.DB()), parts(t, stores[1].Store.DB()), 0)
}

// eventsOf gives two events of one incident with others, and two of different incidents.
func eventsOf(t testing.TB, db *sql.DB, query string) (a, b warehouse.EventRef) {
	t.Helper()
	var x, y string
	var dx, dy time.Time
	if err := db.QueryRow(query).Scan(&x, &dx, &y, &dy); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	a.ID, a.Day = warehouse.EventID(uuid.MustParse(x)), int32(dx.Unix()/86400)
	b.ID, b.Day = warehouse.EventID(uuid.MustParse(y)), int32(dy.Unix()/86400)
	return a, b
}

// What a person decided holds in increments and rebuilds until it is withdrawn (invariant 7).
func TestDecisionsOutliveRuns(t *testing.T) {
	ctx := context.Background()
	w := newTown(t, 1500)
	h := w.open(filepath.Join(t.TempDir(), "data"))
	defer h.Close()
	w.mustSync("first", h)
	rep, err := linker(t, h).Run(ctx)
	linked(t, rep, err)
	db := h.Store.DB()
	apartA, apartB := eventsOf(t, db, `SELECT a.event_id::VARCHAR, a.event_day, b.event_id::VARCHAR, b.event_day FROM event a JOIN event b USING (incident_id)
WHERE a.event_id < b.event_id ORDER BY a.event_id, b.event_id LIMIT 1`)
	oneA, oneB := eventsOf(t, db, `SELECT a.event_id::VARCHAR, a.event_day, b.event_id::VARCHAR, b.event_day FROM event a JOIN event b ON a.incident_id <> b.incident_id AND a.event_day <> b.event_day
WHERE a.incident_role = 'single' AND b.incident_role = 'single' ORDER BY a.event_id, b.event_id LIMIT 1`)
	same := func(a, b warehouse.EventRef) bool {
		x, _, err := h.Store.Incident(ctx, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		y, _, err := h.Store.Incident(ctx, b.ID)
		if err != nil {
			t.Fatal(err)
		}
		return x == y
	}
	decide := func(a, b warehouse.EventRef, says string) {
		t.Helper()
		if _, err := h.Store.Decide(ctx, []warehouse.Decision{{From: a, To: b, Says: says, Actor: "reviewer", Reason: "seen on the spot"}}); err != nil {
			t.Fatal(err)
		}
	}
	hold := func(when string, apart, one bool) {
		t.Helper()
		if same(apartA, apartB) == apart {
			t.Errorf("%s: two events that a person keeps apart: apart %v, want %v", when, !apart, apart)
		}
		if same(oneA, oneB) != one {
			t.Errorf("%s: two events that a person calls one: one %v, want %v", when, !one, one)
		}
		sound(t, h.Store)
	}
	hold("before", false, false)
	decide(apartA, apartB, warehouse.CannotLink)
	decide(oneA, oneB, warehouse.MustLink)
	rep, err = linker(t, h).Run(ctx)
	if linked(t, rep, err); rep.Trigger != "incremental" {
		t.Fatalf("a decision made a %s: %s", rep.Trigger, rep.Why)
	}
	hold("an increment", true, true)
	w.city.Advance(2 * time.Hour)
	w.drop()
	w.mustSync("second", h)
	rep, err = linker(t, h).Run(ctx)
	linked(t, rep, err)
	hold("a later increment", true, true)
	rep, err = linker(t, h).Rebuild(ctx)
	linked(t, rep, err)
	hold("a rebuild", true, true)
	decide(apartA, apartB, warehouse.Withdrawn)
	decide(oneA, oneB, warehouse.Withdrawn)
	rep, err = linker(t, h).Run(ctx)
	linked(t, rep, err)
	hold("withdrawn", false, false)
}

// What linkage keeps beside the store may be lost or damaged: the next run rebuilds and ends in the same incidents.
func TestLostFrequenciesAreRebuilt(t *testing.T) {
	ctx := context.Background()
	w := newTown(t, 1000)
	data := filepath.Join(t.TempDir(), "data")
	h := w.open(data)
	defer h.Close()
	w.mustSync("first", h)
	rep, err := linker(t, h).Run(ctx)
	linked(t, rep, err)
	want := parts(t, h.Store.DB())
	files := func() []string {
		names, err := filepath.Glob(filepath.Join(data, "link", "corpus-*"))
		if err != nil || len(names) != 1 {
			t.Fatalf("files of frequencies: %v %v", names, err)
		}
		return names
	}
	for _, c := range []struct {
		name string
		harm func(path string) error
	}{
		{"lost", os.Remove},
		{"cut", func(p string) error { return os.Truncate(p, 100) }},
		{"damaged", func(p string) error {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			b[len(b)/2] ^= 0xff
			return os.WriteFile(p, b, 0o640)
		}},
		{"left half written by another run", func(p string) error { return os.Rename(p, p+".part") }},
	} {
		if err := c.harm(files()[0]); err != nil {
			t.Fatal(err)
		}
		rep, err := linker(t, h).Run(ctx)
		if linked(t, rep, err); rep.Trigger != "rebuild" || rep.Why == "" {
			t.Errorf("%s: a %s, want a rebuild that says why", c.name, rep.Trigger)
		}
		differing(t, c.name, want, parts(t, h.Store.DB()), 0)
		if rep.Stored.Joined+rep.Stored.Left != 0 {
			t.Errorf("%s: the rebuild stored %+v", c.name, rep.Stored)
		}
		files()
	}
}

// Persons are never linked by weight and stand in no block of places; calls that report nothing are left out.
func TestPersonsAndInvalidCalls(t *testing.T) {
	ctx := context.Background()
	w := newTown(t, linkRecords)
	h := w.open(filepath.Join(t.TempDir(), "data"))
	defer h.Close()
	w.mustSync("first", h)
	rep, err := linker(t, h).Run(ctx)
	linked(t, rep, err)
	db := h.Store.DB()
	persons := "category IN ('16.01', '16.03', '16.06', '16.07', '13.02')"
	if count(t, db, "SELECT count(*) FROM event WHERE "+persons) == 0 || count(t, db, "SELECT count(*) FROM event WHERE validity = 'invalid'") == 0 {
		t.Fatal("the town has no such reports")
	}
	if n := count(t, db, `SELECT count(*) FROM event_link l JOIN event e ON e.event_id IN (l.from_event, l.to_event)
WHERE l.method = 'spatial_text' AND l.band = 'link' AND e.`+persons); n != 0 {
		t.Errorf("%d links of persons by weight", n)
	}
	if n := count(t, db, "SELECT count(*) FROM event_link l JOIN event e ON e.event_id IN (l.from_event, l.to_event) WHERE e.validity = 'invalid'"); n != 0 {
		t.Errorf("%d links of calls that reported nothing", n)
	}
}
