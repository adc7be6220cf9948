package filedrop_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"onegrid/connectors"
)

// TestRealFiles counts the records of files that nobody here made. They are not part of the repository.
func TestRealFiles(t *testing.T) {
	data := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(data); err != nil {
		t.Skip("../shared/data, the real files, is not beside the repository")
	}
	for name, c := range map[string]struct {
		dir, pattern, settings string
		rows, columns          int
	}{
		"chicago":   {"chicago311_day1", "*.csv", "required: [sr_number, parent_sr_number]\n", 2953, 37},
		"baltimore": {"baltimore311", "*.csv", "", 10_000, 26},
		"petitions": {"petitions_cn", "附件3.xlsx", "required: [留言编号, 留言时间]\n", 4326, 7},
		"streets":   {"china_divisions", "streets.csv", "", 41_352, 5},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := filepath.Abs(filepath.Join(data, c.dir))
			if err != nil {
				t.Fatal(err)
			}
			s := openWith(t, dir, 1000, "patterns: ['"+c.pattern+"']\n"+c.settings)
			g := read(t, s, connectors.Checkpoint{})
			if g.err != nil || len(g.rows) != c.rows || len(g.rejects) != 0 {
				t.Fatalf("%d rows, %d rejects, error %v; want %d rows", len(g.rows), len(g.rejects), g.err, c.rows)
			}
			streams, err := s.(connectors.Discoverer).Discover(t.Context())
			if err != nil || len(streams[0].Columns) != c.columns {
				t.Errorf("%d columns, error %v; want %d", len(streams[0].Columns), err, c.columns)
			}
			if name != "petitions" {
				return
			}
			text, serial, other := 0, 0, 0
			slash := regexp.MustCompile(`\|留言时间=\d{4}/\d+/\d+ \d+:\d+(:\d+)?\|`)
			canonical := regexp.MustCompile(`\|留言时间=20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\|`)
			for _, r := range g.rows {
				switch {
				case slash.MatchString(r):
					text++
				case canonical.MatchString(r):
					serial++
				default:
					other++
				}
			}
			if text != 4197 || serial != 129 || other != 0 {
				t.Errorf("%d times as text, %d from serial numbers, %d others; want 4197, 129, 0", text, serial, other)
			}
		})
	}
}
