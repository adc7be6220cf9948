package connectortest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/connectors"
)

// list is a small true source: it gives the numbers of a list in batches of two. Each field breaks it in one way.
type list struct {
	keys *[]string

	oneBatch, noStream, zeroResume, notJSON, unversioned bool // batches
	badColumn, badName, badUTF8, badRule, noPosition     bool
	drop, double, rejectOne                              bool // complete
	resumeSkips, resumeRepeats                           bool // resume
	stuck                                                bool // stepwise
	againFromStart                                       bool // again
	lenient                                              bool // foreign checkpoint
	leak                                                 bool // break
	deaf, mute                                           bool // cancel, hang
	sick                                                 bool // check
	otherStreams, fewerColumns                           bool // discover
	windowLoses, windowResumeLoses                       bool // window
	tell                                                 bool // secrets
	ackFails, ackForgets                                 bool // acknowledge
	blind                                                bool // grow
	hang                                                 chan struct{}

	acked bool
}

type position struct{ Next int }

func (l *list) Read(ctx context.Context, from connectors.Checkpoint) iter.Seq2[connectors.Batch, error] {
	return func(yield func(connectors.Batch, error) bool) {
		p, err := l.position(from)
		if err != nil {
			yield(connectors.Batch{}, err)
			return
		}
		if l.againFromStart && p.Next == len(*l.keys) {
			p.Next = 0
		}
		if l.ackForgets && l.acked {
			p.Next = 0
		}
		if l.blind && p.Next > 0 {
			return
		}
		l.run(ctx, p.Next, len(*l.keys), yield)
	}
}

func (l *list) position(from connectors.Checkpoint) (p position, err error) {
	if from.IsZero() || l.lenient && from.Version != 1 {
		return p, nil
	}
	if from.Version != 1 {
		return p, fmt.Errorf("version %d: %w", from.Version, connectors.ErrCheckpoint)
	}
	if json.Unmarshal(from.Data, &p) != nil && !l.lenient {
		return p, fmt.Errorf("reading the point: %w", connectors.ErrCheckpoint)
	}
	if l.resumeSkips && p.Next > 0 {
		p.Next = min(p.Next+1, len(*l.keys))
	}
	if l.resumeRepeats && p.Next > 0 {
		p.Next--
	}
	return p, nil
}

func (l *list) run(ctx context.Context, next, end int, yield func(connectors.Batch, error) bool) {
	if l.leak {
		go func() { <-context.WithoutCancel(ctx).Done(); select {} }()
	}
	if l.hang != nil {
		close(l.hang)
		if l.deaf {
			select {}
		}
		<-ctx.Done()
	}
	size := 2
	if l.oneBatch {
		size = 1000
	}
	for next < end {
		if ctx.Err() != nil && !l.deaf {
			if !l.mute {
				yield(connectors.Batch{}, ctx.Err())
			}
			return
		}
		stop := min(next+size, end)
		b := l.batch((*l.keys)[next:stop], stop)
		next = stop
		if !yield(b, nil) {
			return
		}
	}
	if ctx.Err() != nil && !l.deaf && !l.mute {
		yield(connectors.Batch{}, ctx.Err())
	}
}

func (l *list) batch(keys []string, stop int) connectors.Batch {
	b := connectors.NewBuilder("id", "text")
	for i, k := range keys {
		if l.drop && k == "3" {
			continue
		}
		b.Set(0, k)
		if l.badUTF8 && i == 0 {
			b.SetBytes(1, []byte{0xff})
		}
		b.EndRow()
		if l.double && k == "3" {
			b.Set(0, k)
			b.EndRow()
		}
	}
	at := position{stop}
	if l.stuck && stop > 2 && stop < len(*l.keys) {
		at.Next = 2
	}
	data, _ := json.Marshal(at)
	out := connectors.Batch{Stream: "numbers", Records: b.Take(), Resume: connectors.Checkpoint{Version: 1, Data: data}}
	switch {
	case l.noStream:
		out.Stream = ""
	case l.zeroResume:
		out.Resume = connectors.Checkpoint{}
	case l.notJSON:
		out.Resume.Data = []byte("{")
	case l.unversioned:
		out.Resume.Version = 0
	case l.badRule:
		out.Rejects = []connectors.Reject{{Rule: "Bad row!", Position: "item 1", Message: "x", MessageZH: "x"}}
	case l.noPosition:
		out.Rejects = []connectors.Reject{{Rule: "bad_row", Message: "x", MessageZH: "x"}}
	case l.tell:
		out.Notes = []connectors.Note{{Rule: "x", Message: "the password is swordfish"}}
	case l.rejectOne && stop == 2:
		out.Rejects = []connectors.Reject{{Rule: "bad_row", Position: "item 1", Message: "x", MessageZH: "x"}}
	case l.badColumn:
		out.Records = numbersColumn(int(out.Records.NumRows()))
	case l.badName:
		f := arrow.Field{Name: "id", Type: arrow.BinaryTypes.String, Nullable: true}
		c := out.Records.Column(0)
		out.Records = array.NewRecordBatch(arrow.NewSchema([]arrow.Field{f, f}, nil), []arrow.Array{c, c}, out.Records.NumRows())
	}
	return out
}

func numbersColumn(rows int) arrow.RecordBatch {
	ib := array.NewInt64Builder(memory.DefaultAllocator)
	for i := range rows {
		ib.Append(int64(i))
	}
	f := arrow.Field{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true}
	return array.NewRecordBatch(arrow.NewSchema([]arrow.Field{f}, nil), []arrow.Array{ib.NewArray()}, int64(rows))
}

func (l *list) Check(context.Context) error {
	if l.sick {
		return errors.New("sick")
	}
	return nil
}

func (l *list) Discover(context.Context) ([]connectors.Stream, error) {
	s := connectors.Stream{Name: "numbers", Columns: []string{"id", "text"}}
	if l.otherStreams {
		s.Name = "letters"
	}
	if l.fewerColumns {
		s.Columns = []string{"text"}
	}
	return []connectors.Stream{s}, nil
}

func (l *list) ReadWindow(ctx context.Context, from, to time.Time, at connectors.Checkpoint) iter.Seq2[connectors.Batch, error] {
	return func(yield func(connectors.Batch, error) bool) {
		start, end := from.Minute(), to.Minute()
		if p, err := l.position(at); err == nil && p.Next > 0 {
			start = p.Next
			if l.windowResumeLoses {
				start++
			}
		}
		if l.windowLoses {
			end--
		}
		l.run(ctx, start, end, yield)
	}
}

func (l *list) Ack(context.Context, connectors.Checkpoint) error {
	if l.ackFails && l.acked {
		return errors.New("acknowledged already")
	}
	l.acked = true
	return nil
}

type settings struct {
	Size int `yaml:"size"`
}

func (s settings) Validate() []connectors.Problem {
	if s.Size < 0 {
		return []connectors.Problem{{Path: "size", Message: "must not be negative"}}
	}
	return nil
}

func kind() connectors.Kind {
	return connectors.Define("list", "a list", "列表", settings{Size: 2}, func(connectors.Env, settings) (connectors.Source, error) {
		return &list{}, nil
	})
}

// harness is over eight numbers; spoil breaks each source it opens.
func harness(t *testing.T, spoil func(*list)) Harness {
	keys := numbers(0, 8)
	var ack bool
	minute := func(m int) time.Time { return time.Date(2024, 1, 1, 0, m, 0, 0, time.UTC) }
	h := Harness{
		Kind: kind(), Testdata: settingsDir(t, "size: -1\n", "line 1: size: must not be negative\n"),
		KeyColumn: "id", Keys: numbers(0, 8), Patience: 2 * time.Second, Secrets: []string{"swordfish"},
		Grow: func(*testing.T) []string {
			keys = append(keys, numbers(8, 11)...)
			return numbers(8, 11)
		},
		Window: &Window{From: minute(1), To: minute(7), Keys: numbers(1, 7)},
	}
	h.Open = func(t *testing.T) connectors.Source {
		l := &list{keys: &keys, acked: ack}
		spoil(l)
		t.Cleanup(func() { ack = ack || l.acked })
		return remember{l, &ack}
	}
	h.Hang = func(*testing.T) (connectors.Source, <-chan struct{}) {
		l := &list{keys: &keys, hang: make(chan struct{})}
		spoil(l)
		return l, l.hang
	}
	return h
}

// remember keeps the acknowledgement beyond one source, as an upstream would.
type remember struct {
	*list
	ack *bool
}

func (r remember) Ack(ctx context.Context, c connectors.Checkpoint) error {
	err := r.list.Ack(ctx, c)
	*r.ack = *r.ack || r.acked
	return err
}

func numbers(from, to int) (out []string) {
	for i := from; i < to; i++ {
		out = append(out, strconv.Itoa(i))
	}
	return out
}

func settingsDir(t *testing.T, bad, message string) string {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.good.yaml": "size: 3\n", "b.bad.yaml": bad, "b.bad.txt": message} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTrueSourcePasses(t *testing.T) {
	Run(t, harness(t, func(*list) {}))
}

// TestTwins breaks the source in one way at a time and requires the check to see it.
func TestTwins(t *testing.T) {
	spoil := func(f func(*list)) func(*testing.T) Harness {
		return func(t *testing.T) Harness { return harness(t, f) }
	}
	change := func(f func(*testing.T, *Harness)) func(*testing.T) Harness {
		return func(t *testing.T) Harness {
			h := harness(t, func(*list) {})
			f(t, &h)
			return h
		}
	}
	twins := []struct {
		check, name string
		harness     func(*testing.T) Harness
		message     string
	}{
		{"batches", "one batch only", spoil(func(l *list) { l.oneBatch = true }), "at least 3"},
		{"batches", "no stream", spoil(func(l *list) { l.noStream = true }), "no stream name"},
		{"batches", "zero checkpoint", spoil(func(l *list) { l.zeroResume = true }), "checkpoint is zero"},
		{"batches", "checkpoint not JSON", spoil(func(l *list) { l.notJSON = true }), "not JSON"},
		{"batches", "checkpoint without version", spoil(func(l *list) { l.unversioned = true }), "no version"},
		{"batches", "typed column", spoil(func(l *list) { l.badColumn = true }), "not a nullable utf8"},
		{"batches", "column twice", spoil(func(l *list) { l.badName = true }), "two columns"},
		{"batches", "ill-encoded value", spoil(func(l *list) { l.badUTF8 = true }), "not valid UTF-8"},
		{"batches", "reject rule", spoil(func(l *list) { l.badRule = true }), "short code"},
		{"batches", "reject without position", spoil(func(l *list) { l.noPosition = true }), "position"},
		{"complete", "loses one", spoil(func(l *list) { l.drop = true }), "1 records lost"},
		{"complete", "doubles one", spoil(func(l *list) { l.double = true }), "1 records too many"},
		{"complete", "rejects one", spoil(func(l *list) { l.rejectOne = true }), "1 rejects, want 0"},
		{"resume", "loses at the edge", spoil(func(l *list) { l.resumeSkips = true }), "lost"},
		{"resume", "undeclared overlap", spoil(func(l *list) { l.resumeRepeats = true }), "too many"},
		{"stepwise", "no progress", spoil(func(l *list) { l.stuck = true }), "no progress"},
		{"again", "from the start", spoil(func(l *list) { l.againFromStart = true }), "too many"},
		{"foreign_checkpoint", "lenient", spoil(func(l *list) { l.lenient = true }), "want ErrCheckpoint"},
		{"break", "goroutine left", spoil(func(l *list) { l.leak = true }), "after a break"},
		{"cancel", "goes on", spoil(func(l *list) { l.deaf = true }), "want context.Canceled"},
		{"cancel", "silent end", spoil(func(l *list) { l.mute = true }), "want context.Canceled"},
		{"hang", "never ends", spoil(func(l *list) { l.deaf = true }), "did not end"},
		{"check", "sick", spoil(func(l *list) { l.sick = true }), "sick"},
		{"discover", "other streams", spoil(func(l *list) { l.otherStreams = true }), "does not list"},
		{"discover", "fewer columns", spoil(func(l *list) { l.fewerColumns = true }), "column \"id\" of stream"},
		{"window", "loses", spoil(func(l *list) { l.windowLoses = true }), "lost"},
		{"window", "resuming loses", spoil(func(l *list) { l.windowResumeLoses = true }), "lost"},
		{"secrets", "tells", spoil(func(l *list) { l.tell = true }), "secret 0"},
		{"acknowledge", "only once", spoil(func(l *list) { l.ackFails = true }), "acknowledged already"},
		{"acknowledge", "forgets", spoil(func(l *list) { l.ackForgets = true }), "too many"},
		{"grow", "blind", spoil(func(l *list) { l.blind = true }), "lost"},
		{"settings", "bad accepted", change(func(t *testing.T, h *Harness) {
			h.Testdata = settingsDir(t, "size: 5\n", "line 1: size: must not be negative\n")
		}), "b.bad.yaml is accepted"},
		{"settings", "other message", change(func(t *testing.T, h *Harness) {
			h.Testdata = settingsDir(t, "size: -1\n", "size is wrong\n")
		}), "another message"},
		{"settings", "no files", change(func(t *testing.T, h *Harness) { h.Testdata = t.TempDir() }), "0 files"},
	}
	all := checks()
	for _, c := range all {
		if !slices.ContainsFunc(twins, func(tw struct {
			check, name string
			harness     func(*testing.T) Harness
			message     string
		}) bool {
			return tw.check == c.name
		}) {
			t.Errorf("check %q has no failing twin", c.name)
		}
	}
	for _, tw := range twins {
		t.Run(tw.check+"/"+tw.name, func(t *testing.T) {
			i := slices.IndexFunc(all, func(c check) bool { return c.name == tw.check })
			if i < 0 {
				t.Fatalf("no check %q", tw.check)
			}
			err := all[i].run(t, tw.harness(t))
			if err == nil {
				t.Fatal("the broken source passes the check")
			}
			if !strings.Contains(err.Error(), tw.message) {
				t.Errorf("the check fails for another reason: %v", err)
			}
		})
	}
}
