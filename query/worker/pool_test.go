package worker_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"onegrid/query"
)

func TestAnswers(t *testing.T) {
	p := open(t, config())
	use(t, p, publish(t, 1, setup()...))
	for _, c := range []struct {
		sql    string
		params []query.Param
		want   []string
	}{
		{"SELECT count(*) FROM event", nil, []string{"20000"}},
		{"SELECT count(*) FROM event -- a comment at the end", nil, []string{"20000"}},
		{"SELECT count(*) FROM event /* another */ ;  ", nil, []string{"20000"}},
		{"SELECT event_id FROM event ORDER BY event_id DESC LIMIT 3", nil, []string{"19999", "19998", "19997"}},
		{"FROM area SELECT name ORDER BY name LIMIT 1", nil, []string{"district 0"}},
		{"WITH a AS (SELECT 1 AS x) SELECT x, x AS x FROM a", nil, []string{"1|1"}},
		{"SELECT twice(21)", nil, []string{"42"}},
		{"VALUES (1, 'a'), (2, 'b')", nil, []string{"1|a", "2|b"}},
		{"SELECT $1 + 1", []query.Param{{Value: int64(41)}}, []string{"42"}},
		{"SELECT $2 || $1", []query.Param{{Value: "b"}, {Value: "a"}}, []string{"ab"}},
		{"SELECT count(*) FROM event WHERE event_day = $1", []query.Param{{Value: "2026-01-01"}}, []string{"100"}},
		{"SELECT count(*) FROM event WHERE event_day >= $1", []query.Param{{Value: "2026-07-19", Type: "DATE"}}, []string{"100"}},
		{"SELECT sum(amount)::VARCHAR FROM event WHERE amount = $1", []query.Param{{Value: "999.00", Type: "DECIMAL(10,2)"}}, []string{"19980.00"}},
		{"SELECT TIMESTAMPTZ '2026-01-01 08:00:00' = TIMESTAMPTZ '2026-01-01 00:00:00Z'", nil, []string{"true"}},
		{"SELECT NULL::INTEGER", nil, []string{"(null)"}},
		{"SELECT 1 WHERE false", nil, nil},
	} {
		got := must(t, p, c.sql, c.params...)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.sql, d)
		}
	}
	t.Logf("%+v", p.Hellos())
}
