package publish_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"onegrid/query"
	"onegrid/query/publish"
)

// columnsHold looks for a text in every column of every table of a snapshot, and in the statistics of its storage.
func columnsHold(t *testing.T, dir string, scope query.Scope, needle *regexp.Regexp) []string {
	t.Helper()
	lease, err := publish.Acquire(dir, scope)
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Close()
	db, err := sql.Open("duckdb", lease.Path+"?access_mode=READ_ONLY")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	m := lease.Manifest
	var found []string
	for _, table := range m.Tables {
		columns := "*"
		if table == "event" || table == "incident" {
			columns = "COLUMNS(c -> c NOT LIKE '%_id' OR c IN ('source_id', 'grid_id', 'source_record_id'))" // UUIDs hold any digits
		}
		if n := count(t, db, "SELECT count(*) FROM (SELECT r::VARCHAR AS x FROM (SELECT "+columns+" FROM "+table+") r) WHERE regexp_matches(x, ?)", needle.String()); n > 0 {
			found = append(found, table)
		}
		rows, err := db.QueryContext(t.Context(), "SELECT column_name, stats FROM pragma_storage_info('"+table+"')")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var col, stats string
			if err := rows.Scan(&col, &stats); err != nil {
				t.Fatal(err)
			}
			if needle.MatchString(stats) {
				found = append(found, "statistics of "+table+"."+col)
			}
		}
		rows.Close()
	}
	return found
}

// bytesHold looks for a text in the bytes of a file. Compression hides much, so this comes beside columnsHold.
func bytesHold(t *testing.T, dir string, scope query.Scope, needle string) bool {
	t.Helper()
	m, err := publish.ReadManifest(dir, scope)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, scope.String(), m.File))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(b, []byte(needle))
}

// An event moves to another county, one gets a sensitive cue, one is purged. Their rows leave the files at once; their bytes as
// soon as a clean file is built.
func TestWithdrawnRowsLeaveTheFile(t *testing.T) {
	f := newTown()
	mark := func(n int) func(row) {
		return func(r row) {
			r["county_code"], r["grid_id"] = "990101", []string{"MOVEDGRID01", "CUEDGRID002", "GONEGRID003"}[n]
		}
	}
	rows := reports(t, 0, 500, nil)
	for i := range 3 {
		rows[i*7] = report(i*7, mark(i))
	}
	f.put(rows...)
	now := clockAt
	opts := options(t, f)
	opts.Now = func() time.Time { return now }
	opts.ScrubAfter = 5 * time.Minute
	p := open(t, opts)
	publishNow(t, p)
	f.put(report(1000, nil))
	publishNow(t, p) // both files of every scope have the rows
	needle := regexp.MustCompile("MOVEDGRID|CUEDGRID|GONEGRID")
	for _, s := range []query.Scope{north, cityMasked, citySensitive} {
		if len(columnsHold(t, opts.Dir, s, needle)) == 0 || !bytesHold(t, opts.Dir, s, "MOVEDGRID01") {
			t.Fatalf("%s does not hold the rows: the test tests nothing", s)
		}
	}
	f.put(report(0, func(r row) { mark(0)(r); r["county_code"] = "990102" }), report(7, func(r row) { mark(1)(r); r["has_sensitive"] = true }))
	f.purge(rows[14]["event_id"].(uuid.UUID))
	publishNow(t, p)
	if got := columnsHold(t, opts.Dir, north, regexp.MustCompile("MOVEDGRID|CUEDGRID|GONEGRID")); len(tablesOnly(got)) > 0 {
		t.Fatalf("the district still shows %v", got)
	}
	if got := columnsHold(t, opts.Dir, cityMasked, regexp.MustCompile("CUEDGRID|GONEGRID")); len(tablesOnly(got)) > 0 {
		t.Fatalf("the masked city still shows %v", got)
	}
	m, err := publish.ReadManifest(opts.Dir, north)
	if err != nil || m.ResidueSince == nil {
		t.Fatalf("the manifest does not tell of the residue: %+v, %v", m, err)
	}
	now = now.Add(6 * time.Minute)
	publishNow(t, p)
	for s, gone := range map[query.Scope][]string{north: {"MOVEDGRID01", "CUEDGRID002", "GONEGRID003"}, cityMasked: {"CUEDGRID002", "GONEGRID003"}, citySensitive: {"GONEGRID003"}} {
		m, err := publish.ReadManifest(opts.Dir, s)
		if err != nil || m.ResidueSince != nil {
			t.Errorf("%s: %+v, %v", s, m, err)
		}
		for _, g := range gone {
			if bytesHold(t, opts.Dir, s, g) {
				t.Errorf("%s: the bytes of %s are still in the file", s, g)
			}
			if got := columnsHold(t, opts.Dir, s, regexp.MustCompile(g)); len(got) > 0 {
				t.Errorf("%s: %s is still in %v", s, g, got)
			}
		}
	}
	// And nothing else in the folder has them.
	files, err := filepath.Glob(filepath.Join(opts.Dir, north.String(), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("CUEDGRID002")) {
			t.Errorf("%s still has the bytes of a withdrawn row", filepath.Base(file))
		}
	}
}

func tablesOnly(found []string) (out []string) {
	for _, f := range found {
		if !strings.HasPrefix(f, "statistics") {
			out = append(out, f)
		}
	}
	return out
}

// A district file knows nothing of other districts, in rows, in the catalog, in statistics or in bytes.
func TestDistrictHoldsItsDistrictOnly(t *testing.T) {
	f := newTown()
	f.put(reports(t, 0, 2000, nil)...)
	opts := options(t, f)
	p := open(t, opts)
	publishNow(t, p)
	f.put(reports(t, 2000, 2100, nil)...)
	publishNow(t, p)
	other := regexp.MustCompile("99010[234]")
	if got := columnsHold(t, opts.Dir, north, other); len(got) > 0 {
		t.Fatalf("the file of 990101 has codes of other counties in %v", got)
	}
	if len(columnsHold(t, opts.Dir, cityMasked, other)) == 0 {
		t.Fatal("the city has no other county: the test tests nothing")
	}
	for _, code := range []string{"990102001", "990103", "990104"} {
		if bytesHold(t, opts.Dir, north, code) {
			t.Errorf("the bytes of the file of 990101 have %s", code)
		}
	}
	db, _ := snapshot(t, opts.Dir, north)
	if a, b := count(t, db, "SELECT count(*) FROM event"), count(t, db, "SELECT count(*) FROM area WHERE area_code = '990101'"); a != 525 || b != 1 {
		t.Fatalf("%d events, %d areas", a, b)
	}
}

// Sensitive cues take the place, and every office that is not of a whole county; coordinates are never finer than 100 m.
func TestMasksAgainstTheSensitiveTier(t *testing.T) {
	f := newTown()
	f.put(reports(t, 0, 600, func(n int, r row) {
		r["has_sensitive"] = n%3 == 0
		if n%5 == 0 {
			r["incident_id"], r["incident_role"], r["is_countable"] = report(n-n%10, nil)["event_id"], "duplicate", n%10 == 0
		}
	})...)
	opts := options(t, f)
	publishNow(t, open(t, opts))
	masked, _ := snapshot(t, opts.Dir, cityMasked)
	if _, err := masked.ExecContext(t.Context(), "ATTACH '"+leasePath(t, opts.Dir, citySensitive)+"' AS o (READ_ONLY)"); err != nil {
		t.Fatal(err)
	}
	join := "FROM event m JOIN o.event s ON m.event_id = s.event_id WHERE "
	for q, want := range map[string]int64{
		"s.has_sensitive AND COALESCE(m.town_code, m.community_code, m.grid_id, m.unit_grid_code, m.accept_org_code, m.owner_org_code, m.lon::VARCHAR, m.lat::VARCHAR, m.incident_id::VARCHAR, m.incident_role) IS NOT NULL": 0,
		"s.has_sensitive AND m.masked = 'place' AND m.county_code = s.county_code": 200,
		"NOT s.has_sensitive AND m.masked = 'none' AND m.town_code = s.town_code AND m.incident_id = s.incident_id AND m.status = s.status AND m.reported_at = s.reported_at AND m.due_at = s.due_at": 400,
		"NOT s.has_sensitive AND (m.lon <> round(s.lon, 3) OR m.lat <> round(s.lat, 3))":                                                                                                              0,
		"NOT s.has_sensitive AND m.lon IS NOT NULL": 400,
		"abs(m.lon - s.lon) > 0.0005001":            0,
	} {
		if n := count(t, masked, "SELECT count(*) "+join+q); n != want {
			t.Errorf("%s: %d rows, want %d", q, n, want)
		}
	}
	if n := count(t, masked, "SELECT count(*) FROM incident i WHERE i.reports <> (SELECT count(*) FROM event e WHERE e.incident_id = i.incident_id)"); n != 0 {
		t.Errorf("%d incidents count reports that the file does not show", n)
	}
	if count(t, masked, "SELECT count(*) FROM incident") == 0 {
		t.Error("no incidents: the test tests nothing")
	}
}

func leasePath(t *testing.T, dir string, scope query.Scope) string {
	t.Helper()
	l, err := publish.Acquire(dir, scope)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Path
}

// Altered, cut and exchanged files are refused, and so is a manifest of another.
func TestVerifyRefusesWhatIsAltered(t *testing.T) {
	f := newTown()
	f.put(reports(t, 0, 3000, nil)...)
	opts := options(t, f)
	p := open(t, opts)
	publishNow(t, p)
	m, err := publish.ReadManifest(opts.Dir, cityMasked)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(opts.Dir, cityMasked.String(), m.File)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v := publish.NewVerifier()
	if err := v.Verify(t.Context(), path, m); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func([]byte) []byte{
		"a bit of the header": func(b []byte) []byte { b[5000] ^= 1; return b },
		"a bit of a block":    func(b []byte) []byte { b[12_288+100] ^= 1; return b },
		"the last byte":       func(b []byte) []byte { b[len(b)-1] ^= 0x80; return b },
		"cut":                 func(b []byte) []byte { return b[:len(b)-4096] },
		"longer":              func(b []byte) []byte { return append(b, 0) },
		"empty":               func([]byte) []byte { return nil },
	} {
		if err := os.WriteFile(path, change(bytes.Clone(good)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := publish.Verify(t.Context(), path, m); !errors.Is(err, publish.ErrAltered) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := publish.Verify(t.Context(), path, m); err != nil {
		t.Fatal(err)
	}
	other, err := publish.ReadManifest(opts.Dir, citySensitive)
	if err != nil {
		t.Fatal(err)
	}
	if err := publish.Verify(t.Context(), path, other); !errors.Is(err, publish.ErrAltered) {
		t.Errorf("manifest of another scope: %v", err)
	}
}

// A verifier that follows the generations reads what changed, and still finds an altered block.
func TestVerifierFollows(t *testing.T) {
	f := newTown()
	f.put(reports(t, 0, 3000, nil)...)
	opts := options(t, f)
	p := open(t, opts)
	v := publish.NewVerifier()
	for i := range 6 {
		f.put(reports(t, 3000+10*i, 3010+10*i, nil)...)
		publishNow(t, p)
		l, err := publish.Acquire(opts.Dir, cityMasked)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(v.Verify(t.Context(), l.Path, l.Manifest), publish.Verify(t.Context(), l.Path, l.Manifest)); err != nil {
			t.Fatal(err)
		}
		if i == 5 {
			b, err := os.ReadFile(l.Path)
			if err == nil {
				err = os.Chmod(l.Path, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			file, err := os.OpenFile(l.Path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := file.WriteAt([]byte{b[12_288] ^ 1}, 12_288); err != nil {
				t.Fatal(err)
			}
			file.Close()
			if err := v.Verify(t.Context(), l.Path, l.Manifest); !errors.Is(err, publish.ErrAltered) {
				t.Errorf("an altered block: %v", err)
			}
		}
		l.Close()
	}
}

// Readers in a loop never see a torn manifest, a file that changes under them, or the past.
func TestReadersBesideThePublisher(t *testing.T) {
	f := newTown()
	f.put(reports(t, 0, 500, nil)...)
	opts := options(t, f)
	p := open(t, opts)
	publishNow(t, p)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			last, reads := int64(0), 0
			for ctx.Err() == nil {
				l, err := publish.Acquire(opts.Dir, cityMasked)
				if err != nil {
					t.Error(err)
					return
				}
				if err := publish.Verify(context.Background(), l.Path, l.Manifest); err != nil {
					t.Errorf("generation %d after %d reads: %v", l.Manifest.Generation, reads, err)
				}
				if l.Manifest.Generation < last {
					t.Errorf("generation %d after %d", l.Manifest.Generation, last)
				}
				last = l.Manifest.Generation
				reads++
				l.Close()
			}
			if reads == 0 {
				t.Error("read nothing")
			}
		})
	}
	for i := range 12 {
		f.put(reports(t, 500+i, 501+i, nil)...)
		publishNow(t, p)
	}
	stop()
	wg.Wait()
}

// A leased generation stays as it is however many follow, and goes when nobody needs it.
func TestLeasedGenerationStays(t *testing.T) {
	f := newTown()
	f.put(reports(t, 0, 300, nil)...)
	opts := options(t, f)
	p := open(t, opts)
	publishNow(t, p)
	lease, err := publish.Acquire(opts.Dir, cityMasked)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		f.put(reports(t, 300+i, 301+i, nil)...)
		publishNow(t, p)
		if err := publish.Verify(t.Context(), lease.Path, lease.Manifest); err != nil {
			t.Fatalf("after %d generations: %v", i+1, err)
		}
	}
	if err := errors.Join(lease.Close(), lease.Close()); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		f.put(reports(t, 310+i, 311+i, nil)...)
		publishNow(t, p)
	}
	files, err := filepath.Glob(filepath.Join(opts.Dir, cityMasked.String(), "*.duckdb"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files are kept: %v, %v", len(files), files, err)
	}
}

// No column of any snapshot holds a number of a person, also where a source's text had one that redaction missed.
func TestNoNumbersOfPersons(t *testing.T) {
	f := newTown()
	f.put(reports(t, 0, 300, func(n int, r row) {
		r["title"], r["description"], r["address_masked"] = "call 19900001234", "card 11010119900307867X and 19900005678", "beside 19900009999"
		r["owner_org_name"], r["category_src_name"], r["source_record_id"] = "desk 19900004321", "19900001111", "19900002222"
	})...)
	opts := options(t, f)
	publishNow(t, open(t, opts))
	numbers := regexp.MustCompile(`(^|[^0-9])(1[3-9][0-9]{9}|[1-9][0-9]{5}(19|20)[0-9]{9}[0-9Xx])([^0-9]|$)`)
	for _, s := range publish.DefaultScopes(opts.Catalog) {
		found := columnsHold(t, opts.Dir, s, numbers)
		if s.Tier == query.Sensitive {
			if len(found) == 0 {
				t.Error("the sensitive tier has no text: the test tests nothing")
			}
			continue
		}
		if len(found) > 0 || bytesHold(t, opts.Dir, s, "1990000") {
			t.Errorf("%s holds numbers in %v", s, found)
		}
	}
}
