package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/event"
	"onegrid/query/worker"
	"onegrid/warehouse"
)

// The test binary is its own steps and workers, as the program is.
func TestMain(m *testing.M) {
	if worker.IsWorker() || slices.Contains(os.Args, "-step") {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestDutyRoom runs a small duty room: store, snapshot, front, workers and the engine beside them are real, and the two
// must agree on the number of rows of every answer.
func TestDutyRoom(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: builds and publishes a store")
	}
	var out bytes.Buffer
	if err := run(t.Context(), options{names: "duty_room", rows: 2 * commits * commitRows, runs: 1, dir: t.TempDir()}, &out); err != nil {
		t.Fatal(err)
	}
	var rep report
	if err := json.Unmarshal(out.Bytes(), &rep); err != nil {
		t.Fatal(err)
	}
	if rep.Name != "duty_room" || rep.Details["incidents"] < 500 || rep.Details["worker_peak_mib"] == 0 || rep.CPU == 0 {
		t.Errorf("%s", out.Bytes())
	}
	questions := 0
	for k := range rep.Details {
		if bytes.HasSuffix([]byte(k), []byte("_plain_ms_p95")) {
			questions++
		}
	}
	if questions != 10 {
		t.Errorf("%d questions in %s", questions, out.Bytes())
	}
}

func TestStatements(t *testing.T) {
	got := statements("-- a comment\n\n-- params: x\nSELECT 1;\nSELECT\n  -- inside\n  2;\n\nSELECT 3")
	if want := []string{"SELECT 1;", "SELECT\n  -- inside\n  2;"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestLater wants each pass to change state and time of every record, and its fingerprint to stay that of its hash.
func TestLater(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	hash := &arrow.FixedSizeBinaryType{ByteWidth: 32}
	hashes, times := array.NewFixedSizeBinaryBuilder(mem, hash), array.NewTimestampBuilder(mem, event.Timestamp)
	c := &warehouse.Chunk{}
	for i := range 3 {
		h := bytes.Repeat([]byte{byte(i)}, 32)
		hashes.Append(h)
		times.Append(arrow.Timestamp(1000 * i))
		c.ValidFrom, c.Fingerprint = append(c.ValidFrom, int64(1000*i)), append(c.Fingerprint, binary.LittleEndian.Uint64(h))
	}
	cols := []arrow.Array{hashes.NewArray(), times.NewArray()}
	c.Events = array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "content_hash", Type: hash}, {Name: "source_updated_at", Type: event.Timestamp}}, nil), cols, 3)
	for _, b := range []interface{ Release() }{hashes, times, cols[0], cols[1]} {
		b.Release()
	}
	defer c.Events.Release()
	seen := map[uint64]bool{}
	for pass := range 3 {
		n := c
		if pass > 0 {
			n = later(c, pass)
			defer n.Events.Release()
		}
		for i := range 3 {
			if h := n.Events.Column(0).(*array.FixedSizeBinary).Value(i); binary.LittleEndian.Uint64(h) != n.Fingerprint[i] || seen[n.Fingerprint[i]] {
				t.Errorf("pass %d, row %d: fingerprint %x of hash %x", pass, i, n.Fingerprint[i], h)
			}
			if at := n.Events.Column(1).(*array.Timestamp).Value(i); int64(at) != n.ValidFrom[i] || n.ValidFrom[i] != c.ValidFrom[i]+int64(pass)*3_600_000_000 {
				t.Errorf("pass %d, row %d: valid from %d, updated at %d", pass, i, n.ValidFrom[i], at)
			}
			seen[n.Fingerprint[i]] = true
		}
	}
}
