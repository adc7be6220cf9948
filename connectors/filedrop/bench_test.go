//go:build unix

package filedrop_test

import (
	"syscall"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"onegrid/connectors"
)

// benchmarkRead measures everything from the folder to the Arrow batch: hash, decoding, parsing, columns.
func benchmarkRead(b *testing.B, name string, content []byte, rows int, settings string) {
	dir := b.TempDir()
	drop(b, dir, name, content, 0)
	s := openWith(b, dir, 8192, settings)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	start := cpu(b)
	for b.Loop() {
		n := 0
		for batch, err := range s.Read(b.Context(), connectors.Checkpoint{}) {
			if err != nil {
				b.Fatal(err)
			}
			if batch.Records != nil {
				n += int(batch.Records.NumRows())
				batch.Records.Release()
			}
		}
		if n != rows {
			b.Fatalf("%d rows instead of %d", n, rows)
		}
	}
	b.ReportMetric(float64((cpu(b)-start).Nanoseconds())/float64(b.N)/float64(rows), "cpu-ns/record")
	b.ReportMetric(float64(len(content))/float64(rows), "B/record")
}

// cpu is the CPU time of the process so far: on a shared machine the elapsed time says little.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const benchRows = 100_000

func BenchmarkCSV(b *testing.B) { benchmarkRead(b, "a.csv", synthetic(benchRows), benchRows, "") }

func BenchmarkCSVGB18030(b *testing.B) {
	text, err := simplifiedchinese.GB18030.NewEncoder().Bytes(synthetic(benchRows))
	if err != nil {
		b.Fatal(err)
	}
	benchmarkRead(b, "a.csv", text, benchRows, "")
}
