package worker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"onegrid/query"
	"onegrid/query/worker"
)

// bombs are statements that take all memory or time if they are let. None is stopped by the engine's own memory limit
// and an interrupt alone.
func bombs() []string {
	return []string{
		"SELECT len(range(2000000000))",
		"SELECT length(repeat('x', 4000000000))",
		"SELECT list_sort(range(200000000))[1]",
		"SELECT levenshtein(repeat('ab', 100000), repeat('ba', 100000))",
		"SELECT list_transform(range(100000), x -> list_transform(range(100000), y -> x * y))[1][1]",
		"SELECT length(lpad('x', 2000000000, 'y'))",
		"SELECT length(printf('%2147483647d', 1))",
		"SELECT bit_count(bitstring('1', 2000000000))",
		"SELECT count(*) FROM (SELECT unnest(range(100000000)) AS x) WHERE x % 2 = 0",
		"SELECT 1 " + strings.Repeat("UNION ALL SELECT 1 ", 20_000),
		"WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 1000000000) SELECT count(*) FROM r",
		"SELECT count(*) FROM event a, event b, event c WHERE a.note || b.note < c.note",
		"SELECT string_agg(a.note || b.note, ',') FROM event a, event b",
		"SELECT list(a.note || b.note) FROM event a, event b",
		"SELECT a.note || b.note AS x, count(*) FROM event a, event b GROUP BY x ORDER BY x",
		"SELECT * FROM event a, event b ORDER BY a.note || b.note DESC",
		"SELECT regexp_matches(repeat('a', 100000), '(a*)*(a*)*(a*)*b') FROM range(100000)",
		"SELECT md5(string_agg(x::VARCHAR, '')) FROM range(300000000) r(x)",
		"SELECT " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000),
		"SELECT count(*) FROM generate_series(TIMESTAMP '0001-01-01', TIMESTAMP '9999-12-31', INTERVAL 1 MICROSECOND)",
		"SELECT repeat(note, 1000000) FROM event",
		"SELECT histogram(a.note || b.note) FROM event a, event b",
		"SELECT list_reduce(range(50000000), (x, y) -> x + y)",
		"SELECT DISTINCT a.note || b.note || c.note FROM event a, event b, event c",
		"SELECT array_to_string(range(300000000), ',')",
		"SELECT count(*) FROM event a LEFT JOIN event b ON a.note <> b.note LEFT JOIN event c ON b.note <> c.note",
	}
}

// Every bomb ends by its deadline and a second, within its memory, and the next statement is answered at once.
func TestBombs(t *testing.T) {
	if instrumented {
		t.Skip("an instrumented binary has no limit on its address space")
	}
	cfg := config()
	p := open(t, cfg, func(p *worker.Pool) { p.Ungated(false) })
	use(t, p, publish(t, 1, setup()...))
	must(t, p, "SELECT 1")
	const deadline = time.Second
	results := map[query.Code]int{}
	for _, sql := range bombs() {
		name := sql[:min(len(sql), 60)]
		st := ask(sql)
		st.Timeout = deadline
		began := time.Now()
		_, stats, report, err := runReport(t, p, st)
		took, peak := time.Since(began), max(stats.PeakRSS, report.PeakRSS)
		c := code(t, err)
		results[c]++
		t.Logf("%6d ms %-14s peak %4d MB  %s", took.Milliseconds(), c, peak>>20, name)
		if took > deadline+1500*time.Millisecond { // a second of grace, and the reaping of 2 GB on two shared cores
			t.Errorf("%s: ended after %v", name, took)
		}
		if peak < 1<<20 || peak > 1536<<20+256<<20 {
			t.Errorf("%s: %d MB resident", name, peak>>20)
		}
		switch c {
		case "", query.OutOfMemory, query.Timeout, query.Invalid, query.Syntax:
		default:
			t.Errorf("%s: %s: %v", name, c, err)
		}
		began = time.Now()
		if got := must(t, p, "SELECT count(*) FROM event"); got[0] != fmt.Sprint(rows) {
			t.Errorf("after %s: %v", name, got)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("after %s the next statement took %v", name, took)
		}
	}
	t.Log(results)
}
