package audit

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
)

// One query's two records; with -cpu and b.RunParallel the callers share their syncs.
func BenchmarkPair(b *testing.B) {
	for _, clients := range []int{1, 20} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			l, err := Open(Config{Dir: b.TempDir()}, quiet())
			if err != nil {
				b.Fatal(err)
			}
			var n atomic.Int64
			b.SetParallelism(clients)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					id := fmt.Sprint(n.Add(1))
					if err := l.Start(context.Background(), Query{ID: id, User: "li", SQL: "SELECT count(*) FROM event WHERE day = ?"}); err != nil {
						b.Error(err)
					}
					if err := l.End(Outcome{ID: id, Class: "ok"}); err != nil {
						b.Error(err)
					}
				}
			})
			b.StopTimer()
			b.ReportMetric(float64(l.syncs.Load())/float64(b.N), "syncs/op")
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
