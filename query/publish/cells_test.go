package publish_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"onegrid/event"
	"onegrid/query"
	"onegrid/query/publish"
)

// sensitiveTown has sensitive incidents of very different frequency over three months.
func sensitiveTown(t *testing.T, seed uint64) *town {
	rnd := rand.New(rand.NewPCG(seed, 1))
	f := newTown()
	cats := publish.DefaultSensitive()
	f.put(reports(t, 0, 1500, func(n int, r row) {
		r["reported_at"] = time.Date(2026, 1, 5, 9, 0, 0, 0, event.Shanghai).Add(time.Duration(rnd.IntN(70*24*60)) * time.Minute)
		switch {
		case n%10 < 4: // ordinary
		case n%10 < 8: // frequent
			r["category"], r["county_code"] = "07.03", fmt.Sprintf("99010%d", 1+rnd.IntN(2))
			r["reported_at"] = time.Date(2026, 2, 1+rnd.IntN(12), 9, n%60, 0, 0, event.Shanghai)
		default:
			r["category"], r["county_code"] = cats[rnd.IntN(len(cats))], fmt.Sprintf("99010%d", 1+rnd.IntN(4))
			if rnd.IntN(3) == 0 {
				r["reported_at"] = time.Date(2026, 3, 1+rnd.IntN(19), 9, n%60, 0, 0, event.Shanghai)
			}
		}
	})...)
	return f
}

// Whoever has every masked file can group the rows of the rule by whatever they show, and subtract the rows that are shown
// finer from any total: no group that is left has fewer than five.
func TestSmallCellsCannotBeDifferenced(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 4} {
		f := sensitiveTown(t, seed)
		opts := options(t, f)
		publishNow(t, open(t, opts))
		db, _ := snapshot(t, opts.Dir, cityMasked)
		cells := count(t, db, "SELECT count(*) FROM event WHERE masked = 'cell'")
		if cells < 100 {
			t.Fatalf("only %d rows in cells: the test tests nothing", cells)
		}
		if n := count(t, db, "SELECT coalesce(min(n), 0) FROM (SELECT count(*) AS n FROM event WHERE masked = 'cell' GROUP BY event_day, category, county_code, reported_at)"); n < 5 {
			t.Fatalf("a group of %d can be told apart", n)
		}
		levels := count(t, db, "SELECT count(DISTINCT (length(category), county_code IS NULL, day(event_day) = 1)) FROM event WHERE masked = 'cell'")
		if levels < 3 {
			t.Fatalf("%d levels: the test tests nothing", levels)
		}
		// Totals at every coarser level, less what is shown finer: the remainder is a group of the rule, or nothing.
		for _, level := range []struct{ by, finer string }{
			{"date_trunc('month', event_day)", "category <> '00'"},
			{"date_trunc('month', event_day), left(category, 2)", "(county_code IS NOT NULL)"},
			{"date_trunc('month', event_day), left(category, 2), county_code", "(length(category) > 2)"},
			{"date_trunc('month', event_day), category, county_code", "(day(event_day) > 1)"},
		} {
			q := "SELECT coalesce(min(n), 5) FROM (SELECT count(*) - count(*) FILTER (" + level.finer + ") AS n FROM event WHERE masked = 'cell' GROUP BY " + level.by + ") WHERE n > 0"
			if n := count(t, db, q); n < 5 {
				t.Fatalf("totals by %s less what is shown finer leave a group of %d", level.by, n)
			}
		}
		// The rows of the districts are those of the city: two files cannot be subtracted.
		var inDistricts int64
		for _, s := range publish.DefaultScopes(opts.Catalog)[2:] {
			d, _ := snapshot(t, opts.Dir, s)
			inDistricts += count(t, d, "SELECT count(*) FROM event WHERE masked = 'cell'")
			if n := count(t, d, "SELECT coalesce(min(n), 5) FROM (SELECT count(*) AS n FROM event WHERE masked = 'cell' GROUP BY event_day, category, county_code)"); n < 5 {
				t.Fatalf("%s: a group of %d", s, n)
			}
		}
		if n := count(t, db, "SELECT count(*) FROM event WHERE masked = 'cell' AND county_code IS NOT NULL"); n != inDistricts {
			t.Fatalf("the districts show %d rows of the rule, the city %d", inDistricts, n)
		}
		// No row of a sensitive category outside of the rule, no column of one that the rule does not allow.
		if n := count(t, db, "SELECT count(*) FROM event WHERE masked <> 'cell' AND category IN ('07.03', '07.04', '07.05', '13.02', '16.01', '16.03', '16.06', '16.07')"); n != 0 {
			t.Fatalf("%d rows escaped the rule", n)
		}
		if n := count(t, db, `SELECT count(*) FROM event WHERE masked = 'cell' AND COALESCE(source_id, source_kind, validity, status, town_code, grid_id, owner_org_code, accept_org_code,
closed_at::VARCHAR, due_at::VARCHAR, accepted_at::VARCHAR, lon::VARCHAR, incident_id::VARCHAR, incident_role, ingested_at::VARCHAR, first_seen_at::VARCHAR, quality_flags::VARCHAR) IS NOT NULL`); n != 0 {
			t.Fatalf("%d rows of the rule show more than it allows", n)
		}
		if n := count(t, db, "SELECT count(*) FROM event WHERE event_day = DATE '2026-03-20' AND masked = 'cell'"); n != 0 {
			t.Fatalf("%d rows of the current day", n)
		}
		if seed == 1 {
			notByID(t, opts.Dir, f)
		}
	}
}

// notByID: the id of a record is not the id of its row.
func notByID(t *testing.T, dir string, f *town) {
	t.Helper()
	masked, _ := snapshot(t, dir, cityMasked)
	open, _ := snapshot(t, dir, query.Scope{Tier: query.Sensitive, Area: "city"})
	rows, err := open.QueryContext(t.Context(), "SELECT event_id::VARCHAR FROM event WHERE category IN ('07.03', '16.01') LIMIT 50")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		n++
		if count(t, masked, "SELECT count(*) FROM event WHERE event_id = ?::UUID OR incident_id = ?::UUID", id, id) != 0 {
			t.Fatal("a row of the rule is found by the id of its record")
		}
	}
	if n == 0 || rows.Err() != nil {
		t.Fatal(n, rows.Err())
	}
}
