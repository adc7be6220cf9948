package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"onegrid/internal/faultpoint"
	"onegrid/warehouse"
	"onegrid/warehouse/duckdb"
)

const walSuffix = ".wal"

// image is the files of a store whose process was killed.
type image struct{ database, log, witness []byte }

func takeImage(t testing.TB, data string) image {
	t.Helper()
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return b
	}
	return image{read(duckdb.DatabasePath(data)), read(duckdb.DatabasePath(data) + walSuffix), read(filepath.Join(data, "witness.log"))}
}

// lay writes an image into a new data directory. A nil log is no file.
func (im image) lay(t testing.TB) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(data, 0o750); err != nil {
		t.Fatal(err)
	}
	for path, b := range map[string][]byte{duckdb.DatabasePath(data): im.database, duckdb.DatabasePath(data) + walSuffix: im.log, filepath.Join(data, "witness.log"): im.witness} {
		if b == nil {
			continue
		}
		if err := os.WriteFile(path, b, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

// killedAt runs a child on data until it dies at a step and returns what it leaves.
func killedAt(t testing.TB, config, data, fault string) image {
	t.Helper()
	if killed, _ := (blow{fault: fault}).run(t, config, data); !killed {
		t.Fatalf("the child was not killed at %s", fault)
	}
	return takeImage(t, data)
}

// damaged is one way to break an image.
type damaged struct {
	name  string
	tries int
	harm  func(r *rand.Rand, im image) image
	// always says what every try must come to; "" when it depends on the place.
	always string
}

const (
	outcomeWhole    = "whole"    // opens, nothing is missing
	outcomeBehind   = "behind"   // opens, the witness tells that commits are missing
	outcomeRepaired = "repaired" // does not open, Recover mends it
	outcomeLost     = "lost"     // does not open and cannot be mended: a backup is needed
)

// TestCrashDamagedFiles damages what a crash left. Every damage is detected or leaves a consistent prefix with the
// witness's alarm; Recover brings the store back, and reading again gives the undisturbed content.
func TestCrashDamagedFiles(t *testing.T) {
	if !faultpoint.Enabled {
		t.Skip("built without the tag faultpoint: make test sets it")
	}
	give := invent(killSeed, killDeliveries, killRows)
	config := newProbe(t)
	ref := undisturbed(t, config, give)
	data := filepath.Join(t.TempDir(), "data")
	older := killedAt(t, config, data, "run.acknowledged:4:kill")
	newer := killedAt(t, config, data, "run.acknowledged:6:kill")
	if err := openStore(t, duckdb.Options{Dir: data}).Close(); err != nil { // writes the log into the database
		t.Fatal(err)
	}
	folded := killedAt(t, config, data, "run.acknowledged:3:kill")
	if bytes.Equal(newer.database, folded.database) || len(newer.log) == 0 || len(folded.log) == 0 {
		t.Fatal("the images are not what the test needs")
	}
	clone := func(b []byte) []byte { return append([]byte{}, b...) }
	cases := []damaged{
		{name: "untouched", tries: 1, always: outcomeWhole, harm: func(_ *rand.Rand, im image) image { return im }},
		{name: "log cut at a random byte", tries: 5, harm: func(r *rand.Rand, im image) image { im.log = im.log[:r.IntN(len(im.log))]; return im }},
		{name: "tail of the log zeroed", tries: 4, harm: func(r *rand.Rand, im image) image {
			im.log = clone(im.log)
			clear(im.log[len(im.log)-1-r.IntN(len(im.log)/2):])
			return im
		}},
		{name: "bit of the log flipped", tries: 5, harm: func(r *rand.Rand, im image) image {
			im.log = clone(im.log)
			im.log[r.IntN(len(im.log))] ^= 1 << r.IntN(8)
			return im
		}},
		{name: "garbage after the log", tries: 3, harm: func(r *rand.Rand, im image) image {
			im.log = clone(im.log)
			for range 1 + r.IntN(200) {
				im.log = append(im.log, byte(r.Uint32()))
			}
			return im
		}},
		{name: "log deleted", tries: 1, always: outcomeBehind, harm: func(_ *rand.Rand, im image) image { im.log = nil; return im }},
		{name: "log emptied", tries: 1, always: outcomeBehind, harm: func(_ *rand.Rand, im image) image { im.log = []byte{}; return im }},
		{name: "log swapped with an older one", tries: 1, always: outcomeBehind, harm: func(_ *rand.Rand, im image) image { im.log = older.log; return im }},
		{name: "older database and log, newer witness", tries: 1, always: outcomeBehind, harm: func(_ *rand.Rand, im image) image {
			im.database, im.log = older.database, older.log
			return im
		}},
		{name: "old database, newer log", tries: 1, always: outcomeRepaired, harm: func(_ *rand.Rand, _ image) image {
			return image{older.database, folded.log, folded.witness}
		}},
		{name: "newer database, old log", tries: 1, harm: func(_ *rand.Rand, _ image) image {
			return image{folded.database, older.log, folded.witness}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(len(c.name)), 3))
			tries := c.tries
			if soak(t) > 0 {
				tries *= 10
			}
			outcomes := map[string]int{}
			for i := range tries {
				got := ref.endure(t, config, c.harm(r, newer).lay(t), give, i%3 == 0)
				outcomes[got]++
				if c.always != "" && got != c.always {
					t.Errorf("outcome %s, want %s", got, c.always)
				}
			}
			if outcomes[outcomeLost] > 0 {
				t.Errorf("a damaged log must not need a backup: %v", outcomes)
			}
			t.Log(outcomes)
		})
	}
	t.Run("bit of the database flipped", func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 9))
		tries, outcomes := 8, map[string]int{}
		if soak(t) > 0 {
			tries = 100
		}
		for range tries {
			im := folded
			im.database = clone(im.database)
			im.database[r.IntN(len(im.database))] ^= 1 << r.IntN(8)
			outcomes[ref.endure(t, config, im.lay(t), give, false)]++
		}
		if outcomes[outcomeLost] == 0 {
			t.Errorf("no flipped bit was detected: %v", outcomes)
		}
		t.Log(outcomes)
	})
	t.Run("witness", func(t *testing.T) { damagedWitness(t, ref, config, newer, give) })
}

// endure opens a damaged store the way an operator would and says how it went. Whatever happens, what opens is sound and
// a prefix, and nothing is missing without an alarm.
func (ref reference) endure(t *testing.T, config, data string, give []delivery, again bool) string {
	t.Helper()
	ctx := context.Background()
	top := witnessed(t, data)
	outcome := outcomeWhole
	s, err := duckdb.Open(ctx, duckdb.Options{Dir: data, MinFree: -1})
	if errors.Is(err, warehouse.ErrDamaged) || s != nil && unreadable(ctx, s) {
		if s != nil {
			s.Close() // it may refuse to checkpoint: the files are damaged
		}
		rec, rerr := duckdb.Recover(ctx, data)
		if rerr != nil {
			if !errors.Is(rerr, warehouse.ErrDamaged) {
				t.Fatalf("recovering: %v", rerr)
			}
			return outcomeLost
		}
		if rec.Clean || len(rec.Steps) == 0 || len(rec.Problems) > 0 {
			t.Fatalf("recovery says %+v after %v", rec, err)
		}
		outcome = outcomeRepaired
		s, err = duckdb.Open(ctx, duckdb.Options{Dir: data, MinFree: -1})
	}
	if errors.Is(err, warehouse.ErrWitnessAhead) && outcome == outcomeWhole {
		outcome = outcomeBehind
	} else if err != nil && !errors.Is(err, warehouse.ErrWitnessAhead) {
		t.Fatalf("opening: %v", err)
	}
	sound(t, s)
	st, serr := s.State(ctx, probeID, "")
	if serr != nil {
		t.Fatal(serr)
	}
	if behind := st.Seq < top; behind != errors.Is(err, warehouse.ErrWitnessAhead) {
		t.Fatalf("the store is at %d, %d were acknowledged, and opening says %v", st.Seq, top, err)
	}
	at := 0
	if len(st.Resume.Data) > 0 {
		if _, err := fmt.Sscanf(string(st.Resume.Data), `{"at":%d}`, &at); err != nil {
			t.Fatal(err)
		}
	}
	var p prefix
	if err := s.DB().QueryRow(prefixQuery).Scan(&p.versions, &p.events, &p.digest); err != nil {
		t.Fatal(err)
	}
	if p != ref.at[at] {
		t.Fatalf("at position %d the store holds %+v, an undisturbed run %+v", at, p, ref.at[at])
	}
	if err := s.Close(); err != nil {
		t.Fatalf("closing: %v", err)
	}
	if again {
		ref.readAgain(t, config, data, give)
	}
	return outcome
}

// readAgain reads what is missing, in larger units than before, and compares. The alarm must be over then.
func (ref reference) readAgain(t *testing.T, config, data string, give []delivery) {
	t.Helper()
	ctx := context.Background()
	h, err := openProbe(ctx, config, data, &upstream{give: give}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	h.Runner.Limits.Rows, h.Runner.Limits.Stream = 5000, 5000
	if _, err := h.Sync(ctx, probeID, "manual", time.Time{}); err != nil {
		t.Fatalf("reading again: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := duckdb.Open(ctx, duckdb.Options{Dir: data, MinFree: -1, ReadOnly: true})
	if err != nil {
		t.Fatalf("opening after everything was read again: %v", err)
	}
	defer s.Close()
	sound(t, s)
	same(t, "after reading again", readContent(t, s.DB()), ref.content)
}

// unreadable reports whether a store that opened cannot be read to its end.
func unreadable(ctx context.Context, s *duckdb.Store) bool {
	if _, err := duckdb.Invariants(ctx, s.DB()); err != nil {
		return true
	}
	for _, q := range contentQueries() {
		var n int64
		if err := s.DB().QueryRowContext(ctx, "SELECT count(hash(q::VARCHAR)) FROM ("+q+") q").Scan(&n); err != nil {
			return true
		}
	}
	return false
}

// witnessed is the last acknowledged commit of the probe source.
func witnessed(t testing.TB, data string) (top int64) {
	t.Helper()
	ws, err := duckdb.ReadWitness(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range ws {
		if w.Source == probeID {
			top = w.Seq
		}
	}
	return top
}

// damagedWitness damages the witness itself: a torn end is what a crash leaves, anything before it is an error, and a
// missing file is made again from the store.
func damagedWitness(t *testing.T, ref reference, config string, im image, give []delivery) {
	ctx := context.Background()
	torn := im
	torn.witness = im.witness[:len(im.witness)-20]
	if got := ref.endure(t, config, torn.lay(t), give, true); got != outcomeWhole {
		t.Errorf("torn end: %s", got)
	}
	gone := im
	gone.witness = nil
	data := gone.lay(t)
	if err := openStore(t, duckdb.Options{Dir: data}).Close(); err != nil {
		t.Fatal(err)
	}
	if top := witnessed(t, data); top == 0 {
		t.Error("the witness was not made again from the store")
	}
	flipped := im
	flipped.witness = bytes.Replace(im.witness, []byte(`"unit":2`), []byte(`"unit":3`), 1)
	if s, err := duckdb.Open(ctx, duckdb.Options{Dir: flipped.lay(t), MinFree: -1}); !errors.Is(err, warehouse.ErrDamaged) {
		s.Close()
		t.Errorf("a changed line of the witness: %v", err)
	}
}

// TestCrashBackup takes backups while units are committed. Each is a sound prefix, restores, and is told by the witness
// to be old; reading again gives the undisturbed content.
func TestCrashBackup(t *testing.T) {
	ctx := context.Background()
	config := newProbe(t)
	give := invent(killSeed, killDeliveries, killRows)
	ref := undisturbed(t, config, give)
	data, out := filepath.Join(t.TempDir(), "data"), t.TempDir()
	units := make(chan int, killDeliveries)
	src := &upstream{give: give, ack: func(at int) { units <- at }}
	h, err := openProbe(ctx, config, data, src, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	synced := make(chan error, 1)
	go func() {
		_, err := h.Sync(ctx, probeID, "manual", time.Time{})
		close(units)
		synced <- err
	}()
	var backups []string
	for at := range units {
		if at%15 > 1 && len(backups) > 0 || len(backups) == 4 {
			continue
		}
		path := filepath.Join(out, fmt.Sprintf("backup-%d.duckdb", at))
		sum, err := h.Store.Backup(ctx, path)
		if err != nil || len(sum) != 64 {
			t.Fatalf("backing up: %q, %v", sum, err)
		}
		backups = append(backups, path)
	}
	if err := <-synced; err != nil {
		t.Fatal(err)
	}
	if _, err := h.Store.Backup(ctx, backups[0]); err == nil {
		t.Error("a backup was replaced")
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if len(backups) < 2 {
		t.Fatalf("%d backups: the test needs several", len(backups))
	}
	im := takeImage(t, data)
	for i, path := range backups {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got := ref.endure(t, config, image{database: b, witness: im.witness}.lay(t), give, i == 0)
		if i == 0 && got != outcomeBehind {
			t.Errorf("the first backup is %s: it must be behind the witness", got)
		}
	}
}
