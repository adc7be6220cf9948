package worker_test

import (
	"strings"
	"testing"
	"time"

	"onegrid/query"
	"onegrid/query/worker"
)

func TestParameters(t *testing.T) {
	p := open(t, config())
	use(t, p, publish(t, 1, setup()...))
	at := time.Date(2026, 1, 1, 8, 0, 0, 0, time.FixedZone("", 8*3600))
	for _, c := range []struct {
		sql    string
		params []query.Param
		want   string
	}{
		{"SELECT typeof($1)", []query.Param{{Value: int64(1)}}, "BIGINT"},
		{"SELECT typeof($1)", []query.Param{{Value: "1", Type: "INTEGER"}}, "INTEGER"},
		{"SELECT typeof($1)", []query.Param{{Value: "1.50", Type: "DECIMAL(10,2)"}}, "DECIMAL(10,2)"},
		{"SELECT typeof($1)", []query.Param{{Value: "1.50", Type: "NUMERIC"}}, "DECIMAL(3,2)"},
		{"SELECT $1::VARCHAR", []query.Param{{Value: "-0.05", Type: "DECIMAL(10,2)"}}, "-0.05"},
		{"SELECT typeof($1)", []query.Param{{Value: 1.5}}, "DOUBLE"},
		{"SELECT typeof($1)", []query.Param{{Value: true}}, "BOOLEAN"},
		{"SELECT typeof($1)", []query.Param{{Value: at}}, "TIMESTAMP WITH TIME ZONE"},
		{"SELECT ($1 = TIMESTAMPTZ '2026-01-01 08:00:00')", []query.Param{{Value: at}}, "true"},
		{"SELECT ($1 = TIMESTAMPTZ '2026-01-01 08:00:00')", []query.Param{{Value: "2026-01-01 08:00:00", Type: "TIMESTAMPTZ"}}, "true"},
		{"SELECT ($1 = TIMESTAMPTZ '2026-01-01 08:00:00')", []query.Param{{Value: "2026-01-01T00:00:00Z", Type: "TIMESTAMPTZ"}}, "true"},
		{"SELECT $1::VARCHAR", []query.Param{{Value: "2026-01-01T00:00:00Z", Type: "TIMESTAMP"}}, "2026-01-01 08:00:00"},
		{"SELECT $1::VARCHAR", []query.Param{{Value: at, Type: "DATE"}}, "2026-01-01"},
		{"SELECT $1::VARCHAR", []query.Param{{Value: "1969-12-31", Type: "DATE"}}, "1969-12-31"},
		{"SELECT $1::VARCHAR", []query.Param{{Value: "23:59:01.5", Type: "TIME"}}, "23:59:01.5"},
		{"SELECT $1::VARCHAR", []query.Param{{Value: "0190d3a6-0000-7000-8000-00000000abcd", Type: "UUID"}}, "0190d3a6-0000-7000-8000-00000000abcd"},
		{"SELECT $1::VARCHAR", []query.Param{{Value: "170141183460469231731687303715884", Type: "HUGEINT"}}, "170141183460469231731687303715884"},
		{"SELECT $1::VARCHAR", []query.Param{{Value: "-5", Type: "HUGEINT"}}, "-5"},
		{"SELECT length($1)", []query.Param{{Value: "北京'; DROP TABLE event; --"}}, "25"},
		{"SELECT octet_length($1::BLOB)", []query.Param{{Value: []byte{0, 1, 255}}}, "3"},
		{"SELECT $1 IS NULL", []query.Param{{}}, "true"},
		{"SELECT count(*) FROM event WHERE event_id = $1", []query.Param{{Value: "7"}}, "1"},
		{"SELECT count(*) FROM event WHERE reported_at < $1", []query.Param{{Value: "2026-01-01 00:01:00"}}, "1"},
		{"SELECT count(*) FROM event WHERE county = $c AND category = $k", []query.Param{{Value: "990100"}, {Value: int64(0)}}, "30"},
		{"SELECT ? || ?", []query.Param{{Value: "a"}, {Value: "b"}}, "ab"},
		{"SELECT $1 || $1", []query.Param{{Value: "a"}}, "aa"},
	} {
		st := ask(c.sql)
		st.Params = c.params
		got, _, err := run(t, p, st)
		if err != nil || len(got) != 1 || got[0] != c.want {
			t.Errorf("%s with %v: %v %v", c.sql, c.params, got, err)
		}
	}
	for _, c := range []struct {
		sql    string
		params []query.Param
		code   query.Code
	}{
		{"SELECT $1", nil, query.Invalid},
		{"SELECT $1", []query.Param{{Value: "a"}, {Value: "b"}}, query.Invalid},
		{"SELECT $1", []query.Param{{Value: "secretvalue", Type: "INTEGER"}}, query.Invalid},
		{"SELECT $1", []query.Param{{Value: "300", Type: "TINYINT"}}, query.Invalid},
		{"SELECT $1", []query.Param{{Value: "1.555", Type: "DECIMAL(4,2)"}}, query.Invalid},
		{"SELECT $1", []query.Param{{Value: "12345", Type: "DECIMAL(4,2)"}}, query.Invalid},
		{"SELECT $1", []query.Param{{Value: "x", Type: "INTEGER[]"}}, query.Invalid},
		{"SELECT $1", []query.Param{{Value: "x", Type: "SECRETVALUE); DROP TABLE event"}}, query.Invalid},
		{"SELECT $1", []query.Param{{Value: "2026-13-01", Type: "DATE"}}, query.Invalid},
		{"SELECT $1", []query.Param{{Value: 1}}, query.Unsupported},
	} {
		st := ask(c.sql)
		st.Params = c.params
		_, _, err := run(t, p, st)
		if got := code(t, err); got != c.code {
			t.Errorf("%s with %v: %s %v", c.sql, c.params, got, err)
			continue
		}
		if text := strings.ToLower(err.Error()); strings.Contains(text, "secretvalue") || strings.Contains(text, "2026-13") || strings.Contains(text, "12345") {
			t.Errorf("a value in an error: %v", err)
		}
	}
}

// The limits of the processes themselves.
func TestWorkersAreConfined(t *testing.T) {
	p := open(t, config())
	use(t, p, publish(t, 1, setup()...))
	must(t, p, "SELECT 1")
	eventually(t, func() bool { return p.Counts(city()).Idle == 2 })
	for _, h := range p.Hellos() {
		t.Logf("%+v", h)
		if h.Checks < 16 {
			t.Errorf("%d self-tests", h.Checks)
		}
		confined(t, h.PID)
	}
	if _, err := worker.NewPool(worker.Config{User: "root"}, discard()); isRoot() && err == nil {
		t.Error("workers may run as root")
	}
}
