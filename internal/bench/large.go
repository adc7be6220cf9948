package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/event"
	"onegrid/internal/city"
	"onegrid/internal/hub"
	"onegrid/warehouse/duckdb"
)

// The large store begins with one row group of tickets of 44 days, read by the hub. It is copied by SQL, 44 days later
// each time, until there are enough: ten years at 10 M. Ids, record numbers, hashes and all times are those of other
// records; text and codes repeat. Rows lie in the order of time, as if they had been read year after year.
const (
	baseRows = 122_880
	baseDays = 44
	largeVer = 1 // change it when the store is built in another way
)

// largeDir is the folder of the cached store. Another layout of the tables gives another folder.
func largeDir(j job) string {
	return filepath.Join(j.Cache, fmt.Sprintf("large-%d-%d-%s", j.Rows, largeVer, j.Expect.Layout))
}

// prepareCommits builds the large store and the changes, unless they are cached.
func prepareCommits(ctx context.Context, j job) (outcome, error) {
	if j.Rows < 2*commits*commitRows {
		return outcome{}, fmt.Errorf("%d commits of %d changes need at least twice as many events", commits, commitRows)
	}
	if err := configure(j); err != nil {
		return outcome{}, err
	}
	first := min(baseRows, j.Rows)
	c, err := city.New(city.Config{Seed: 1, Records: first * 64 / 25, Days: baseDays, Start: time.Date(2016, 1, 4, 0, 0, 0, 0, event.Shanghai)})
	if err != nil {
		return outcome{}, err
	}
	if _, err := writeSettled(filepath.Join(dropDir(j.Dir), "tickets.csv"), func(w *bufio.Writer) error { return c.WriteHotlineCSV(w, first, city.UTF8) }); err != nil {
		return outcome{}, err
	}
	j.Data = filepath.Join(j.Dir, "base")
	if _, err := measureSync(hotline)(ctx, j); err != nil {
		return outcome{}, fmt.Errorf("filling the store: %w", err)
	}
	res := outcome{Rows: int64(j.Rows)}
	if res.Layout, err = layoutOf(ctx, j.Data); err != nil {
		return res, err
	}
	j.Expect = res
	dir := largeDir(j)
	if _, err := os.Stat(dir); err == nil {
		return res, nil
	}
	making := dir + ".part"
	if err := errors.Join(os.RemoveAll(making), copyStore(j.Data, filepath.Join(making, "data"))); err != nil {
		return res, err
	}
	if err := enlarge(ctx, j.Dir, making, j.Rows, first); err != nil {
		return res, fmt.Errorf("building the large store: %w", err)
	}
	return res, os.Rename(making, dir)
}

// layoutOf is a digest of the store's columns.
func layoutOf(ctx context.Context, data string) (string, error) {
	s, err := duckdb.Open(ctx, duckdb.Options{Dir: data, ReadOnly: true})
	if err != nil {
		return "", err
	}
	defer s.Close()
	var sum string
	err = s.DB().QueryRowContext(ctx, `SELECT left(md5(string_agg(table_name || ' ' || column_name || ' ' || data_type, ',' ORDER BY table_name, column_index)), 12)
FROM duckdb_columns() WHERE database_name = current_database() AND NOT internal`).Scan(&sum)
	return sum, err
}

func enlarge(ctx context.Context, config, dir string, rows, first int) (err error) {
	h, err := hub.Open(ctx, hub.Options{Config: config, Data: filepath.Join(dir, "data")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	db, err := h.Store.DB().Conn(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	// Copying whole tables wants more memory than loading does; it is not what is measured.
	if _, err := db.ExecContext(ctx, "SET memory_limit='2GB'"); err != nil {
		return err
	}
	tables := []string{"event_version", "event_transition", "event_party_token"}
	copies := map[string][]string{}
	for _, t := range tables {
		if _, err := db.ExecContext(ctx, fmt.Sprintf("CREATE TEMP TABLE first_%[1]s AS SELECT * FROM %[1]s", t)); err != nil {
			return err
		}
		if copies[t], err = columnsOf(ctx, db, t); err != nil {
			return err
		}
	}
	for have, k := first, 1; have < rows; k++ {
		n := min(first, rows-have)
		for _, t := range tables {
			if _, err := db.ExecContext(ctx, copyQuery(t, copies[t], k, n)); err != nil {
				return fmt.Errorf("copying %s: %w", t, err)
			}
		}
		have += n
	}
	for _, t := range tables {
		if _, err := db.ExecContext(ctx, "DROP TABLE first_"+t); err != nil {
			return err
		}
	}
	if _, err := db.ExecContext(ctx, "CHECKPOINT"); err != nil {
		return err
	}
	var columns []string
	for _, c := range event.Columns() {
		if c.Setter == event.ByStore || c.Setter == event.ByLink {
			continue
		}
		if id := c.Type.ID(); id != arrow.LIST && id != arrow.MAP { // hold nothing here, and Arrow has several forms of them
			columns = append(columns, change(c))
		}
	}
	for n := range commits {
		// Scattered evenly over ids, and therefore over all years. No record is changed twice.
		q := fmt.Sprintf(`SELECT %s FROM event_version WHERE rowid IN (SELECT rowid FROM event_version WHERE hash(event_id) %% %d = %d ORDER BY hash(event_id) LIMIT %d) ORDER BY hash(event_id)`,
			strings.Join(columns, ", "), rows*10/(12*commitRows), n, commitRows)
		if _, err := h.Store.Export(ctx, q, changesFile(dir, n), "arrow"); err != nil {
			return fmt.Errorf("exporting changes: %w", err)
		}
	}
	return nil
}

// columnsOf are the columns of a table with their types, as name and type by turns.
func columnsOf(ctx context.Context, db *sql.Conn, table string) ([]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? AND database_name = current_database() ORDER BY column_index", table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var name, typ string
		if err := rows.Scan(&name, &typ); err != nil {
			return nil, err
		}
		out = append(out, name, typ)
	}
	if len(out) == 0 {
		return nil, errors.Join(fmt.Errorf("the store has no table %s", table), rows.Err())
	}
	return out, rows.Err()
}

// copyQuery copies what belongs to the first n events of a table as that of other events, k times 44 days later.
func copyQuery(table string, columns []string, k, n int) string {
	days := k * baseDays
	var out []string
	for i := 0; i+1 < len(columns); i += 2 {
		name, typ := columns[i], columns[i+1]
		q := `"` + name + `"`
		switch {
		case name == "event_id":
			q = fmt.Sprintf("md5(event_id::VARCHAR || '%d')::UUID", k)
		case name == "source_record_id":
			q = fmt.Sprintf("source_record_id || '%d'", k)
		case name == "content_hash" || name == "token":
			q = fmt.Sprintf("unhex(sha256(hex(%s) || '%d'))", q, k)
		case name == "source_fp":
			q = fmt.Sprintf("hash(source_fp, %d)", k)
		case typ == "DATE":
			q = fmt.Sprintf("%s + %d", q, days)
		case typ == "TIMESTAMP WITH TIME ZONE":
			q = fmt.Sprintf("make_timestamptz(epoch_us(%s) + %d)", q, int64(days)*86_400_000_000)
		}
		out = append(out, q)
	}
	return fmt.Sprintf("INSERT INTO %[1]s SELECT %[2]s FROM first_%[1]s WHERE event_id IN (SELECT event_id FROM first_event_version ORDER BY rowid LIMIT %[3]d)",
		table, strings.Join(out, ", "), n)
}

// change is a column of a changed record: another status an hour later.
func change(c event.Column) string {
	switch c.Name {
	case "event_id":
		return "event_id::BLOB AS event_id"
	case "status":
		return "CASE status WHEN 'rework' THEN 'closed' ELSE 'rework' END AS status"
	case "status_stage":
		return fmt.Sprintf("(CASE status WHEN 'rework' THEN %d ELSE %d END)::TINYINT AS status_stage", event.Stage("closed"), event.Stage("rework"))
	case "source_updated_at":
		return "make_timestamptz(epoch_us(valid_from) + 3600000000) AS source_updated_at"
	case "ingested_at":
		return "now() AS ingested_at"
	case "content_hash":
		return "unhex(sha256(hex(content_hash))) AS content_hash"
	}
	return c.Name
}
