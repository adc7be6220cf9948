package chaos

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"onegrid/internal/faultpoint"
	"onegrid/warehouse/duckdb"
)

// The list that the child reads; the parent makes the same one.
const (
	killSeed       = 11
	killDeliveries = 60
	killRows       = 12
)

// child is the program that is killed: it reads the probe source and says on stdout what was acknowledged.
func child(dir, data string) error {
	ctx := context.Background()
	src := &upstream{give: invent(killSeed, killDeliveries, killRows), ack: func(at int) { fmt.Println("ack", at) }}
	h, err := openProbe(ctx, dir, data, src, io.Discard)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	fmt.Println("open")
	if _, err := h.Sync(ctx, probeID, "manual", time.Time{}); err != nil {
		return errors.Join(fmt.Errorf("syncing: %w", err), h.Close())
	}
	return h.Close()
}

// steps are the fault points of a commit, in the order of the protocol.
func steps() []string {
	return []string{"land.write", "land.fsync", "land.rename", "land.dirsync", "run.landed", "commit.begun", "commit.appended", "commit.before",
		"commit.committed", "commit.witnessed", "run.stored", "run.acknowledged"}
}

// blow is how a child is to die: at a step, or some time after it has opened the store.
type blow struct {
	fault string
	after time.Duration
}

func (b blow) String() string {
	if b.fault != "" {
		return b.fault
	}
	return fmt.Sprintf("%v after opening", b.after)
}

// run starts a child and returns whether it was killed and the last position that it acknowledged.
func (b blow) run(t testing.TB, config, data string) (killed bool, acked int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+config, dataEnv+"="+data, "ONEGRID_FAULT="+b.fault)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var timer *time.Timer
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		switch f := strings.Fields(sc.Text()); {
		case len(f) == 1 && f[0] == "open" && b.fault == "":
			timer = time.AfterFunc(b.after, func() { cmd.Process.Kill() })
		case len(f) == 2 && f[0] == "ack":
			if acked, err = strconv.Atoi(f[1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	werr := cmd.Wait()
	if timer != nil {
		timer.Stop()
	}
	if werr == nil {
		return false, acked
	}
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !ws.Signaled() || ws.Signal() != syscall.SIGKILL {
		t.Fatalf("child at %v: %v\n%s", b, werr, stderr.String())
	}
	return true, acked
}

// reference is the undisturbed run: every delivery is its own unit and nothing is skipped before the store decides.
type reference struct {
	content content
	at      []prefix // by position
}

// prefix is what a store holds at a resume point.
type prefix struct{ versions, events, digest string }

const prefixQuery = `SELECT count(*)::VARCHAR, count(DISTINCT v.event_id)::VARCHAR,
 coalesce(sum(hash(v.event_id, v.version, v.content_hash, v.valid_from, v.status, v.event_day)::HUGEINT), 0)::VARCHAR FROM event_version v`

func undisturbed(t testing.TB, dir string, give []delivery) reference {
	t.Helper()
	ctx := context.Background()
	data := filepath.Join(t.TempDir(), "undisturbed")
	h, err := openProbe(ctx, dir, data, &upstream{give: give}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	h.Runner.Memory = nil
	h.Runner.Limits.Rows, h.Runner.Limits.Stream = 1, 1
	if _, err := h.Sync(ctx, probeID, "manual", time.Time{}); err != nil {
		t.Fatal(err)
	}
	db := h.Store.DB()
	sound(t, h.Store)
	ref := reference{content: readContent(t, db)}
	notEmpty(t, ref.content)
	for at := range len(give) + 1 {
		var p prefix
		err := db.QueryRow(prefixQuery+` JOIN checkpoint c ON c.seq = v.unit_seq AND c.source_id = v.source_id WHERE regexp_extract(decode(c.data), '[0-9]+')::INT <= ?`, at).
			Scan(&p.versions, &p.events, &p.digest)
		if err != nil {
			t.Fatal(err)
		}
		ref.at = append(ref.at, p)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	return ref
}

// examine opens what a kill has left: it must open, be sound, hold what was acknowledged, and hold exactly what comes
// before its resume point.
func (ref reference) examine(t testing.TB, what, data string, acked int, readOnly bool) (at int) {
	t.Helper()
	if _, err := os.Stat(duckdb.DatabasePath(data)); errors.Is(err, os.ErrNotExist) && acked == 0 {
		return 0
	}
	s, err := duckdb.Open(context.Background(), duckdb.Options{Dir: data, MinFree: -1, ReadOnly: readOnly})
	if err != nil {
		t.Fatalf("after %s: opening: %v", what, err) // ErrWitnessAhead would be a lost acknowledged commit
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Fatalf("after %s: closing: %v", what, err)
		}
	}()
	sound(t, s)
	st, err := s.State(context.Background(), probeID, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Resume.Data) > 0 {
		if _, err := fmt.Sscanf(string(st.Resume.Data), `{"at":%d}`, &at); err != nil {
			t.Fatal(err)
		}
	}
	if at < acked {
		t.Fatalf("after %s: position %d was acknowledged, the store is at %d", what, acked, at)
	}
	var p prefix
	if err := s.DB().QueryRow(prefixQuery).Scan(&p.versions, &p.events, &p.digest); err != nil {
		t.Fatal(err)
	}
	if p != ref.at[at] {
		t.Fatalf("after %s: at position %d the store holds %+v, an undisturbed run %+v", what, at, p, ref.at[at])
	}
	return at
}

// TestKill kills the reading process with SIGKILL at every step of a commit and at random moments, again and again on
// the same store, and compares after every kill and at the end.
func TestKill(t *testing.T) {
	if !faultpoint.Enabled {
		t.Skip("built without the tag faultpoint: make test sets it")
	}
	everyStep, random := 8, 108
	if soak(t) > 0 {
		everyStep, random = 34, 600
	}
	r := rand.New(rand.NewPCG(5, 5))
	var blows []blow
	for _, s := range steps() {
		for n := range everyStep {
			hit := n%5 + 1
			if n%5 == 4 { // deep in a run, where a unit follows many others
				hit += r.IntN(8)
			}
			blows = append(blows, blow{fault: fmt.Sprintf("%s:%d:kill", s, hit)})
		}
	}
	for range random {
		blows = append(blows, blow{after: time.Duration(r.Int64N(int64(120 * time.Millisecond)))})
	}
	r.Shuffle(len(blows), func(i, j int) { blows[i], blows[j] = blows[j], blows[i] })
	give := invent(killSeed, killDeliveries, killRows)
	// One configuration serves all: fingerprints and tokens are keyed by it.
	config := newProbe(t)
	ref := undisturbed(t, config, give)
	const lanes = 2
	kills := make([]int, lanes)
	byStep := make([]map[string]int, lanes)
	t.Run("lanes", func(t *testing.T) {
		for lane := range lanes {
			t.Run(strconv.Itoa(lane), func(t *testing.T) {
				t.Parallel()
				byStep[lane] = map[string]int{}
				var todo []blow
				for i := lane; i < len(blows); i += lanes {
					todo = append(todo, blows[i])
				}
				kills[lane] = gauntlet(t, ref, config, todo, byStep[lane])
			})
		}
	})
	total := 0
	for lane := range lanes {
		total += kills[lane]
	}
	for _, s := range steps() {
		n := 0
		for lane := range lanes {
			n += byStep[lane][s]
		}
		if n == 0 {
			t.Errorf("no child was killed at %s", s)
		}
	}
	t.Logf("%d kills", total)
	if total < 200 {
		t.Errorf("%d kills, want at least 200", total)
	}
}

// gauntlet deals blows to children that go on where the one before died, and starts anew whenever one came through.
func gauntlet(t *testing.T, ref reference, config string, todo []blow, byStep map[string]int) (kills int) {
	var data string
	fresh := true
	for i := 0; i < len(todo); {
		if fresh {
			data, fresh = filepath.Join(t.TempDir(), "data"), false
		}
		b := todo[i]
		killed, acked := b.run(t, config, data)
		at := ref.examine(t, b.String(), data, acked, i%3 == 0)
		if killed {
			kills++
			step, _, _ := strings.Cut(b.fault, ":")
			byStep[step]++
			i++
			continue
		}
		if at != killDeliveries {
			t.Fatalf("a child that was not killed ended at %d of %d", at, killDeliveries)
		}
		finish(t, ref, data)
		fresh = true
	}
	if !fresh {
		if killed, _ := (blow{after: time.Hour}).run(t, config, data); killed {
			t.Fatal("the last child was killed")
		}
		finish(t, ref, data)
	}
	return kills
}

// finish compares a store at the end with the undisturbed run.
func finish(t *testing.T, ref reference, data string) {
	t.Helper()
	s := openStore(t, duckdb.Options{Dir: data, ReadOnly: true})
	defer s.Close()
	sound(t, s)
	same(t, "after the kills", readContent(t, s.DB()), ref.content)
	if t.Failed() {
		t.FailNow()
	}
}
