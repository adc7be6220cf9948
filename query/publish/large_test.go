package publish_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/duckdb/duckdb-go/v2"

	"onegrid/event"
	"onegrid/query/publish"
	"onegrid/warehouse"
)

// largeStore tells the events of a store file as a feed. Each change is a thousand events, scattered over all years.
type largeStore struct {
	conn   *sql.Conn
	change int64
	per    int
	hot    bool
}

func openLarge(t testing.TB, path string) *largeStore {
	t.Helper()
	c, err := duckdb.NewConnector("", nil)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); db.Close(); c.Close() })
	for _, q := range []string{"ATTACH '" + path + "' AS s (READ_ONLY)", "SET threads=1", "SET memory_limit='600MB'", "SET TimeZone='UTC'"} {
		if _, err := conn.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	return &largeStore{conn: conn, per: 1000}
}

func (s *largeStore) columns(names []string, changed bool) string {
	var out []string
	for _, n := range names {
		e := n
		switch {
		case n == "incident_id":
			e = "event_id AS incident_id"
		case n == "incident_role":
			e = "'single' AS incident_role"
		case n == "is_countable":
			e = "true AS is_countable"
		case n == "status" && changed:
			e = "CASE WHEN status = 'rework' THEN 'closed' ELSE 'rework' END AS status"
		}
		out = append(out, e)
	}
	return strings.Join(out, ", ")
}

func (s *largeStore) Poll(_ context.Context, q warehouse.ChangeQuery) (bool, error) {
	return q.From.Change != s.change, nil
}

func (s *largeStore) Changes(ctx context.Context, q warehouse.ChangeQuery, each func(arrow.RecordBatch) error) (warehouse.ChangeSet, error) {
	set := warehouse.ChangeSet{To: warehouse.Position{Store: "large", Change: s.change, Mark: "m"}, Watermarks: []warehouse.Watermark{{Source: "hotline_12345", LastRead: time.Now()}}}
	run := func(query string) error {
		return s.conn.Raw(func(c any) error {
			ar, err := duckdb.NewArrowFromConn(c.(*duckdb.Conn))
			if err != nil {
				return err
			}
			rd, err := ar.QueryContext(ctx, query)
			if err != nil {
				return err
			}
			defer rd.Release()
			for rd.Next() {
				set.Events += rd.RecordBatch().NumRows()
				if err := each(rd.RecordBatch()); err != nil {
					return err
				}
			}
			return rd.Err()
		})
	}
	if q.From.IsZero() {
		var low, high time.Time
		if err := s.conn.QueryRowContext(ctx, "SELECT min(event_day), max(event_day) FROM s.event_version").Scan(&low, &high); err != nil {
			return set, err
		}
		for d := low; !d.After(high); d = d.AddDate(0, 0, 7) {
			if err := run(fmt.Sprintf("SELECT %s FROM s.event_version WHERE event_day >= DATE '%s' AND event_day < DATE '%s' ORDER BY event_day", s.columns(q.Columns, false),
				d.Format(time.DateOnly), d.AddDate(0, 0, 7).Format(time.DateOnly))); err != nil {
				return set, err
			}
		}
		return set, nil
	}
	where := fmt.Sprintf("hash(event_id) %% 10000 > %d AND hash(event_id) %% 10000 <= %d", q.From.Change, s.change)
	if s.hot {
		where = fmt.Sprintf("event_day >= DATE '2025-10-01' AND hash(event_id) %% 60 > %d AND hash(event_id) %% 60 <= %d", q.From.Change%60, s.change%60)
	}
	return set, run("SELECT " + s.columns(q.Columns, true) + " FROM s.event_version WHERE " + where + " ORDER BY event_day")
}

// TestLarge measures publishing from a large store: ONEGRID_LARGE_STORE names a copy of its file, ONEGRID_LARGE_SNAP a folder.
func TestLarge(t *testing.T) {
	path, dir := os.Getenv("ONEGRID_LARGE_STORE"), os.Getenv("ONEGRID_LARGE_SNAP")
	if path == "" || dir == "" {
		t.Skip("skipped: ONEGRID_LARGE_STORE and ONEGRID_LARGE_SNAP do not name a copy of a large store and a folder for its snapshots")
	}
	f := openLarge(t, path)
	opts := options(t, nil)
	opts.Feed, opts.Dir, opts.MemoryLimit, opts.Now = f, dir, "768MB", func() time.Time { return time.Date(2025, 10, 25, 9, 0, 0, 0, event.Shanghai) }
	opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if s := os.Getenv("ONEGRID_LARGE_SCOPES"); s == "city" {
		opts.Scopes = publish.DefaultScopes(opts.Catalog)[:2]
	}
	if m, err := publish.ReadManifest(dir, cityMasked); err == nil {
		f.change = m.Position.Change + 1
	}
	p := open(t, opts)
	rep := publishNow(t, p)
	t.Logf("first: %d scopes, %d MB, hashed %d MB, %s", rep.Scopes, rep.Bytes>>20, rep.Hashed>>20, rep.Elapsed.Round(time.Millisecond))
	if _, err := p.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		f.change++
		rep := publishNow(t, p)
		t.Logf("generation %d: %d changed, hashed %d MB, %s, of which %s reading the store", rep.Generation, rep.Changed, rep.Hashed>>20, rep.Elapsed.Round(time.Millisecond), rep.Reading.Round(time.Millisecond))
	}
}
