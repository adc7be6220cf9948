package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onegrid/internal/city"
)

// TestCutRecords cuts a real file, whose quoted fields hold line breaks, and looks for the same records in the pieces.
func TestCutRecords(t *testing.T) {
	c, err := city.New(city.Config{Seed: 1, Records: 6000, Days: 30})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.WriteHotlineCSV(&b, 2000, city.UTF8); err != nil {
		t.Fatal(err)
	}
	head, parts := cutRecords(b.Bytes(), 16)
	if len(parts) < 15 || len(parts) > 17 {
		t.Errorf("%d pieces, want about 16", len(parts))
	}
	if whole := append(bytes.Clone(head), bytes.Join(parts, nil)...); !bytes.Equal(whole, b.Bytes()) {
		t.Error("the pieces together are not the file")
	}
	if n := bytes.Count(head, []byte("\n")); n != 1 {
		t.Errorf("header of %d lines", n)
	}
	broken := 0
	for i, p := range parts {
		if bytes.Count(p, []byte(`"`))%2 != 0 || p[len(p)-1] != '\n' {
			t.Errorf("piece %d ends within a record", i)
		}
		broken += bytes.Count(p, []byte("\n"))
	}
	if broken <= 2000 {
		t.Error("no record has a line break: the file does not test what it should")
	}
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		q    float64
		want float64
	}{
		{nil, 0.5, 0}, {[]float64{7}, 0.5, 7}, {[]float64{3, 1, 2}, 0.5, 2}, {[]float64{4, 1, 2, 3}, 0.5, 2.5}, {[]float64{1, 2, 3, 4, 5}, 1, 5},
	} {
		if got := quantile(slices.Clone(c.v), c.q); got != c.want {
			t.Errorf("quantile(%v, %v) = %v, want %v", c.v, c.q, got, c.want)
		}
	}
}

// TestRunNames wants a wrong name to fail before anything is measured, and to say which names there are.
func TestRunNames(t *testing.T) {
	err := run(t.Context(), options{names: "ingest_file,ingest_fiel", dir: t.TempDir()}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), `no benchmark "ingest_fiel"`) || !strings.Contains(err.Error(), "commit_1k_into_10m") {
		t.Fatal(err)
	}
}

// TestLines wants the names that make bench prints by default to be those of the issue.
func TestLines(t *testing.T) {
	var got []string
	for _, b := range benchmarks() {
		if !b.long {
			got = append(got, b.name)
		}
	}
	if d := cmp.Diff([]string{"ingest_file", "ingest_unchanged", "commit_1k_into_10m", "ingest_http", "ingest_sql",
		"link_incremental", "link_storm", "link_full_1m",
		"gate", "arrow_1m", "publish_1k_into_10m", "duty_room", "duty_room_20"}, got); d != "" {
		t.Error(d)
	}
}
