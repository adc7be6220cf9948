package filedrop_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"go.yaml.in/yaml/v3"

	"onegrid/connectors"
	"onegrid/connectors/filedrop"
)

// past is a modification time long enough ago for a file to count as settled.
var past = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

// drop writes a file of the given age order into dir.
func drop(t testing.TB, dir, name string, content []byte, order int) {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, content, 0o644); err != nil {
		t.Fatal(err)
	}
	at := past.Add(time.Duration(order) * time.Second)
	if err := os.Chtimes(p, at, at); err != nil {
		t.Fatal(err)
	}
}

// openWith opens a source through the registry, the way the hub does.
func openWith(t testing.TB, dir string, rows int, settings string) connectors.Source {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte("dir: "+dir+"\n"+settings), &n); err != nil {
		t.Fatal(err)
	}
	reg, err := connectors.NewRegistry(filedrop.Kind())
	if err != nil {
		t.Fatal(err)
	}
	s, err := reg.Open("filedrop", connectors.Env{SourceID: "drop", Dir: t.TempDir(), BatchRows: rows}, &n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// got is what one reading gave.
type got struct {
	rows    []string // "col=value|col=value", nulls left out
	rejects []connectors.Reject
	notes   []connectors.Note
	resumes []connectors.Checkpoint
	counts  []int // rows of each batch
	batches []connectors.Batch
	err     error
}

func (g got) last() connectors.Checkpoint {
	if len(g.resumes) == 0 {
		return connectors.Checkpoint{}
	}
	return g.resumes[len(g.resumes)-1]
}

func (g got) rules() (out []string) {
	for _, n := range g.notes {
		out = append(out, n.Rule)
	}
	return out
}

func read(t testing.TB, s connectors.Source, from connectors.Checkpoint) got {
	t.Helper()
	return readCtx(t.Context(), s, from)
}

func readCtx(ctx context.Context, s connectors.Source, from connectors.Checkpoint) (g got) {
	for b, err := range s.Read(ctx, from) {
		if err != nil {
			g.err = errors.Join(g.err, err)
			break
		}
		n := 0
		if b.Records != nil {
			n = int(b.Records.NumRows())
			for i := range n {
				var cells []string
				for c, f := range b.Records.Schema().Fields() {
					if col := b.Records.Column(c).(*array.String); col.IsValid(i) {
						cells = append(cells, f.Name+"="+col.Value(i))
					}
				}
				g.rows = append(g.rows, strings.Join(cells, "|"))
			}
			b.Records.Release()
		}
		g.counts = append(g.counts, n)
		g.rejects = append(g.rejects, b.Rejects...)
		g.notes = append(g.notes, b.Notes...)
		g.resumes = append(g.resumes, b.Resume)
		g.batches = append(g.batches, b)
	}
	return g
}

// want fails unless the reading ended cleanly with these rows and no rejects.
func (g got) want(t testing.TB, rows ...string) {
	t.Helper()
	if g.err != nil {
		t.Errorf("reading: %v", g.err)
	}
	for _, r := range g.rejects {
		t.Errorf("rejected: %s %s: %s", r.Position, r.Rule, r.Message)
	}
	g.wantRows(t, rows...)
}

func (g got) wantRows(t testing.TB, rows ...string) {
	t.Helper()
	if !slices.Equal(g.rows, rows) {
		t.Errorf("rows:\n  %s\nwant:\n  %s", strings.Join(g.rows, "\n  "), strings.Join(rows, "\n  "))
	}
}

// synthetic makes records of about 600 bytes in 24 columns with Chinese text.
func synthetic(rows int) []byte {
	var b strings.Builder
	for c := range 24 {
		if c > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "字段%02d", c)
	}
	b.WriteByte('\n')
	for i := range rows {
		fmt.Fprintf(&b, "GD%012d,2024-05-%02d 08:%02d:%02d,110101001,编造的路段%d号附近,", i, i%28+1, i%60, i%59, i)
		b.WriteString("市民反映该处路灯多日不亮影响夜间通行希望有关部门尽快派人到现场核实并维修处理结果请回复来电人本条文字为编造内容仅用于测试,")
		for c := range 18 {
			fmt.Fprintf(&b, "值%d-%d类别,", c, i%97)
		}
		b.WriteString("\"已办结，回访满意\"\n")
	}
	return []byte(b.String())
}
