package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"onegrid/internal/hub"
	"onegrid/warehouse"
)

// errUpstream is what the model's source ends with when it fails.
var errUpstream = errors.New("the upstream hung up")

// oracle is what a store must know after a list of records, worked out one by one with maps.
type oracle struct {
	states      map[string][]known
	transitions int
	versions    int
}

// known is one state of a record.
type known struct {
	content string
	clock   string
	current bool
	status  string
}

func contentOf(r record) string { return r.status + "|" + r.text + "|" + r.org + "|" + r.closed }

// tell gives the oracle one record. The latest state by the source's clock is current, of two at one time the one that
// came later; a state that was told before is no news.
func (o *oracle) tell(r record) {
	hist := o.states[r.id]
	if len(hist) == 0 {
		o.states[r.id] = []known{{contentOf(r), r.updated, true, r.status}}
		o.versions++
		return
	}
	cur := -1
	told, exact := false, false
	for i, k := range hist {
		if k.current {
			cur = i
		}
		if k.content == contentOf(r) {
			told = true
			exact = exact || k.clock == r.updated
		}
	}
	c := &hist[cur]
	late := r.updated < c.clock
	switch {
	case c.content == contentOf(r):
		if !late {
			c.clock = r.updated
		}
	case exact, late && told:
	case late:
		o.states[r.id] = append(hist, known{contentOf(r), r.updated, false, r.status})
		o.versions++
	default:
		c.current = false
		if c.status != r.status {
			o.transitions++
		}
		o.states[r.id] = append(hist, known{contentOf(r), r.updated, true, r.status})
		o.versions++
	}
}

// flaky fails commits on demand: before anything is stored, or after, when the answer is lost.
type flaky struct {
	next   warehouse.Committer
	before int // fails the n-th commit from now before it is stored; 0 never
	after  int // loses the answer of the n-th commit from now
}

var errCommit = errors.New("commit failed")

// Commit implements warehouse.Committer.
func (f *flaky) Commit(ctx context.Context, u *warehouse.Unit) (warehouse.Receipt, error) {
	if f.before > 0 {
		if f.before--; f.before == 0 {
			return warehouse.Receipt{}, errCommit
		}
	}
	r, err := f.next.Commit(ctx, u)
	if f.after > 0 && err == nil {
		if f.after--; f.after == 0 {
			return warehouse.Receipt{}, fmt.Errorf("%w: the answer is lost", warehouse.ErrUnknownOutcome)
		}
	}
	return r, err
}

// machine is the state machine: an upstream that grows, a hub that reads it with failures and restarts, an oracle.
type machine struct {
	t      testing.TB
	config string
	data   string
	src    *upstream
	hub    *hub.Hub
	told   int // deliveries that the oracle knows
	oracle oracle
}

func (m *machine) open(t *rapid.T) {
	h, err := openProbe(context.Background(), m.config, m.data, m.src, io.Discard)
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	m.hub = h
}

// deliver appends records to the upstream: new ones, later and earlier states, rewritten ones, the same again, pages from
// before, and records that no mapping takes.
func (m *machine) deliver(t *rapid.T) {
	var d delivery
	changed := map[string]bool{}
	clock := rapid.IntRange(0, 40)
	for range rapid.IntRange(1, 8).Draw(t, "records") {
		id := fmt.Sprintf("M%02d", rapid.IntRange(1, 12).Draw(t, "id"))
		at := day0().In(time.FixedZone("", 8*3600))
		r := record{id: id, status: fmt.Sprint(rapid.IntRange(1, 5).Draw(t, "status")), text: "井盖松动", reported: at.Format(layout),
			updated: at.Add(time.Duration(clock.Draw(t, "clock")) * time.Minute).Format(layout)}
		if rapid.IntRange(0, 5).Draw(t, "rewrite") == 0 {
			r.text, r.org = "井盖松动，已移动", "JL-02"
		}
		if rapid.IntRange(0, 15).Draw(t, "bad") == 0 {
			r.reported = "yesterday"
		} else if changed[id] {
			continue // one state of a record a delivery: twice in one is a test of the conformance suite
		}
		changed[id] = true
		d.rows = append(d.rows, r)
	}
	if n := len(m.src.give); n > 0 && rapid.IntRange(0, 4).Draw(t, "drift") == 0 { // the page before once more
		d.rows = append([]record{}, m.src.give[rapid.IntRange(0, n-1).Draw(t, "page")].rows...)
	}
	if rapid.IntRange(0, 6).Draw(t, "torn") == 0 {
		d.torn = []string{fmt.Sprintf("line %d", len(m.src.give))}
	}
	m.src.give = append(m.src.give, d)
}

func (m *machine) limits(t *rapid.T) {
	m.hub.Runner.Limits.Rows = rapid.SampledFrom([]int{1, 3, 10, 1000}).Draw(t, "unit rows")
	m.hub.Runner.Limits.Stream = min(m.hub.Runner.Limits.Rows, rapid.SampledFrom([]int{1, 4, 1000}).Draw(t, "stream"))
}

// sync reads to the end and compares with the oracle.
func (m *machine) sync(t *rapid.T) {
	m.limits(t)
	res, err := m.hub.Sync(context.Background(), probeID, "manual", time.Time{})
	if err != nil {
		t.Fatalf("syncing: %v", err)
	}
	if !res.Counts.Balanced() {
		t.Fatalf("counts do not add up: %+v", res.Counts)
	}
	m.compare(t)
}

// fail reads with an upstream that ends early or a store that fails, before or after it has stored.
func (m *machine) fail(t *rapid.T) {
	if len(m.src.give) == 0 {
		return
	}
	m.limits(t)
	f := &flaky{next: m.hub.Runner.Store}
	kind := rapid.IntRange(0, 2).Draw(t, "failure")
	switch kind {
	case 0:
		at := rapid.IntRange(0, len(m.src.give)-1).Draw(t, "hangs up at")
		m.src.give[at].fails = errUpstream
		defer func() { m.src.give[at].fails = nil }()
	case 1:
		f.before = rapid.IntRange(1, 3).Draw(t, "commit")
	case 2:
		f.after = rapid.IntRange(1, 3).Draw(t, "commit")
	}
	m.hub.Runner.Store = f
	defer func() { m.hub.Runner.Store = f.next }()
	_, err := m.hub.Sync(context.Background(), probeID, "manual", time.Time{})
	if err != nil && !errors.Is(err, errUpstream) && !errors.Is(err, errCommit) && !errors.Is(err, warehouse.ErrUnknownOutcome) {
		t.Fatalf("failing: %v", err)
	}
}

func (m *machine) restart(t *rapid.T) {
	if err := m.hub.Close(); err != nil {
		t.Fatalf("closing: %v", err)
	}
	m.open(t)
}

// reread sets the resume point back and reads again: no row, no version, no count may change.
func (m *machine) reread(t *rapid.T) {
	m.sync(t)
	ctx := context.Background()
	before := readContent(m.t, m.hub.Store.DB())
	st, err := m.hub.Store.State(ctx, probeID, "")
	if err != nil {
		t.Fatal(err)
	}
	at := checkpointAt(rapid.IntRange(0, len(m.src.give)).Draw(t, "back to"))
	if _, err := m.hub.Store.SetState(ctx, probeID, "", st.Seq, warehouse.Checkpoint{Version: at.Version, Data: at.Data}, "read again"); err != nil {
		t.Fatal(err)
	}
	m.limits(t)
	res, err := m.hub.Sync(ctx, probeID, "manual", time.Time{})
	if err != nil {
		t.Fatalf("reading again: %v", err)
	}
	if c := res.Counts; c.New+c.Updated+c.Stale+c.Transitions != 0 {
		t.Fatalf("reading again changed something: %+v", c)
	}
	after := readContent(m.t, m.hub.Store.DB())
	for table, rows := range before {
		if fmt.Sprint(rows) != fmt.Sprint(after[table]) {
			t.Fatalf("reading again changed %s", table)
		}
	}
	m.compare(t)
}

func (m *machine) compare(t *rapid.T) {
	rejects := map[string]bool{}
	for ; m.told < len(m.src.give); m.told++ {
		for _, r := range m.src.give[m.told].rows {
			if r.reported != "yesterday" {
				m.oracle.tell(r)
			}
		}
	}
	for _, d := range m.src.give {
		for _, r := range d.rows {
			if r.reported == "yesterday" {
				rejects[fmt.Sprintf("%+v", r)] = true
			}
		}
		for _, p := range d.torn {
			rejects[p] = true
		}
	}
	db := m.hub.Store.DB()
	for _, c := range []struct {
		what, query string
		want        int
	}{
		{"events", "SELECT count(*) FROM event", len(m.oracle.states)},
		{"versions", "SELECT count(*) FROM event_version", m.oracle.versions},
		{"transitions", "SELECT count(*) FROM event_transition", m.oracle.transitions},
		{"rejects", "SELECT count(*) FROM reject", len(rejects)},
	} {
		if got := number(m.t, db, c.query); got != int64(c.want) {
			t.Fatalf("%d %s, want %d", got, c.what, c.want)
		}
	}
	rows, err := db.Query("SELECT source_record_id, status_src_code, coalesce(owner_org_code, ''), strftime(source_updated_at AT TIME ZONE 'Asia/Shanghai', '%Y-%m-%d %H:%M:%S') FROM event")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, status, org, clock string
		if err := rows.Scan(&id, &status, &org, &clock); err != nil {
			t.Fatal(err)
		}
		for _, k := range m.oracle.states[id] {
			if k.current && (k.status != status || k.clock != clock) {
				t.Fatalf("%s is in status %s of %s, want %s of %s", id, status, clock, k.status, k.clock)
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	sound(m.t, m.hub.Store)
}

// TestModel drives the machine with random sequences. A failing one is shrunk and printed.
func TestModel(t *testing.T) {
	config := newProbe(t)
	until := time.Now().Add(8 * time.Second)
	if d := soak(t); d > 0 {
		until = time.Now().Add(d / 4)
	}
	root, n := t.TempDir(), 0
	check := func(rt *rapid.T) {
		if time.Now().After(until) && n > 10 {
			return
		}
		n++
		m := &machine{t: t, config: config, data: filepath.Join(root, fmt.Sprint(n)), src: &upstream{}, oracle: oracle{states: map[string][]known{}}}
		m.open(rt)
		defer func() { m.hub.Close() }()
		for range rapid.IntRange(3, 14).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0, 1, 2, 3, 4:
				m.deliver(rt)
			case 5, 6:
				m.sync(rt)
			case 7:
				m.fail(rt)
			case 8:
				m.restart(rt)
			case 9:
				m.reread(rt)
			}
		}
		m.reread(rt)
	}
	rapid.Check(t, check)
	for soak(t) > 0 && time.Now().Before(until) && !t.Failed() {
		rapid.Check(t, check)
	}
	t.Logf("%d sequences", n)
}
