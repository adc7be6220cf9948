package surface_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"onegrid/internal/hub"
	"onegrid/pipelines/privacy"
	"onegrid/query"
	"onegrid/query/publish"
	"onegrid/warehouse"
)

// What was published step by step from the real store, with links, decisions, updates and removed events, is what a new
// folder gets from it; and the masked files hold nothing that only the sensitive one may.
func TestRealStore(t *testing.T) {
	for _, seed := range []uint64{3} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { realStore(t, seed) })
	}
}

func realStore(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 5))
	s := newStack(t, 500)
	h := s.open(nil)
	defer h.Close()
	s.sync(h, "police_110", "hotline_12345", "urban_mgmt", "hotline_12345")
	link, err := h.Linker()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	opts := publish.Options{Dir: t.TempDir(), Feed: h.Store, Catalog: h.Catalog, MinFree: -1, MemoryLimit: "400MB", ScrubAfter: time.Hour, Now: func() time.Time { return now },
		Scopes: []query.Scope{{Tier: query.Masked, Area: "city"}, {Tier: query.Sensitive, Area: "city"}, {Tier: query.Masked, Area: "990101"}, {Tier: query.Masked, Area: "990102"}}}
	p, err := publish.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { p.Close() }()
	decided, removed := 0, 0
	for step := range 7 {
		s.city.Advance(time.Duration(20+rnd.IntN(300)) * time.Minute)
		s.drop()
		for _, id := range []string{"police_110", "hotline_12345", "urban_mgmt"} {
			if rnd.IntN(4) > 0 {
				s.sync(h, id)
			}
		}
		if step%2 == 0 {
			if _, err := link.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if step == 3 {
			decided = decide(t, h)
		}
		if step == 4 {
			removed = remove(t, h)
		}
		now = now.Add(time.Duration(rnd.IntN(50)) * time.Minute)
		if rnd.IntN(5) > 0 || step == 4 {
			if _, err := p.Publish(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if step == 5 {
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if p, err = publish.Open(t.Context(), opts); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := link.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh := opts
	fresh.Dir = t.TempDir()
	key, err := os.ReadFile(filepath.Join(opts.Dir, ".pseudonym.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(fresh.Dir, ".pseudonym.key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	q, err := publish.Open(t.Context(), fresh)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if _, err := q.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, want := map[string]string{}, map[string]string{}
	for _, scope := range opts.Scopes {
		digests(t, opts.Dir, scope, got)
		digests(t, fresh.Dir, scope, want)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("(-from scratch +step by step):\n%s", d)
	}
	db, done := openFile(t, opts.Dir, opts.Scopes[1])
	events, incidents := number(t, db, "SELECT count(*) FROM event"), number(t, db, "SELECT count(*) FROM incident")
	done()
	t.Logf("%d events, %d incidents, %d decisions, %d removed", events, incidents, decided, removed)
	if events < 300 || incidents == 0 || removed == 0 {
		t.Errorf("%d events, %d incidents, %d removed: the test would compare little", events, incidents, removed)
	}
	s.secrets(t, h, opts.Dir, opts.Scopes)
}

// decide lets a person refuse two of the links.
func decide(t *testing.T, h *hub.Hub) int {
	t.Helper()
	rows, err := h.Store.DB().Query("SELECT from_event::VARCHAR, (from_day - DATE '1970-01-01')::INTEGER, to_event::VARCHAR, (to_day - DATE '1970-01-01')::INTEGER FROM event_link ORDER BY ALL LIMIT 2")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []warehouse.Decision
	for rows.Next() {
		var a, b string
		d := warehouse.Decision{Says: warehouse.CannotLink, Actor: "tester", Reason: "test"}
		if err := rows.Scan(&a, &d.From.Day, &b, &d.To.Day); err != nil {
			t.Fatal(err)
		}
		d.From.ID, d.To.ID = uuid.MustParse(a), uuid.MustParse(b)
		all = append(all, d)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if len(all) > 0 {
		if _, err := h.Store.Decide(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
	return len(all)
}

// remove takes events away as retention does.
func remove(t *testing.T, h *hub.Hub) int {
	t.Helper()
	conn, err := h.Store.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const some = "SELECT event_id FROM event_version WHERE known_to IS NULL AND coalesce(incident_role, 'single') = 'single' ORDER BY event_id LIMIT 5"
	for _, q := range []string{"BEGIN", "CREATE OR REPLACE TEMP TABLE going AS " + some,
		"INSERT INTO event_gone SELECT event_id, event_day, (SELECT max(no) + 1 FROM store_change WHERE kind = 'state'), 'retention' FROM event_version WHERE known_to IS NULL AND event_id IN (SELECT event_id FROM going)",
		"INSERT INTO store_change SELECT 'state', max(no) + 1, 4711, now() FROM store_change WHERE kind = 'state'",
		"DELETE FROM event_version WHERE event_id IN (SELECT event_id FROM going)", "COMMIT"} {
		if _, err := conn.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	var n int
	if err := conn.QueryRowContext(t.Context(), "SELECT count(*) FROM event_gone").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func openFile(t *testing.T, dir string, scope query.Scope) (*sql.DB, func()) {
	t.Helper()
	l, err := publish.Acquire(dir, scope)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("duckdb", l.Path+"?access_mode=READ_ONLY")
	if err != nil {
		t.Fatal(err)
	}
	return db, func() { db.Close(); l.Close() }
}

func number(t *testing.T, db *sql.DB, q string) (n int64) {
	t.Helper()
	if err := db.QueryRow(q).Scan(&n); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return n
}

func tables(t *testing.T, dir string, scope query.Scope) []string {
	t.Helper()
	m, err := publish.ReadManifest(dir, scope)
	if err != nil {
		t.Fatal(err)
	}
	return m.Tables
}

func digests(t *testing.T, dir string, scope query.Scope, into map[string]string) {
	t.Helper()
	db, done := openFile(t, dir, scope)
	defer done()
	for _, table := range tables(t, dir, scope) {
		if table == "generation" {
			continue
		}
		var n int64
		var sum string
		if err := db.QueryRow("SELECT count(*), coalesce(md5(string_agg(x, '|' ORDER BY x)), '') FROM (SELECT r::VARCHAR AS x FROM "+table+" r)").Scan(&n, &sum); err != nil {
			t.Fatal(err)
		}
		into[scope.String()+"."+table] = fmt.Sprintf("%d rows, %s", n, sum)
	}
}

func texts(t *testing.T, db *sql.DB, q string) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), q)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	defer rows.Close()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// secrets searches the files for what the city put into its records and for what the store keeps to itself.
func (s *stack) secrets(t *testing.T, h *hub.Hub, dir string, scopes []query.Scope) {
	live := h.Store.DB()
	tokens := texts(t, live, "SELECT DISTINCT lower(hex(token)) FROM event_party_token")
	narratives := texts(t, live, "SELECT DISTINCT left(v, 24) FROM (SELECT description AS v FROM event UNION ALL SELECT title FROM event UNION ALL SELECT address_masked FROM event) WHERE length(v) > 8")
	points := texts(t, live, "SELECT DISTINCT v::VARCHAR FROM (SELECT lon AS v FROM event UNION ALL SELECT lat FROM event UNION ALL SELECT try_cast(coord_src_x AS DOUBLE) FROM event UNION ALL SELECT try_cast(coord_src_y AS DOUBLE) FROM event) WHERE v IS NOT NULL AND length(v::VARCHAR) > 8")
	numbers := texts(t, live, "SELECT DISTINCT source_record_id FROM event WHERE length(source_record_id) > 8")
	if len(tokens) == 0 || len(narratives) < 50 || len(points) < 50 || len(numbers) < 100 {
		t.Fatalf("%d tokens, %d texts, %d coordinates, %d record numbers: the search would prove little", len(tokens), len(narratives), len(points), len(numbers))
	}
	found := map[query.Tier]int{}
	for _, scope := range scopes {
		db, done := openFile(t, dir, scope)
		var all []string
		for _, table := range tables(t, dir, scope) {
			cols := texts(t, db, "SELECT column_name FROM duckdb_columns() WHERE table_name = '"+table+"' AND NOT internal AND data_type <> 'UUID'")
			for _, c := range cols {
				all = append(all, texts(t, db, fmt.Sprintf("SELECT DISTINCT %q::VARCHAR FROM %s WHERE %q IS NOT NULL", c, table, c))...)
			}
			all = append(all, texts(t, db, "SELECT DISTINCT stats FROM pragma_storage_info('"+table+"') WHERE column_name NOT IN ('event_id', 'incident_id') AND stats IS NOT NULL")...)
		}
		m, err := publish.ReadManifest(dir, scope)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(dir, scope.String(), m.File))
		if err != nil {
			t.Fatal(err)
		}
		values := []byte(strings.Join(all, "\n"))
		hold := func(what string, list []string) {
			n := 0
			for _, v := range list {
				if bytes.Contains(values, []byte(v)) || bytes.Contains(raw, []byte(v)) {
					n++
				}
			}
			found[scope.Tier] += n
			if n > 0 && (scope.Tier == query.Masked || what == "tokens") {
				t.Errorf("%s holds %d %s", scope, n, what)
			}
		}
		hold("tokens", tokens)
		hold("texts of records", narratives)
		hold("exact coordinates", points)
		hold("numbers of records", numbers)
		for _, p := range s.city.Seeded() {
			if n := len(p.Pattern.FindAll(values, -1)) + len(p.Pattern.FindAll(raw, -1)); n > 0 {
				t.Errorf("%s holds %d values of kind %s", scope, n, p.Kind)
			}
		}
		if scope.Tier == query.Masked {
			kinds := map[string]int{}
			for _, f := range privacy.Scan(values) {
				kinds[f.Kind]++
			}
			if len(kinds) > 0 {
				t.Errorf("%s looks as if it held personal values: %v", scope, kinds)
			}
			if n := number(t, db, "SELECT count(*) FROM event WHERE abs(lon * 1000 - round(lon * 1000)) > 1e-6 OR abs(lat * 1000 - round(lat * 1000)) > 1e-6"); n > 0 {
				t.Errorf("%s has %d points finer than 100 m", scope, n)
			}
		}
		if scope.Area != "city" {
			for _, other := range []string{"990101", "990102", "990103", "990104"} {
				if other == scope.Area {
					continue
				}
				code := regexp.MustCompile(`(^|[^0-9])` + other)
				if code.Match(values) || bytes.Contains(raw, []byte(other)) {
					t.Errorf("%s holds codes of %s", scope, other)
				}
			}
		}
		done()
	}
	if found[query.Sensitive] == 0 {
		t.Error("the sensitive file holds no text: the search would prove little")
	}
}
