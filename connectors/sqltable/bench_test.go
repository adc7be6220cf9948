package sqltable

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"onegrid/connectors"
)

// cpu is the CPU time of this process so far: the server's is not in it.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchmarkRead reads a table of 25 columns and about 600 bytes a row, with an index on the cursor.
func benchmarkRead(b *testing.B, d *database, rows int) {
	var cols, vals []string
	text := strings.Repeat("市民反映路灯不亮", 12) // 288 bytes
	for i := range 22 {
		cols = append(cols, fmt.Sprintf("f%02d varchar(40)", i))
		vals = append(vals, fmt.Sprintf("'值%02d-45.5'", i))
	}
	d.exec(b, "CREATE TABLE to_rec (gxsj "+d.stamp+" NOT NULL, jjdbh varchar(40) NOT NULL, jjnr varchar(2000), "+strings.Join(cols, ", ")+")")
	series := map[string]string{
		"postgres": "SELECT timestamp '2024-01-01' + g * interval '1 second', lpad(g::text, 20, '0'), '%s', %s FROM generate_series(1, %d) g",
		"mysql":    "SELECT '2024-01-01' + INTERVAL seq SECOND, lpad(seq, 20, '0'), '%s', %s FROM seq_1_to_%d",
		"sqlite":   "WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < %[3]d) SELECT datetime('2024-01-01', g || ' seconds'), printf('%%020d', g), '%[1]s', %[2]s FROM s",
	}[d.name]
	d.exec(b, "INSERT INTO to_rec "+fmt.Sprintf(series, text, strings.Join(vals, ", "), rows))
	d.exec(b, "CREATE UNIQUE INDEX to_rec_cursor ON to_rec (gxsj, jjdbh)")
	if d.name == "postgres" {
		d.exec(b, "VACUUM ANALYZE to_rec")
	}
	src := d.source(b, 8192, "streams: [{name: calls, tables: [to_rec], cursor: {time: gxsj, key: jjdbh}}]\n")
	var n, size int64
	before, start := cpu(), time.Now()
	for b.Loop() {
		for batch, err := range src.Read(b.Context(), connectors.Checkpoint{}) {
			if err != nil {
				b.Fatal(err)
			}
			if batch.Records == nil {
				continue
			}
			n += batch.Records.NumRows()
			for _, c := range batch.Records.Columns() {
				for _, buf := range c.Data().Buffers()[2:] {
					size += int64(buf.Len())
				}
			}
			batch.Records.Release()
		}
	}
	if n%int64(rows) != 0 || n == 0 {
		b.Fatalf("%d rows read in readings of %d", n, rows)
	}
	b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(n)/1000, "cpu-us/record")
	b.ReportMetric(float64(n)/time.Since(start).Seconds(), "records/s")
	b.ReportMetric(float64(size)/float64(n), "B/record")
}

func benchRows() int {
	if os.Getenv("ONEGRID_BENCH_SMALL") != "" {
		return 20_000
	}
	return 300_000
}

func BenchmarkReadPostgres(b *testing.B) { benchmarkRead(b, newPostgres(b), benchRows()) }
func BenchmarkReadMariaDB(b *testing.B)  { benchmarkRead(b, newMariaDB(b), benchRows()) }
func BenchmarkReadSQLite(b *testing.B)   { benchmarkRead(b, newSQLite(b), benchRows()) }
