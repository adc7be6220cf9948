package front_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"

	"onegrid/query"
	"onegrid/query/audit"
	"onegrid/query/front"
	"onegrid/query/worker"
)

func TestEveryQuestionIsAPair(t *testing.T) {
	r := open(t, front.Defaults(), front.Pool(pool(t)))
	ctx := t.Context()
	a, err := r.Run(ctx, analyst(), query.Request{SQL: "SELECT count(*) AS n FROM event WHERE note <> 'note 7' AND county_code = $1", Params: []query.Param{{Value: "990101"}}, Surface: query.HTTP, Client: "curl/8 192.0.2.7:4000"})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := drain(a); err != nil || n != 1 || a.Generation().Number != 7 {
		t.Fatalf("%d rows of generation %d, %v", n, a.Generation().Number, err)
	}
	if err := errors.Join(a.Close(), a.Close()); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]query.Code{
		"SELECT * FROM read_text('/etc/passwd')": query.Denied, "SELEC 1": query.Syntax, "SELECT missing FROM event": query.Invalid,
		"SELECT 1; SELECT 2": query.Syntax, strings.Repeat("-", 70<<10): query.TooLarge,
	} {
		_, err := r.Run(ctx, analyst(), query.Request{SQL: sql})
		var e *query.Error
		if !errors.As(err, &e) || e.QueryID == "" || e.ZH == "" {
			t.Errorf("%.30s: %v", sql, err)
		}
		if e.Code != want && !(want == query.Syntax && e.Code == query.Denied) {
			t.Errorf("%.30s: %s, want %s", sql, e.Code, want)
		}
	}
	// A client that goes away in the middle.
	a, err = r.Run(ctx, analyst(), query.Request{SQL: "SELECT * FROM event"})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := a.Next()
	if err != nil {
		t.Fatal(err)
	}
	rec.Release()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Next(); code(err) != query.Cancelled {
		t.Errorf("after Close: %v", err)
	}
	// A context that ends while nobody reads.
	gone, cancel := context.WithCancel(ctx)
	if _, err = r.Run(gone, analyst(), query.Request{SQL: "SELECT * FROM event"}); err != nil {
		t.Fatal(err)
	}
	cancel()
	recs := r.waitFor(t, 8)
	first := recs[1]
	if first.Rows != 1 || first.Generation != 7 || first.Decision != "allowed" || cmp.Diff([]string{"event"}, first.Tables) != "" || len(first.Functions) == 0 || first.PeakRSS == 0 || first.Ms == 0 {
		t.Errorf("end record %+v", first)
	}
	start := recs[0]
	if start.Client != "curl/8" || start.Address != "192.0.2.7:4000" || start.Params != 1 || start.User != "li" || start.Role != "analyst" || start.Scope != "city_masked" || len(start.SQLSHA256) != 64 {
		t.Errorf("start record %+v", start)
	}
	classes := map[string]int{}
	for _, x := range recs {
		if strings.Contains(x.SQL, "note 7") || strings.Contains(x.SQL, "passwd") {
			t.Errorf("a literal is in the audit log: %s", x.SQL)
		}
		if x.Kind == audit.KindEnd {
			classes[x.Class]++
		}
	}
	if classes["ok"] != 1 || classes["cancelled"] != 2 || classes["too_large"] != 1 || classes["denied"] < 1 {
		t.Errorf("classes %v", classes)
	}
}

// waitFor reads the log until it holds so many ends: the end of a context is noticed by a goroutine.
func (r rig) waitFor(t *testing.T, n int) []audit.Record {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		count := 0
		for rec := range audit.Read(t.Context(), r.dir, audit.Filter{Kinds: []audit.Kind{audit.KindEnd}}) {
			_ = rec
			count++
		}
		if count >= n {
			return r.records(t)
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%d ends, want %d", count, n)
		}
	}
}

func TestRolesDecide(t *testing.T) {
	own := []front.Question{{Name: "per_county", SQL: "SELECT county_code, count(*) FROM event GROUP BY ALL;"}}
	r := open(t, front.Defaults(), front.Pool(pool(t)), func(d *front.Deps) { d.Questions = own })
	sensitive := query.Scope{Tier: query.Sensitive, Area: "city"}
	for _, c := range []struct {
		who  query.Principal
		sql  string
		want query.Code
	}{
		{query.Principal{User: "a", Role: query.Auditor}, "SELECT 1", query.Forbidden},
		{query.Principal{User: "a", Role: query.Auditor, Scope: city()}, "SELECT 1", query.Forbidden},
		{query.Principal{User: "b", Role: query.Admin, Scope: sensitive}, "SELECT 1", query.Forbidden},
		{query.Principal{User: "c", Role: query.Analyst, Scope: sensitive}, "SELECT 1", query.Forbidden},
		{query.Principal{User: "d", Role: query.Analyst}, "SELECT 1", query.Forbidden},
		{query.Principal{User: "e", Role: query.SensitiveAnalyst, Scope: sensitive}, "SELECT 1", query.Unavailable}, // not published here
		{query.Principal{User: "f", Role: query.Viewer, Scope: city()}, "SELECT 1", query.Forbidden},
		{query.Principal{User: "f", Role: query.Viewer, Scope: city()}, " SELECT county_code, count(*) FROM event GROUP BY ALL", ""},
		{query.Principal{User: "g", Role: query.Admin, Scope: city()}, "SELECT 1", ""},
		{query.Principal{User: "h", Role: "root", Scope: city()}, "SELECT 1", query.Forbidden},
	} {
		a, err := r.Run(t.Context(), c.who, query.Request{SQL: c.sql})
		if code(err) != c.want {
			t.Errorf("%s in %v: %v, want %q", c.who.Role, c.who.Scope, err, c.want)
		}
		if err == nil {
			if _, err := drain(a); err != nil {
				t.Error(err)
			}
		}
	}
	// The catalog is for every role that can query, own SQL or not.
	list, g, err := r.Tables(t.Context(), query.Principal{User: "f", Role: query.Viewer, Scope: city()}, query.Request{Surface: query.HTTP})
	if err != nil || g.Number != 7 {
		t.Fatal(err)
	}
	want := []front.Table{{Name: "event", Title: "Events", ZH: "事件", Doc: "all of them", Columns: []front.TableColumn{
		{Name: "event_id", Type: "BIGINT"}, {Name: "county_code", Type: "VARCHAR", Codes: "area", Doc: "county", ZH: "区县"}, {Name: "note", Type: "VARCHAR"},
	}}}
	if d := cmp.Diff(want, list); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if _, _, err := r.Tables(t.Context(), query.Principal{User: "a", Role: query.Auditor}, query.Request{}); code(err) != query.Forbidden {
		t.Errorf("the auditor reads the catalog: %v", err)
	}
	shape, err := r.Describe(t.Context(), analyst(), query.Request{SQL: "SELECT note, $1 AS p FROM event"})
	if err != nil || len(shape.Columns) != 2 || len(shape.Params) != 1 {
		t.Errorf("%+v, %v", shape, err)
	}
	if _, err := r.Describe(t.Context(), analyst(), query.Request{SQL: "SELECT * FROM read_text('x')"}); code(err) != query.Denied {
		t.Errorf("describe: %v", err)
	}
	refused := 0
	for _, rec := range r.records(t) {
		if rec.Kind == audit.KindRefused && rec.SQL != "" {
			refused++
		}
	}
	if refused < 1 {
		t.Errorf("a refused Describe left no record")
	}
}

func TestLimitsOfRowsAndExports(t *testing.T) {
	cfg := front.Defaults()
	cfg.Rows, cfg.ExportRows, cfg.ExportRoles = 5_000, 120_000, []query.Role{query.Steward}
	r := open(t, cfg, front.Pool(pool(t)))
	steward := query.Principal{User: "wang", Role: query.Steward, Scope: city()}
	for _, c := range []struct {
		who  query.Principal
		max  int64
		want int64
		cut  bool
	}{{analyst(), 0, 5_000, true}, {analyst(), 10, 10, true}, {analyst(), 1 << 40, 5_000, true}, {steward, 0, 120_000, true}, {steward, 100, 100, true}} {
		a, err := r.Run(t.Context(), c.who, query.Request{SQL: "SELECT event_id FROM event", MaxRows: c.max})
		if err != nil {
			t.Fatal(err)
		}
		n, err := drain(a)
		if err != nil || n != c.want || a.Stats().Truncated != c.cut || a.Stats().Rows != c.want {
			t.Errorf("%s asking for %d: %d rows, %+v, %v", c.who.Role, c.max, n, a.Stats(), err)
		}
	}
	a, err := r.Run(t.Context(), steward, query.Request{SQL: "SELECT event_id FROM event"})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if _, err := a.(front.Answer).WriteTo(&out); err != nil || out.Len() < 100_000 {
		t.Fatalf("%d bytes, %v", out.Len(), err)
	}
	exports := 0
	for _, rec := range r.records(t) {
		if rec.Kind == audit.KindExport && rec.User == "wang" && rec.Generation == 7 {
			exports++
		}
	}
	if exports != 2 {
		t.Errorf("%d exports were recorded, want 2", exports)
	}
}

// blocking are workers whose statements run until they are told to end.
type blocking struct {
	started chan string
	finish  chan struct{}
	gone    chan struct{} // taken when a context ended; nil: not told
	panics  bool
}

func (b *blocking) Run(ctx context.Context, _ query.Scope, st worker.Statement) (front.Answer, worker.Report, error) {
	if b.panics {
		panic("a value of a row")
	}
	b.started <- st.SQL
	select {
	case <-b.finish:
		return nil, worker.Report{}, &query.Error{Code: query.Internal, Message: "over", ZH: "结束"}
	case <-ctx.Done():
		if b.gone != nil {
			<-b.gone
		}
		return nil, worker.Report{}, &query.Error{Code: query.Cancelled, Message: "cancelled", ZH: "已取消"}
	}
}

func (b *blocking) Describe(context.Context, query.Scope, worker.Statement) (query.Shape, worker.Report, error) {
	return query.Shape{}, worker.Report{}, nil
}

func TestConcurrencyAndOrderOfArrival(t *testing.T) {
	cfg := front.Defaults()
	cfg.Waiting = 3
	b := &blocking{started: make(chan string, 10), finish: make(chan struct{}), gone: make(chan struct{})}
	r := open(t, cfg, b)
	var wg sync.WaitGroup
	run := func(ctx context.Context, user, sql string) {
		wg.Go(func() {
			_, _ = r.Run(ctx, query.Principal{User: user, Role: query.Analyst, Scope: city()}, query.Request{SQL: sql})
		})
	}
	ctx := t.Context()
	run(ctx, "li", "1")
	run(ctx, "li", "2")
	<-b.started
	<-b.started
	for n := 3; n <= 5; n++ {
		run(ctx, "li", fmt.Sprint(n))
		r.waiting(t, "li", n-2)
	}
	if _, err := r.Run(ctx, analyst(), query.Request{SQL: "6"}); code(err) != query.Busy {
		t.Errorf("the sixth: %v", err)
	}
	other, leave := context.WithCancel(ctx)
	run(other, "wang", "another user's")
	if got := <-b.started; got != "another user's" {
		t.Errorf("%s started", got)
	}
	leave()
	b.gone <- struct{}{}
	for n := 3; n <= 5; n++ {
		b.finish <- struct{}{}
		if got := <-b.started; got != fmt.Sprint(n) {
			t.Errorf("%s started, want %d", got, n)
		}
	}
	close(b.finish)
	wg.Wait()
	// One that waits too long, and one whose client is gone.
	b.finish = make(chan struct{})
	run(ctx, "li", "7")
	run(ctx, "li", "8")
	<-b.started
	<-b.started
	if _, err := r.Run(ctx, analyst(), query.Request{SQL: "9", Timeout: 20 * time.Millisecond}); code(err) != query.Timeout {
		t.Errorf("waiting: %v", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := r.Run(gone, analyst(), query.Request{SQL: "10"}); code(err) != query.Cancelled {
		t.Errorf("gone: %v", err)
	}
	close(b.finish)
	wg.Wait()
	r.records(t)
}

// waiting returns once n statements of a user wait for their turn.
func (r rig) waiting(t *testing.T, user string, n int) {
	t.Helper()
	for front.Waiting(r.Front, user) < n {
		if t.Context().Err() != nil {
			t.Fatal("nobody waits")
		}
		runtime.Gosched()
	}
}

func TestPanicIsAnEndToo(t *testing.T) {
	r := open(t, front.Defaults(), &blocking{panics: true})
	for range 5 { // more than run at a time: the places are given back
		_, err := r.Run(t.Context(), analyst(), query.Request{SQL: "SELECT 1"})
		if code(err) != query.Internal || strings.Contains(err.Error(), "value of a row") {
			t.Fatalf("%v", err)
		}
	}
	if d := cmp.Diff([]string{"internal   0", "internal   0", "internal   0", "internal   0", "internal   0"}, ends(r.records(t))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// dying is an answer whose reading panics.
type dying struct {
	front.Answer
	closed int
}

func (d *dying) Next() (arrow.RecordBatch, error) { panic("a value of a row") }
func (d *dying) Stats() query.Stats               { return query.Stats{} }
func (d *dying) Close() error                     { d.closed++; return nil }

type dyingWorkers struct{ a *dying }

func (w dyingWorkers) Run(context.Context, query.Scope, worker.Statement) (front.Answer, worker.Report, error) {
	return w.a, worker.Report{}, nil
}

func (w dyingWorkers) Describe(context.Context, query.Scope, worker.Statement) (query.Shape, worker.Report, error) {
	return query.Shape{}, worker.Report{}, nil
}

func TestPanicWhileReading(t *testing.T) {
	d := &dying{}
	r := open(t, front.Defaults(), dyingWorkers{d})
	a, err := r.Run(t.Context(), analyst(), query.Request{SQL: "SELECT 1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Next(); code(err) != query.Internal {
		t.Errorf("%v", err)
	}
	if got := ends(r.records(t)); len(got) != 1 || d.closed == 0 {
		t.Errorf("ends %v, closed %d", got, d.closed)
	}
}

func TestRateIsLimitedAndRecordedSparsely(t *testing.T) {
	cfg := front.Defaults()
	cfg.Rate, cfg.Burst = 0.001, 3
	b := &blocking{started: make(chan string, 100), finish: make(chan struct{})}
	close(b.finish)
	r := open(t, cfg, b)
	limited := 0
	for range 20 {
		if _, err := r.Run(t.Context(), analyst(), query.Request{SQL: "SELECT 1"}); code(err) == query.RateLimited {
			limited++
		}
	}
	refused := []int64{}
	for _, rec := range r.records(t) {
		if rec.Kind == audit.KindRefused {
			refused = append(refused, rec.Count)
		}
	}
	if limited != 17 || cmp.Diff([]int64{1, 2, 4, 8, 16}, refused) != "" {
		t.Errorf("%d refused, recorded %v", limited, refused)
	}
}

// broken is an audit log that cannot be written.
type broken struct{ start, note error }

func (b broken) Start(context.Context, audit.Query) error { return b.start }
func (b broken) End(audit.Outcome) error                  { return audit.ErrWrite }
func (b broken) Note(context.Context, audit.Note) error   { return b.note }

func TestNothingRunsUnrecorded(t *testing.T) {
	b := &blocking{started: make(chan string, 100), finish: make(chan struct{})}
	close(b.finish)
	r := open(t, front.Defaults(), b, func(d *front.Deps) { d.Audit = broken{start: audit.ErrWrite, note: audit.ErrWrite} })
	if _, err := r.Run(t.Context(), analyst(), query.Request{SQL: "SELECT 1"}); code(err) != query.Unavailable {
		t.Errorf("%v", err)
	}
	// The real log, closed.
	r = open(t, front.Defaults(), b)
	if err := r.log.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context(), analyst(), query.Request{SQL: "SELECT 1"}); code(err) != query.Unavailable {
		t.Errorf("%v", err)
	}
	if len(b.started) > 0 {
		t.Error("a statement ran without a record")
	}
}

func TestPrincipalThatIsNoLongerValid(t *testing.T) {
	b := &blocking{started: make(chan string, 1), finish: make(chan struct{})}
	r := open(t, front.Defaults(), b, func(d *front.Deps) {
		d.Valid = func(context.Context, query.Principal) error {
			return &query.Error{Code: query.Unauthenticated, Message: "no", ZH: "否"}
		}
	})
	if _, err := r.Run(t.Context(), analyst(), query.Request{SQL: "SELECT 1"}); code(err) != query.Unauthenticated {
		t.Errorf("%v", err)
	}
	if recs := r.records(t); len(recs) != 1 || recs[0].Kind != audit.KindRefused || recs[0].Reason != "principal" {
		t.Errorf("%+v", recs)
	}
}

func TestParseQuestions(t *testing.T) {
	got, err := front.ParseQuestions(strings.NewReader("-- A file of questions.\n\n-- name: one\n-- One · 一\n-- $1 VARCHAR county · 区县\n-- $2 DATE\n-- a remark\nSELECT 1 -- inner\n-- between\nWHERE $1 = 'a';\n\n-- name: two\nSELECT ';' AS x\n;\n"))
	want := []front.Question{{Name: "one", Title: "One", ZH: "一", Params: []front.QuestionParam{{Type: "VARCHAR", Doc: "county", ZH: "区县"}, {Type: "DATE"}}, SQL: "SELECT 1 -- inner\nWHERE $1 = 'a'"}, {Name: "two", SQL: "SELECT ';' AS x"}}
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	for _, bad := range []string{"SELECT 1;", "-- name: A b\nSELECT 1;", "-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;", "-- name: a\nSELECT 1", "-- name: a\n-- $2 DATE x\nSELECT 1;"} {
		if _, err := front.ParseQuestions(strings.NewReader(bad)); err == nil {
			t.Errorf("read %q", bad)
		}
	}
}

// The questions that are shipped read as questions, with a title in both languages.
func TestShippedQuestions(t *testing.T) {
	f, err := os.Open("../../docs/queries.sql")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list, err := front.ParseQuestions(f)
	if err != nil || len(list) < 10 {
		t.Fatalf("%d questions, %v", len(list), err)
	}
	for _, q := range list {
		if q.Title == "" || q.ZH == "" || strings.Contains(q.SQL, "$1") != (len(q.Params) > 0) {
			t.Errorf("%+v", q)
		}
	}
}
