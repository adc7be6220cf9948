package docgen_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"onegrid/internal/ops"
)

var (
	link   = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	fq     = regexp.MustCompile(`fqName: "(onegrid_\w+)"`)
	metric = regexp.MustCompile("`(onegrid_\\w+)`")
)

// TestLinks follows every relative link of the pages.
func TestLinks(t *testing.T) {
	root := filepath.Join("..", "..")
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	followed := 0
	for _, page := range pages {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(b), -1) {
			followed++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), filepath.FromSlash(m[1]))); err != nil {
				t.Errorf("%s: the link %s leads nowhere", filepath.Base(page), m[1])
			}
		}
	}
	if followed < 20 {
		t.Errorf("only %d links followed", followed)
	}
}

// TestMetricsAreListed compares the table of docs/operators.md with the metrics that the program registers.
func TestMetricsAreListed(t *testing.T) {
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		ops.NewMetrics("test").Registry().Describe(descs)
	}()
	have := map[string]bool{}
	for d := range descs {
		if m := fq.FindStringSubmatch(d.String()); m != nil {
			have[m[1]] = true
		}
	}
	b, err := os.ReadFile(docs("operators.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "| `onegrid_") {
			continue
		}
		cells := strings.SplitN(line, "|", 3)
		for _, m := range metric.FindAllStringSubmatch(cells[1], -1) {
			listed[m[1]] = true
			if !have[m[1]] {
				t.Errorf("docs/operators.md lists %s, which the program does not have", m[1])
			}
		}
	}
	for name := range have {
		if !listed[name] {
			t.Errorf("docs/operators.md does not list %s", name)
		}
	}
	if len(have) < 10 {
		t.Errorf("only %d metrics found", len(have))
	}
}
