package connectors_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"onegrid/connectors"
	"onegrid/connectors/connectortest"
)

// Logbook is the settings of a kind that reads a text file to which an old system appends "id|time|text" lines.
type Logbook struct {
	File string `yaml:"file" doc:"the file, relative to the configuration folder" doczh:"文件,相对配置目录"`
}

// Validate reports what is wrong with the settings.
func (c Logbook) Validate() []connectors.Problem {
	if !filepath.IsLocal(c.File) {
		return []connectors.Problem{{Path: "file", Message: "must name a file inside the configuration folder", Hint: "for instance drop/logbook.txt"}}
	}
	return nil
}

// LogbookKind is what connectors/builtin would list.
func LogbookKind() connectors.Kind {
	return connectors.Define("logbook", "A text file that grows", "不断追加的文本文件", Logbook{},
		func(env connectors.Env, c Logbook) (connectors.Source, error) { return logbook{env, c}, nil })
}

type logbook struct {
	env connectors.Env
	cfg Logbook
}

type place struct{ Lines int } // the checkpoint: lines read so far

func (s logbook) Read(ctx context.Context, from connectors.Checkpoint) iter.Seq2[connectors.Batch, error] {
	return func(yield func(connectors.Batch, error) bool) {
		var at place
		if !from.IsZero() && (from.Version != 1 || json.Unmarshal(from.Data, &at) != nil) {
			yield(connectors.Batch{}, fmt.Errorf("reading %s: %w", s.cfg.File, connectors.ErrCheckpoint))
			return
		}
		f, err := os.Open(filepath.Join(s.env.Dir, s.cfg.File))
		if err != nil {
			yield(connectors.Batch{}, &connectors.Error{Op: "opening the logbook", Source: s.env.SourceID, Err: err, Hint: "check the file's path and owner", HintZH: "请检查文件路径与属主"})
			return
		}
		defer f.Close()
		b := connectors.NewBuilder("id", "time", "text")
		batch := connectors.Batch{Stream: s.cfg.File, Origin: s.cfg.File}
		send := func() bool {
			data, _ := json.Marshal(at)
			batch.Records, batch.Resume = b.Take(), connectors.Checkpoint{Version: 1, Data: data}
			ok := yield(batch, nil)
			batch.Rejects = nil
			return ok
		}
		lines := bufio.NewReader(f)
		for n := 1; ; n++ {
			line, err := lines.ReadString('\n')
			if err == io.EOF {
				break // a line without its end is still being written: next time
			} else if err != nil {
				yield(connectors.Batch{}, fmt.Errorf("reading %s: %w", s.cfg.File, err))
				return
			}
			if err := ctx.Err(); err != nil {
				yield(connectors.Batch{}, err)
				return
			}
			if n <= at.Lines {
				continue
			}
			at.Lines = n
			fields := strings.Split(strings.TrimSpace(line), "|")
			if len(fields) != 3 {
				batch.Rejects = append(batch.Rejects, connectors.Reject{Position: fmt.Sprintf("line %d", n), Rule: "bad_row",
					Message: "the line has not three fields", MessageZH: "该行不是三个字段", Raw: []byte(line)})
				continue
			}
			for i, v := range fields {
				b.Set(i, v)
			}
			b.EndRow()
			if b.Rows() == s.env.Rows() && !send() {
				return
			}
		}
		if b.Rows() > 0 || len(batch.Rejects) > 0 {
			send()
		}
	}
}

// A kind of one's own: settings, a registry, and a source that is read from its last checkpoint.
func Example() {
	dir, err := os.MkdirTemp("", "logbook")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "log.txt"), []byte("1|2026-01-02 08:00:00|路灯不亮\n2|2026-01-02 08:05:00\n3|2026-01-02 08:10:00|井盖缺损\n"), 0o600); err != nil {
		panic(err)
	}
	reg, err := connectors.NewRegistry(LogbookKind())
	if err != nil {
		panic(err)
	}
	var settings yaml.Node
	if err := yaml.Unmarshal([]byte("file: log.txt"), &settings); err != nil {
		panic(err)
	}
	src, err := reg.Open("logbook", connectors.Env{SourceID: "night_shift", Dir: dir}, &settings)
	if err != nil {
		panic(err)
	}
	for b, err := range src.Read(context.Background(), connectors.Checkpoint{}) {
		if err != nil {
			panic(err)
		}
		fmt.Println(b.Records.NumRows(), "records, resume", string(b.Resume.Data))
		for _, r := range b.Rejects {
			fmt.Println(r.Position, r.Rule)
		}
		b.Records.Release()
	}
	// Output:
	// 2 records, resume {"Lines":3}
	// line 2 bad_row
}

// TestLogbook is all that a kind's test needs for the contract.
func TestLogbook(t *testing.T) {
	dir := t.TempDir()
	var keys []string
	var text strings.Builder
	write := func(from, to int) (added []string) {
		for i := from; i < to; i++ {
			added = append(added, fmt.Sprint(i))
			fmt.Fprintf(&text, "%d|2026-01-02 08:00:00|x\n", i)
		}
		if err := os.WriteFile(filepath.Join(dir, "log.txt"), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return added
	}
	keys = write(0, 8)
	connectortest.Run(t, connectortest.Harness{
		Kind: LogbookKind(), Testdata: "-", KeyColumn: "id", Keys: keys,
		Open: func(*testing.T) connectors.Source {
			return logbook{connectors.Env{SourceID: "night_shift", Dir: dir, BatchRows: 2}, Logbook{File: "log.txt"}}
		},
		Grow: func(*testing.T) []string { return write(8, 11) },
	})
}
