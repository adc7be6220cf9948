package publish_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"onegrid/query"
	"onegrid/query/publish"
)

// contents is a digest of every table of every scope, without the number of the generation.
func contents(t *testing.T, dir string, scopes []query.Scope) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, scope := range scopes {
		db, m := snapshot(t, dir, scope)
		for _, table := range m.Tables {
			if table == "generation" {
				continue
			}
			var n int64
			var sum string
			if err := db.QueryRowContext(t.Context(), "SELECT count(*), coalesce(md5(string_agg(x, '|' ORDER BY x)), '') FROM (SELECT r::VARCHAR AS x FROM "+table+" r)").Scan(&n, &sum); err != nil {
				t.Fatal(err)
			}
			out[scope.String()+"."+table] = fmt.Sprintf("%d rows, %s", n, sum)
		}
		db.Close()
	}
	return out
}

// Random commits, corrections, moves, sensitive cues, links and purges: what was published step by step is what a new
// folder gets from the same store.
func TestStepByStepIsFromScratch(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			f := newTown()
			now := clockAt
			opts := options(t, f)
			opts.Now = func() time.Time { return now }
			opts.ScrubAfter = time.Minute
			p := open(t, opts)
			known := map[int]row{}
			sensitive := publish.DefaultSensitive()
			ordinary := []string{"06.03", "05.02", "10.01"}
			var last uuid.UUID
			change := func(n int) row {
				r, ok := known[n]
				if !ok || rnd.IntN(3) == 0 {
					r = report(n, func(r row) {
						if rnd.IntN(3) == 0 {
							r["category"] = sensitive[rnd.IntN(3)]
						} else {
							r["category"] = ordinary[rnd.IntN(3)]
						}
						r["has_sensitive"] = rnd.IntN(5) == 0
						if rnd.IntN(12) == 0 {
							r["county_code"], r["town_code"] = nil, nil
						} else if rnd.IntN(4) == 0 {
							r["county_code"] = fmt.Sprintf("99010%d", rnd.IntN(4)+1)
						}
						if rnd.IntN(9) == 0 {
							r["validity"] = "invalid"
						}
					})
				}
				switch rnd.IntN(4) {
				case 0:
					r["status"], r["closed_at"] = "closed", r["reported_at"].(time.Time).Add(time.Hour)
				case 1:
					if last != (uuid.UUID{}) {
						r["incident_id"], r["incident_role"], r["is_countable"] = last, "duplicate", false
					}
				case 2:
					last = r["event_id"].(uuid.UUID)
					r["incident_id"], r["incident_role"], r["is_countable"] = last, "primary", true
				}
				known[n] = r
				return r
			}
			var first []row
			for n := range 300 {
				first = append(first, change(n))
			}
			f.put(first...)
			publishNow(t, p)
			for step := range 10 {
				var rows []row
				for range 1 + rnd.IntN(30) {
					rows = append(rows, change(rnd.IntN(900)))
				}
				f.put(rows...)
				if step%3 == 2 {
					for n, r := range known {
						f.purge(r["event_id"].(uuid.UUID))
						delete(known, n)
						break
					}
				}
				now = now.Add(time.Duration(rnd.IntN(40)) * time.Minute)
				if step == 6 {
					now = now.Add(24 * time.Hour) // a day is over
				}
				if rnd.IntN(4) > 0 {
					publishNow(t, p)
				}
				if step == 7 { // a restart
					if err := p.Close(); err != nil {
						t.Fatal(err)
					}
					p = open(t, opts)
				}
			}
			f.put(change(1))
			publishNow(t, p)
			fresh := opts
			fresh.Dir = t.TempDir()
			key, err := os.ReadFile(filepath.Join(opts.Dir, ".pseudonym.key"))
			if err == nil {
				err = os.WriteFile(filepath.Join(fresh.Dir, ".pseudonym.key"), key, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			publishNow(t, open(t, fresh))
			scopes := publish.DefaultScopes(opts.Catalog)
			if d := cmp.Diff(contents(t, fresh.Dir, scopes), contents(t, opts.Dir, scopes)); d != "" {
				t.Fatalf("(-from scratch +step by step):\n%s", d)
			}
		})
	}
}
