package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"onegrid/catalog"
	"onegrid/internal/hub"
	"onegrid/internal/surface"
	"onegrid/query"
	"onegrid/query/publish"
	"onegrid/warehouse"
)

// The query benchmarks publish and ask one scope: the whole city, masked.
const askedScope = "city_masked"

func cityMasked() query.Scope { return query.Scope{Tier: query.Masked, Area: "city"} }

// Every twentieth group of three events in the order of time is made one incident: 5 % of the events.
const (
	incidentSize  = 3
	incidentEvery = 20
	publishedVer  = 1 // change it when the store or its snapshots are prepared in another way
)

// publishedDir is the cached store with incidents, its configuration and its snapshots.
func publishedDir(j job) string { return fmt.Sprintf("%s-published%d", largeDir(j), publishedVer) }

// configDir is the configuration of the cached store: its keys and the digest of its catalog are those of the snapshots.
func configDir(j job) string { return filepath.Join(publishedDir(j), "config") }

// preparePublished builds the large store with incidents and publishes it, unless that is cached and was published by the
// same rules.
func preparePublished(ctx context.Context, j job) (outcome, error) {
	res, err := prepareCommits(ctx, j)
	if err != nil {
		return res, err
	}
	j.Expect = res
	dir := publishedDir(j)
	if _, err := os.Stat(filepath.Join(dir, "data")); errors.Is(err, fs.ErrNotExist) {
		err = buildLinked(ctx, j, dir)
		if err != nil {
			return res, fmt.Errorf("linking the large store: %w", err)
		}
	}
	if ok, err := sameRules(ctx, j, dir); err != nil || ok {
		return res, err
	}
	// The cached store is not opened where it lies: opening may change it.
	if err := copyStore(filepath.Join(dir, "data"), filepath.Join(j.Dir, "large")); err != nil {
		return res, err
	}
	if err := os.RemoveAll(filepath.Join(dir, "snap")); err != nil {
		return res, err
	}
	t0 := time.Now()
	if err := publishOnce(ctx, configDir(j), filepath.Join(j.Dir, "large")); err != nil {
		return res, fmt.Errorf("publishing the large store: %w", err)
	}
	fmt.Fprintf(os.Stderr, "%s: published %d events in %.0f s\n", j.Bench, j.Rows, time.Since(t0).Seconds())
	return res, errors.Join(os.Rename(surface.SnapDir(filepath.Join(j.Dir, "large")), filepath.Join(dir, "snap")), os.RemoveAll(filepath.Join(j.Dir, "large")))
}

// buildLinked makes the folder of the store with incidents, without snapshots.
func buildLinked(ctx context.Context, j job, dir string) error {
	making := dir + ".part"
	if err := errors.Join(os.RemoveAll(making), copyStore(filepath.Join(largeDir(j), "data"), filepath.Join(making, "data"))); err != nil {
		return err
	}
	if err := copyConfig(j.Dir, filepath.Join(making, "config")); err != nil {
		return err
	}
	h, err := hub.Open(ctx, hub.Options{Config: filepath.Join(making, "config"), Data: filepath.Join(making, "data")})
	if err != nil {
		return err
	}
	if err := errors.Join(linkGroups(ctx, h), h.Close()); err != nil {
		return err
	}
	return os.Rename(making, dir)
}

// linkGroups stores the incidents as linkage would, in one unit.
func linkGroups(ctx context.Context, h *hub.Hub) error {
	if _, err := h.Store.DB().ExecContext(ctx, "SET memory_limit='2GB'"); err != nil {
		return err
	}
	rows, err := h.Store.DB().QueryContext(ctx, fmt.Sprintf(`SELECT event_id::BLOB, (event_day - DATE '1970-01-01')::INTEGER, rowid %% %[1]d FROM event_version
WHERE (rowid // %[1]d) %% %[2]d = 0 ORDER BY rowid`, incidentSize, incidentEvery))
	if err != nil {
		return err
	}
	defer rows.Close()
	var members []warehouse.Member
	for rows.Next() {
		var id []byte
		var day int32
		var place int
		if err := rows.Scan(&id, &day, &place); err != nil {
			return err
		}
		m := warehouse.Member{Event: warehouse.EventRef{ID: [16]byte(id), Day: day}, Role: "duplicate"}
		if place == 0 {
			m.Role, m.Countable, m.Incident = "primary", true, m.Event.ID
		} else if len(members) > 0 {
			m.Incident = members[len(members)-1].Incident
		}
		members = append(members, m)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	_, err = h.Store.CommitLinks(ctx, &warehouse.LinkUnit{RunID: "bench", Whole: true, Started: time.Now(), Model: "bench", Spec: "bench",
		Chunks: func(yield func(*warehouse.LinkChunk, error) bool) {
			for len(members) > 0 {
				n := min(len(members), 50_000)
				if !yield(&warehouse.LinkChunk{Members: members[:n]}, nil) {
					return
				}
				members = members[n:]
			}
		},
		Final: func() (warehouse.LinkFinal, error) { return warehouse.LinkFinal{Counts: json.RawMessage("{}")}, nil }})
	return err
}

// copyConfig copies a configuration folder without the input and the stores that lie beside it.
func copyConfig(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case e.IsDir() && (rel == "base" || rel == "large" || rel == "probe" || strings.HasPrefix(rel, "run")):
			return fs.SkipDir
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o750)
		case !e.Type().IsRegular() || strings.HasPrefix(rel, "drop"):
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, info.Mode().Perm())
	})
}

// publisherOf opens the publisher of a hub as the daemon does, for one scope.
func publisherOf(ctx context.Context, h *hub.Hub) (*publish.Publisher, error) {
	h.Catalog.Hub.Query.Publish.Scopes = []string{askedScope}
	return surface.OpenPublisher(ctx, h.Catalog, h.DataDir(), h.Store, h.Log)
}

// publishOnce publishes what a store holds, with all cores: a first publication is not what is measured.
func publishOnce(ctx context.Context, config, data string) (err error) {
	h, err := hub.Open(ctx, hub.Options{Config: config, Data: data, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	p, err := publish.Open(ctx, publish.Options{Dir: surface.SnapDir(data), Feed: h.Store, Catalog: h.Catalog, Scopes: []query.Scope{cityMasked()},
		K: h.Catalog.Hub.Query.Publish.SmallCell, MemoryLimit: "2GB", Threads: runtime.NumCPU(), Logger: h.Log})
	if err != nil {
		return err
	}
	_, err = p.Publish(ctx)
	return errors.Join(err, p.Close())
}

// sameRules reports whether the cached snapshot is one that this program would make: it publishes the small store beside
// the large one, with the same key of pseudonyms, and compares the digests of rules.
func sameRules(ctx context.Context, j job, dir string) (bool, error) {
	old, err := publish.ReadManifest(filepath.Join(dir, "snap"), cityMasked())
	if err != nil {
		if errors.Is(err, publish.ErrNone) || errors.Is(err, publish.ErrAltered) {
			return false, nil
		}
		return false, err
	}
	probe := filepath.Join(j.Dir, "probe")
	if err := copyStore(filepath.Join(j.Dir, "base"), probe); err != nil {
		return false, err
	}
	const key = ".pseudonym.key"
	if err := errors.Join(os.MkdirAll(surface.SnapDir(probe), 0o750), copyFile(filepath.Join(dir, "snap", key), filepath.Join(surface.SnapDir(probe), key))); err != nil {
		return false, err
	}
	// The key of privacy is that of the run that filled the small store; no snapshot depends upon it.
	if err := publishOnce(ctx, j.Dir, probe); err != nil {
		return false, fmt.Errorf("publishing the small store: %w", err)
	}
	now, err := publish.ReadManifest(surface.SnapDir(probe), cityMasked())
	if err != nil {
		return false, err
	}
	return now.Rules == old.Rules && now.Engine == old.Engine, os.RemoveAll(probe)
}

// cloneSnapshots gives a run the cached snapshots: copies where it publishes, links where it only reads.
func cloneSnapshots(j job, copies bool) error {
	from, to := filepath.Join(publishedDir(j), "snap"), surface.SnapDir(j.Data)
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o750)
		case !copies:
			return os.Link(path, filepath.Join(to, rel))
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if err := copyFile(path, filepath.Join(to, rel)); err != nil {
			return err
		}
		return os.Chmod(filepath.Join(to, rel), info.Mode().Perm())
	})
}

// resetAsking gives a run the snapshots to read, and users; resetPublishing gives it a store and snapshots of its own.
func resetAsking(ctx context.Context, j job) (outcome, error) {
	if err := cloneSnapshots(j, false); err != nil {
		return outcome{}, err
	}
	return outcome{}, addUsers(ctx, j)
}

func resetPublishing(ctx context.Context, j job) (outcome, error) {
	if err := errors.Join(copyStore(filepath.Join(publishedDir(j), "data"), j.Data), cloneSnapshots(j, true)); err != nil {
		return outcome{}, err
	}
	return outcome{}, addUsers(ctx, j)
}

// openSnapshot opens the current file of a run's scope in an engine of this process. Close both.
func openSnapshot(ctx context.Context, j job, threads int) (*sql.DB, *publish.Lease, error) {
	l, err := publish.Acquire(surface.SnapDir(j.Data), cityMasked())
	if err != nil {
		return nil, nil, err
	}
	c, err := duckdb.NewConnector(fmt.Sprintf("%s?access_mode=READ_ONLY&threads=%d&memory_limit=1GiB", l.Path, threads), nil)
	if err != nil {
		l.Close()
		return nil, nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "SET TimeZone='Asia/Shanghai'"); err != nil {
		return nil, nil, errors.Join(err, db.Close(), l.Close())
	}
	return db, l, nil
}

// verifySnapshot counts what a run's snapshot shows: as many events as its manifest says, and every event of the store but
// those that only small cells may show.
func verifySnapshot(ctx context.Context, j job) (res outcome, err error) {
	db, l, err := openSnapshot(ctx, j, 2)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, db.Close(), l.Close()) }()
	var rows, whole, incidents int64
	if err := db.QueryRowContext(ctx, "SELECT count(*), count(*) FILTER (masked <> 'cell'), (SELECT count(*) FROM incident) FROM event").Scan(&rows, &whole, &incidents); err != nil {
		return res, err
	}
	if rows != l.Manifest.Rows || rows > int64(j.Rows) || whole < int64(j.Rows)*8/10 {
		return res, fmt.Errorf("%d events were stored, the manifest says %d and the snapshot has %d, %d of them not in cells", j.Rows, l.Manifest.Rows, rows, whole)
	}
	return outcome{Rows: rows, Details: map[string]float64{"events": float64(rows), "incidents": float64(incidents), "snapshot_mib": rounded(float64(l.Manifest.Size) / (1 << 20))}}, nil
}

// catalogOf loads the configuration of the cached store, with doors on free loopback ports and no limit of rate: a
// benchmark asks as fast as it is answered. All other settings are the defaults.
func catalogOf(j job) (*catalog.Catalog, error) {
	c, err := catalog.Load(configDir(j))
	if err != nil {
		return nil, err
	}
	q := &c.Hub.Query
	q.Publish.Scopes = []string{askedScope}
	q.HTTP.Listen = "127.0.0.1:0"
	q.Limits.Rate = 1e6
	return c, nil
}
