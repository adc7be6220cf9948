package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/duckdb/duckdb-go/v2"
	"github.com/google/uuid"

	"onegrid/internal/surface"
	"onegrid/query/publish"
	duckstore "onegrid/warehouse/duckdb"
)

const (
	publications = 10 // measured, each of a thousand changes
	sightings    = 6  // commits of which the time to the answer is measured
	sightEvery   = 20 * time.Millisecond
	sightWithin  = time.Minute
	ingestTurns  = 3                // of commits without and with the publisher
	ingestTime   = 10 * time.Second // of each
)

// measurePublish publishes a thousand changes at a time, commits with and without the publisher running, and looks how
// soon a commit is seen by whoever asks.
func measurePublish(ctx context.Context, j job) (res outcome, err error) {
	in, err := openIngest(ctx, j)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	// What is due at a start, and the spare files, are not what is measured; a running publisher makes spares by itself.
	if _, err := in.pub.Publish(ctx); err != nil {
		return res, err
	}
	d := map[string]float64{}
	var took, reading, spare []float64
	for range publications {
		t0 := time.Now()
		if _, err := in.pub.Prepare(ctx); err != nil {
			return res, err
		}
		spare = append(spare, time.Since(t0).Seconds())
		if _, err := in.commit(ctx, 1); err != nil {
			return res, err
		}
		t0 = time.Now()
		rep, err := in.pub.Publish(ctx)
		s := time.Since(t0).Seconds()
		if err != nil {
			return res, err
		}
		// A file that was laid aside two generations ago takes up both changes.
		if rep.Changed < commitRows || rep.Scopes == 0 {
			return res, fmt.Errorf("%d events were committed, the publication says %+v", commitRows, rep)
		}
		took, reading = append(took, s), append(reading, rep.Reading.Seconds())
		d["hashed_mib"], d["scopes"], d["changes_read"] = rounded(float64(rep.Hashed)/(1<<20)), float64(rep.Scopes), float64(rep.Changed)
	}
	d["publish_s_p95"], d["publish_s_max"], d["reading_s"], d["spare_s"] = quantile(took, 0.95), quantile(took, 1), median(reading), median(spare)
	// By turns, so that what else the machine does hits both.
	var alone, beside []float64
	for range ingestTurns {
		took, err := in.commitFor(ctx, ingestTime)
		if err != nil {
			return res, err
		}
		alone = append(alone, took...)
		stop, err := in.publish(ctx)
		if err != nil {
			return res, err
		}
		took, err = in.commitFor(ctx, ingestTime)
		if err := errors.Join(err, stop()); err != nil {
			return res, err
		}
		beside = append(beside, took...)
	}
	stop, err := in.publish(ctx)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	again, err := in.seen(ctx)
	if err != nil {
		return res, err
	}
	d["visible_s_median"], d["visible_s_max"] = median(again), quantile(again, 1)
	d["commit_alone_ms_median"], d["commit_publishing_ms_median"] = rounded(1000*median(alone)), rounded(1000*median(beside))
	d["ingest_kept"] = rounded(mean(alone) / mean(beside))
	if err := stop(); err != nil {
		return res, err
	}
	// The last commits are published before they are counted.
	if _, err := in.pub.Publish(ctx); err != nil {
		return res, err
	}
	d["commits"] = float64(in.n)
	return outcome{Seconds: median(took), Rows: commitRows, Repeats: publications, Details: d}, nil
}

// sight is an event by which a commit is recognised.
type sight struct {
	id    uuid.UUID
	day   string
	state string // as answered last: its status and when its source updated it
}

// seen commits at random moments and asks over HTTP until the answer is another.
func (in *ingest) seen(ctx context.Context) (took []float64, err error) {
	f, err := startFront(ctx, in.job)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	a := f.client(0)
	defer a.close()
	random := rand.New(rand.NewPCG(1, uint64(in.job.Run)))
	wait := time.NewTimer(0)
	defer wait.Stop()
	for range sightings {
		e, err := in.sight(ctx, a)
		if err != nil {
			return nil, err
		}
		// The publisher's pauses are as likely to have just begun as to end.
		wait.Reset(time.Duration(random.Int64N(int64(5 * time.Second))))
		<-wait.C
		if _, err := in.once(ctx); err != nil {
			return nil, err
		}
		t0 := time.Now()
		for {
			now, err := e.ask(ctx, a)
			if err != nil {
				return nil, err
			}
			if now != e.state {
				break
			}
			if time.Since(t0) > sightWithin {
				return nil, fmt.Errorf("a commit was not visible after %s", sightWithin)
			}
			wait.Reset(sightEvery)
			<-wait.C
		}
		took = append(took, time.Since(t0).Seconds())
	}
	return took, nil
}

// sight chooses an event of the next commit that the scope shows.
func (in *ingest) sight(ctx context.Context, a *asker) (sight, error) {
	c, err := readChanges(changesFile(largeDir(in.job), in.n%commits))
	if err != nil {
		return sight{}, err
	}
	defer c.Events.Release()
	at := c.Events.Schema().FieldIndices("event_id")
	if len(at) != 1 {
		return sight{}, errors.New("changes without ids")
	}
	ids := c.Events.Column(at[0]).(*array.FixedSizeBinary)
	for i := range ids.Len() {
		e := sight{id: uuid.UUID(ids.Value(i))}
		var got struct{ Rows [][]string }
		if _, err := a.ask(ctx, map[string]any{"sql": "SELECT event_day FROM event WHERE event_id = $1", "params": []any{map[string]any{"value": e.id.String(), "type": "UUID"}}},
			func(r io.Reader) error { return json.NewDecoder(r).Decode(&got) }); err != nil {
			return e, err
		}
		if len(got.Rows) == 1 {
			e.day = got.Rows[0][0]
			e.state, err = e.ask(ctx, a)
			return e, err
		}
	}
	return sight{}, errors.New("the scope shows no event of a commit")
}

// ask returns "" for an event that the scope does not show by its id.
func (e sight) ask(ctx context.Context, a *asker) (string, error) {
	var got struct{ Rows [][]string }
	_, err := a.ask(ctx, map[string]any{"sql": "SELECT status, source_updated_at::VARCHAR FROM event WHERE event_day = $1 AND event_id = $2",
		"params": []any{map[string]any{"value": e.day, "type": "DATE"}, map[string]any{"value": e.id.String(), "type": "UUID"}}},
		func(r io.Reader) error { return json.NewDecoder(r).Decode(&got) })
	if err != nil || len(got.Rows) == 0 {
		return "", err
	}
	return strings.Join(got.Rows[0], " "), nil
}

// verifyPublished compares the snapshot with the store, by SQL over both files: the same events but those that only small
// cells may show, and of every changed event the newest state.
func verifyPublished(ctx context.Context, j job) (res outcome, err error) {
	l, err := publish.Acquire(surface.SnapDir(j.Data), cityMasked())
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	c, err := duckdb.NewConnector("?threads=2&memory_limit=1500MB", nil)
	if err != nil {
		return res, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, q := range []string{"SET temp_directory='" + j.Dir + "/tmp'", "ATTACH '" + duckstore.DatabasePath(j.Data) + "' AS s (READ_ONLY)", "ATTACH '" + l.Path + "' AS p (READ_ONLY)",
		"CREATE TEMP TABLE hidden AS SELECT unnest(['" + strings.Join(publish.DefaultSensitive(), "','") + "']) AS category",
		"CREATE TEMP TABLE changed AS SELECT event_id, event_day, status, source_updated_at FROM s.event_version WHERE known_to IS NULL AND version > 1 AND category NOT IN (FROM hidden)"} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return res, err
		}
	}
	var stored, shown, rows, changed, same int64
	if err := db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM s.event_version WHERE known_to IS NULL AND category NOT IN (FROM hidden)),
 (SELECT count(*) FROM p.event WHERE masked <> 'cell'), (SELECT count(*) FROM p.event), (SELECT count(*) FROM changed),
 (SELECT count(*) FROM changed c JOIN p.event e ON e.event_day = c.event_day AND e.event_id = c.event_id AND e.status = c.status AND e.source_updated_at = c.source_updated_at)`).
		Scan(&stored, &shown, &rows, &changed, &same); err != nil {
		return res, err
	}
	if stored != shown || rows != l.Manifest.Rows || changed != same || changed < commitRows/2 {
		return res, fmt.Errorf("the store has %d events to be shown and the snapshot %d (%d rows, %d in its manifest); %d of %d changed ones are shown in their newest state",
			stored, shown, rows, l.Manifest.Rows, same, changed)
	}
	return outcome{Rows: commitRows, Details: map[string]float64{"events": float64(rows), "changed": float64(changed), "snapshot_mib": rounded(float64(l.Manifest.Size) / (1 << 20))}}, nil
}
