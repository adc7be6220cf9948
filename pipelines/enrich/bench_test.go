package enrich_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"onegrid/catalog"
	"onegrid/pipelines/enrich"
)

// cityCatalog is the example city, the size of a real district: 40 communities, 165 grids, 100 unit grids.
func cityCatalog(tb testing.TB) *catalog.Catalog {
	tb.Helper()
	tb.Setenv("ONEGRID_CITY_110", "1")
	tb.Setenv("ONEGRID_CITY_DROP", "drop")
	tb.Setenv("ONEGRID_CITY_DB", "city.db")
	c, err := catalog.Load(filepath.Join("..", "..", "configs", "city"))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// cpu is the processor time of the process so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkApply measures processor time for each record: every record with a point in the declared system, a source
// county and a category; one in ten with a closure category.
func BenchmarkApply(b *testing.B) {
	cat := cityCatalog(b)
	e, err := enrich.New(cat)
	if err != nil {
		b.Fatal(err)
	}
	const rows = 8192
	codes := []string{"600601", "600602", "601301", "100100", "300401", "501201", "990100", "200302"}
	for _, c := range []struct {
		crs    string
		dx, dy float64
		code   bool
	}{{"wgs84", 0, 0, false}, {"gcj02", 0.0055, -0.0019, false}, {"bd09ll", 0.0119, 0.0043, false}, {"bd09ll", 0.0119, 0.0043, true}} {
		r := rand.New(rand.NewPCG(3, 4))
		in := make([]row, rows)
		for i := range in {
			in[i] = row{x: at(119.27 + r.Float64()*0.26 + c.dx), y: at(32.30 + r.Float64()*0.2 + c.dy), crs: c.crs,
				county: fmt.Sprintf("99010%d", 1+r.IntN(4)), scheme: "police_110", version: "2013", code: codes[r.IntN(len(codes))]}
			if c.code {
				in[i].county, in[i].community = "", fmt.Sprintf("99010%d001001", 1+r.IntN(4))
			}
			if i%10 == 0 {
				in[i].end = "600601"
			}
		}
		name := c.crs
		if c.code {
			name += "_with_community"
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var spent time.Duration
			for b.Loop() {
				b.StopTimer()
				d := draft(in)
				b.StartTimer()
				start := cpu()
				rep, err := e.Apply(d, enrich.Meta{SourceID: "police_110"})
				spent += cpu() - start
				if err != nil || rep.Points != rows {
					b.Fatal(rep, err)
				}
				d.Release()
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/rows, "cpu-ns/record")
		})
	}
}
