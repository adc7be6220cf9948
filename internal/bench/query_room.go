package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"onegrid/docs"
	"onegrid/event"
	"onegrid/query/front"
)

const (
	roomRounds = 20               // of the ten questions, for one client
	roomShare  = 2                // engine threads, in the worker and in the engine beside it: its default
	roomTime   = 45 * time.Second // that twenty clients ask
)

// roomQuestion is a shipped question with what is bound to it.
type roomQuestion struct {
	front.Question
	param any // as a door takes it, nil for none
	plain any // as the engine takes it
}

// roomQuestions are the questions of docs/queries.sql, asked at the time of the newest report: about its day, its month
// and an incident with several reports of that month.
func roomQuestions(ctx context.Context, db *sql.DB) ([]roomQuestion, error) {
	file, err := docs.FS.Open("queries.sql")
	if err != nil {
		return nil, err
	}
	shipped, err := front.ParseQuestions(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	var now time.Time
	var incident string
	if err := db.QueryRowContext(ctx, "SELECT max(reported_at) FROM event").Scan(&now); err != nil {
		return nil, err
	}
	if err := db.QueryRowContext(ctx, "SELECT incident_id::VARCHAR FROM incident WHERE last_reported_at > $1::TIMESTAMPTZ - INTERVAL 30 DAY ORDER BY reports DESC, incident_id LIMIT 1", now).Scan(&incident); err != nil {
		return nil, fmt.Errorf("looking for an incident with several reports: %w", err)
	}
	day := now.In(event.Shanghai)
	var out []roomQuestion
	for _, q := range shipped {
		r := roomQuestion{Question: q}
		if len(q.Params) > 1 {
			return nil, fmt.Errorf("question %s has %d parameters, this benchmark binds one", q.Name, len(q.Params))
		}
		if len(q.Params) == 1 {
			switch p := q.Params[0]; {
			case p.Type == "TIMESTAMPTZ":
				r.param, r.plain = now.Format(time.RFC3339Nano), now
			case p.Type == "UUID":
				r.param, r.plain = incident, incident
			case p.Type == "DATE" && strings.HasPrefix(p.Doc, "first"):
				r.param = day.AddDate(0, 0, 1-day.Day()).Format(time.DateOnly)
				r.plain = r.param
			case p.Type == "DATE":
				r.param = day.Format(time.DateOnly)
				r.plain = r.param
			default:
				return nil, fmt.Errorf("question %s wants a %s", q.Name, p.Type)
			}
		}
		out = append(out, r)
	}
	if len(out) != 10 {
		return nil, fmt.Errorf("there are %d questions", len(out))
	}
	return out, nil
}

// body is a question as POST /v1/sql takes it.
func (q roomQuestion) body() map[string]any {
	b := map[string]any{"query": q.Name}
	if q.param != nil {
		b["params"] = []any{q.param}
	}
	return b
}

// askPlain asks the engine in this process. The parameter has its type, as the door binds it.
func (q roomQuestion) askPlain(ctx context.Context, db *sql.DB) (n int64, err error) {
	text := q.SQL
	var args []any
	if q.plain != nil {
		text, args = strings.ReplaceAll(text, "$1", "$1::"+q.Params[0].Type), []any{q.plain}
	}
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

// measureRoom asks the ten questions in turn: through the front, and in an engine of this process over the same file with
// as many threads. The two alternate, so that what else the machine does hits both; the processor time of each says what
// it costs whatever that is.
func measureRoom(ctx context.Context, j job) (res outcome, err error) {
	db, lease, err := openSnapshot(ctx, j, roomShare)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, db.Close(), lease.Close()) }()
	qs, err := roomQuestions(ctx, db)
	if err != nil {
		return res, err
	}
	f, err := startFront(ctx, j)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	a := f.client(0)
	defer a.close()
	d := map[string]float64{}
	var worst, over float64
	for _, q := range qs {
		var door, plain []float64
		var doorCPU, plainCPU float64
		for round := range roomRounds + 2 {
			c0 := f.cpu()
			t0 := time.Now()
			got, err := a.ask(ctx, q.body(), drop)
			t1 := time.Now()
			c1 := f.cpu()
			if err != nil {
				return res, fmt.Errorf("asking %s: %w", q.Name, err)
			}
			s0, t2 := processorTime("self"), time.Now()
			want, err := q.askPlain(ctx, db)
			t3 := time.Now()
			s1 := processorTime("self")
			if err != nil {
				return res, fmt.Errorf("asking the engine %s: %w", q.Name, err)
			}
			if got != want || got == 0 {
				return res, fmt.Errorf("%s: the front answers %d rows, the engine %d", q.Name, got, want)
			}
			if round > 1 { // two warm up
				door, plain = append(door, 1000*t1.Sub(t0).Seconds()), append(plain, 1000*t3.Sub(t2).Seconds())
				doorCPU, plainCPU = doorCPU+1000*(c1-c0), plainCPU+1000*(s1-s0)
			}
		}
		d[q.Name+"_ms_p50"], d[q.Name+"_ms_p95"] = quantile(door, 0.5), quantile(door, 0.95)
		d[q.Name+"_plain_ms_p50"], d[q.Name+"_plain_ms_p95"] = quantile(plain, 0.5), quantile(plain, 0.95)
		d[q.Name+"_cpu_ms"], d[q.Name+"_plain_cpu_ms"] = rounded(doorCPU/roomRounds), rounded(plainCPU/roomRounds)
		worst = max(worst, quantile(door, 0.95))
		over = max(over, quantile(door, 0.5)-1.3*quantile(plain, 0.5))
	}
	d["worst_ms_p95"], d["worst_ms_over_1.3_plain"] = rounded(worst), rounded(over)
	d["front_peak_mib"], d["worker_peak_mib"] = f.peaks()
	return outcome{Seconds: worst / 1000, Rows: int64(j.Rows), Repeats: roomRounds, Details: d}, nil
}

// asked is one answered question.
type asked struct {
	question string
	ms       float64
}

// measureCrowd lets twenty clients ask without a pause, each the ten questions in an order of its own, while commits of a
// thousand changes follow one another in an engine of this process and are published, as in the daemon. Before and after,
// the same commits run alone.
func measureCrowd(ctx context.Context, j job) (res outcome, err error) {
	db, lease, err := openSnapshot(ctx, j, roomShare)
	if err != nil {
		return res, err
	}
	qs, err := roomQuestions(ctx, db)
	if err := errors.Join(err, db.Close(), lease.Close()); err != nil {
		return res, err
	}
	f, err := startFront(ctx, j)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	in, err := openIngest(ctx, j)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	stop, err := in.publish(ctx)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if _, err := in.commit(ctx, 3); err != nil { // warms up
		return res, err
	}
	alone, err := in.commitFor(ctx, roomTime/3)
	if err != nil {
		return res, err
	}
	// The workers have started and read the file before the clients count.
	for _, q := range qs {
		if _, err := f.ask1(ctx, q); err != nil {
			return res, err
		}
	}
	answers, together, err := in.besides(ctx, roomTime, func(ctx context.Context, n int, each func(asked)) error {
		a := f.client(n)
		defer a.close()
		order := rand.New(rand.NewPCG(uint64(n), uint64(j.Run)))
		for ctx.Err() == nil {
			for _, i := range order.Perm(len(qs)) {
				if ctx.Err() != nil {
					return nil
				}
				t0 := time.Now()
				// A question that has begun is waited for: leaving out the slow ones would flatter.
				rows, err := a.ask(context.WithoutCancel(ctx), qs[i].body(), drop)
				if err != nil {
					return fmt.Errorf("asking %s: %w", qs[i].Name, err)
				}
				if rows == 0 {
					return fmt.Errorf("asking %s: no rows", qs[i].Name)
				}
				each(asked{qs[i].Name, 1000 * time.Since(t0).Seconds()})
			}
		}
		return nil
	})
	if err != nil {
		return res, err
	}
	after, err := in.commitFor(ctx, roomTime/3)
	if err != nil {
		return res, err
	}
	alone = append(alone, after...)
	// The last commits are published before they are counted.
	if err := stop(); err != nil {
		return res, err
	}
	if _, err := in.pub.Publish(ctx); err != nil {
		return res, err
	}
	d := map[string]float64{}
	var worst float64
	all := map[string][]float64{}
	for _, a := range answers {
		all[a.question] = append(all[a.question], a.ms)
	}
	for name, ms := range all {
		d[name+"_ms_p50"], d[name+"_ms_p95"] = quantile(ms, 0.5), quantile(ms, 0.95)
		worst = max(worst, quantile(ms, 0.95))
	}
	d["worst_ms_p95"], d["answers_per_s"] = rounded(worst), rounded(float64(len(answers))/roomTime.Seconds())
	d["commit_alone_ms_median"], d["commit_with_clients_ms_median"] = rounded(1000*median(alone)), rounded(1000*median(together))
	d["commit_alone_ms_p95"], d["commit_with_clients_ms_p95"] = rounded(1000*quantile(alone, 0.95)), rounded(1000*quantile(together, 0.95))
	d["ingest_kept"] = rounded(mean(alone) / mean(together))
	d["commits_with_clients"], d["commits"] = float64(len(together)), float64(in.n)
	d["front_peak_mib"], d["worker_peak_mib"] = f.peaks()
	return outcome{Seconds: worst / 1000, Rows: int64(len(answers)), Repeats: 1, Details: d}, nil
}

// ask1 asks one question once.
func (f *frontProcess) ask1(ctx context.Context, q roomQuestion) (int64, error) {
	a := f.client(0)
	defer a.close()
	return a.ask(ctx, q.body(), drop)
}

// besides runs all clients for a time while commits follow one another, and returns what both took.
func (in *ingest) besides(ctx context.Context, during time.Duration, client func(ctx context.Context, n int, each func(asked)) error) ([]asked, []float64, error) {
	timed, cancel := context.WithTimeout(ctx, during)
	defer cancel()
	var mu sync.Mutex
	var out []asked
	var errs []error
	var all sync.WaitGroup
	for n := range clients {
		all.Go(func() {
			err := client(timed, n, func(a asked) {
				mu.Lock()
				defer mu.Unlock()
				out = append(out, a)
			})
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
				cancel()
			}
		})
	}
	commits, err := in.commitFor(ctx, during)
	all.Wait()
	return out, commits, errors.Join(append(errs, err)...)
}

func mean(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x
	}
	return sum / float64(max(1, len(v)))
}
