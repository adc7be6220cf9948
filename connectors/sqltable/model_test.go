package sqltable

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"onegrid/connectors"
)

// TestModel drives SQLite with random writes, moves and readings that are cut short, against a map of the versions that
// exist. After a reading that ended, every version that is in the tables must have been delivered.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "m")
		if err != nil {
			rt.Fatal(err)
		}
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "dept.db")+"?_pragma=synchronous(0)")
		if err != nil {
			rt.Fatal(err)
		}
		defer db.Close()
		d := &database{name: "sqlite", settings: "driver: sqlite\npath: dept.db\n", dir: dir, db: db}
		for _, table := range tables {
			d.exec(t, "CREATE TABLE "+table+" (jjdbh TEXT NOT NULL, gxsj TEXT, version INTEGER NOT NULL)")
		}
		m := &model{d: d, t: t, rt: rt, rows: map[string]modelRow{}, seen: map[string]bool{},
			clock: time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC),
			src: d.source(t, rapid.IntRange(1, 4).Draw(rt, "batch"), fmt.Sprintf("page_rows: 100\nstreams: [{name: c, tables: [to_rec, to_his_rec], cursor: {time: gxsj, key: jjdbh, lookback: %s}}]\n",
				rapid.SampledFrom([]string{"2m", "10m"}).Draw(rt, "lookback")))}
		rt.Repeat(map[string]func(*rapid.T){
			"insert": m.insert, "insert many": m.insertMany, "update": m.update, "move": m.move, "clear time": m.clearTime,
			"tick": func(rt *rapid.T) { m.clock = m.clock.Add(time.Minute) },
			"read": m.readAll, "read some": m.readSome,
		})
		m.readAll(rt)
	})
}

var tables = []string{"to_rec", "to_his_rec"}

type modelRow struct {
	table   string
	version int
}

type model struct {
	d     *database
	t     *testing.T
	rt    *rapid.T
	src   connectors.Source
	rows  map[string]modelRow
	seen  map[string]bool // key and version
	cp    connectors.Checkpoint
	clock time.Time
	next  int
}

func (m *model) key(rt *rapid.T) (string, bool) {
	if m.next == 0 {
		return "", false
	}
	return fmt.Sprintf("K%05d", rapid.IntRange(0, m.next-1).Draw(rt, "key")), true
}

// late is a time a little in the past: a transaction that took a while.
func (m *model) late(rt *rapid.T) string {
	return m.clock.Add(-time.Duration(rapid.IntRange(0, 60).Draw(rt, "late")) * time.Second).Format("2006-01-02 15:04:05")
}

func (m *model) insert(rt *rapid.T) {
	k := fmt.Sprintf("K%05d", m.next)
	m.next++
	table := rapid.SampledFrom(tables).Draw(rt, "table")
	m.d.exec(m.t, "INSERT INTO "+table+" VALUES (?, ?, 1)", k, m.late(rt))
	m.rows[k] = modelRow{table, 1}
}

func (m *model) insertMany(rt *rapid.T) {
	at := m.late(rt)
	for range rapid.IntRange(1, 150).Draw(rt, "n") {
		k := fmt.Sprintf("K%05d", m.next)
		m.next++
		m.d.exec(m.t, "INSERT INTO to_rec VALUES (?, ?, 1)", k, at)
		m.rows[k] = modelRow{"to_rec", 1}
	}
}

func (m *model) update(rt *rapid.T) {
	if k, ok := m.key(rt); ok {
		r := m.rows[k]
		r.version++
		m.d.exec(m.t, "UPDATE "+r.table+" SET version = ?, gxsj = ? WHERE jjdbh = ?", r.version, m.late(rt), k)
		m.rows[k] = r
	}
}

func (m *model) clearTime(rt *rapid.T) {
	if k, ok := m.key(rt); ok {
		r := m.rows[k]
		r.version++
		m.d.exec(m.t, "UPDATE "+r.table+" SET version = ?, gxsj = NULL WHERE jjdbh = ?", r.version, k)
		m.rows[k] = r
	}
}

// move keeps the time, which is the hard case.
func (m *model) move(rt *rapid.T) {
	if k, ok := m.key(rt); ok {
		r := m.rows[k]
		to := tables[0]
		if r.table == to {
			to = tables[1]
		}
		m.d.exec(m.t, "INSERT INTO "+to+" SELECT * FROM "+r.table+" WHERE jjdbh = '"+k+"'")
		m.d.exec(m.t, "DELETE FROM "+r.table+" WHERE jjdbh = '"+k+"'")
		r.table = to
		m.rows[k] = r
	}
}

func (m *model) readAll(rt *rapid.T) {
	m.read(rt, -1)
	for k, r := range m.rows {
		if !m.seen[fmt.Sprintf("%s/%d", k, r.version)] {
			rt.Fatalf("version %d of %s was never delivered", r.version, k)
		}
	}
}

func (m *model) readSome(rt *rapid.T) { m.read(rt, rapid.IntRange(1, 5).Draw(rt, "batches")) }

func (m *model) read(rt *rapid.T, n int) {
	rows, _, cp, err := take(m.src.Read(m.t.Context(), m.cp), m.cp, n)
	if err != nil {
		rt.Fatal(err)
	}
	m.cp = cp
	for _, r := range rows {
		m.seen[r["jjdbh"]+"/"+r["version"]] = true
	}
}
