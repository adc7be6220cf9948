package sqltable

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"onegrid/connectors"
)

const layout = "2006-01-02 15:04:05.000000"

func (d *database) insert(tb testing.TB, table, key string, at time.Time) {
	tb.Helper()
	d.exec(tb, fmt.Sprintf("INSERT INTO %s (jjdbh, gxsj) VALUES (%s, %s)", table, d.param(1), d.param(2)), key, at.Format(layout))
}

// TestTiesAtPageEdges: a thousand rows share two times and some share the whole position; rows with the same time
// arrive between the batches, before and after the place of reading. Nothing may be lost.
func TestTiesAtPageEdges(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		// No unique key: three rows have each position, and one position has more rows than a page.
		d.exec(t, "CREATE TABLE to_rec (id varchar(40) NOT NULL, jjdbh varchar(40) NOT NULL, gxsj "+d.stamp+" NOT NULL)")
		at := time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
		want := map[string]bool{}
		add := func(id, key string, at time.Time) {
			d.exec(t, fmt.Sprintf("INSERT INTO to_rec VALUES (%s, %s, %s)", d.param(1), d.param(2), d.param(3)), id, key, at.Format(layout))
			want[id] = true
		}
		for i := range 600 {
			add(fmt.Sprintf("a%04d", i), fmt.Sprintf("K%04d", i/3), at.Add(time.Duration(i/300)*time.Second))
		}
		for i := range 250 {
			add(fmt.Sprintf("b%04d", i), "K9000", at.Add(time.Second))
		}
		src := d.source(t, 10, "page_rows: 100\nstreams: [{name: c, tables: [to_rec], cursor: {time: gxsj, key: jjdbh}}]\n")
		var got []row
		n := 0
		for b, err := range src.Read(t.Context(), connectors.Checkpoint{}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, rowsOf(b)...)
			if b.Records != nil {
				b.Records.Release()
			}
			// While it is read: ahead of the place, in the same second as the rest.
			if n++; n%5 == 0 && n < 60 {
				add(fmt.Sprintf("c%04d", n), fmt.Sprintf("L%04d", n), at.Add(time.Second))
			}
		}
		if m := missing0(want, got, "id"); m > 0 {
			t.Errorf("%d of %d rows lost", m, len(want))
		}
		// A late commit behind the place is found by the look-back of the next reading.
		_, _, cp := drain(t, src, connectors.Checkpoint{})
		add("late", "A0000", at)
		rows, _, _ := drain(t, src, cp)
		if keysOf(rows, "id")["late"] == 0 {
			t.Error("a row committed late with an old time was lost")
		}
	})
}

// TestUniqueTiesComeOnce: with a unique key a page edge within a tie costs no row twice.
func TestUniqueTiesComeOnce(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		d.exec(t, "CREATE TABLE to_rec (jjdbh varchar(40) NOT NULL PRIMARY KEY, gxsj "+d.stamp+" NOT NULL)")
		at := time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
		for i := range 450 {
			d.insert(t, "to_rec", fmt.Sprintf("K%04d", i), at)
		}
		rows, _, _ := drain(t, d.source(t, 30, "page_rows: 100\nstreams: [{name: c, tables: [to_rec], cursor: {time: gxsj, key: jjdbh}}]\n"), connectors.Checkpoint{})
		if got := keysOf(rows, "jjdbh"); len(got) != 450 || len(rows) != 450 {
			t.Errorf("%d rows, %d keys; want 450 of each", len(rows), len(got))
		}
	})
}

// TestRowsMoveBetweenTables: while the stream is read in small batches, with a new source and the last checkpoint after
// every third, rows move from the live to the history table and back, keeping their times.
func TestRowsMoveBetweenTables(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		d.exec(t, "CREATE TABLE to_rec (jjdbh varchar(40) NOT NULL PRIMARY KEY, gxsj "+d.stamp+" NOT NULL, only_live varchar(10))")
		d.exec(t, "CREATE TABLE to_his_rec (jjdbh varchar(40) NOT NULL PRIMARY KEY, gxsj "+d.stamp+" NOT NULL, only_his varchar(10))")
		at := time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
		want := map[string]bool{}
		for i := range 600 {
			k := fmt.Sprintf("K%04d", i)
			table := "to_rec"
			if i%3 == 0 {
				table = "to_his_rec"
			}
			d.insert(t, table, k, at.Add(time.Duration(i/5)*time.Hour))
			want[k] = true
		}
		move := func(from, to string, keys ...string) {
			tx, err := d.db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range keys {
				for _, q := range []string{"INSERT INTO " + to + " (jjdbh, gxsj) SELECT jjdbh, gxsj FROM " + from + " WHERE jjdbh = '" + k + "'", "DELETE FROM " + from + " WHERE jjdbh = '" + k + "'"} {
					if _, err := tx.Exec(q); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		const streams = "page_rows: 100\nstreams: [{name: c, tables: [to_rec, to_his_rec], cursor: {time: gxsj, key: jjdbh, lookback: 0s}}]\n"
		var rows []row
		var cp connectors.Checkpoint
		for step := 0; ; step++ {
			got, _, next, err := take(d.source(t, 20, streams).Read(t.Context(), cp), cp, 3)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, got...)
			if string(next.Data) == string(cp.Data) {
				break
			}
			cp = next
			// Just ahead of the place of reading, and far ahead, in both directions.
			done := len(keysOf(rows, "jjdbh"))
			for i := done; i < min(done+6, 600); i++ {
				k := fmt.Sprintf("K%04d", i)
				if i%3 == 0 {
					move("to_his_rec", "to_rec", k)
				} else {
					move("to_rec", "to_his_rec", k)
				}
			}
			if step > 100 {
				t.Fatal("the reading does not end")
			}
		}
		if m := missing0(want, rows, "jjdbh"); m > 0 {
			t.Errorf("%d of %d rows lost", m, len(want))
		}
		tables := map[string]int{}
		for _, r := range rows {
			tables[r[tableColumn]]++
		}
		if tables["to_rec"] == 0 || tables["to_his_rec"] == 0 || len(tables) != 2 {
			t.Errorf("_table holds %v", tables)
		}
	})
}

// TestVanishedRowIsNoDeletion: a row that goes away is not spoken of, and reading goes on.
func TestVanishedRowIsNoDeletion(t *testing.T) {
	d := newSQLite(t)
	d.exec(t, "CREATE TABLE to_rec (jjdbh TEXT PRIMARY KEY, gxsj TEXT)")
	at := time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
	d.insert(t, "to_rec", "A", at)
	d.insert(t, "to_rec", "B", at.Add(time.Hour))
	src := d.source(t, 10, "streams: [{name: c, tables: [to_rec], cursor: {time: gxsj, key: jjdbh}}]\n")
	_, _, cp := drain(t, src, connectors.Checkpoint{})
	d.exec(t, "DELETE FROM to_rec")
	rows, _, cp := drain(t, src, cp)
	if len(rows) != 0 {
		t.Errorf("%d rows from an empty table", len(rows))
	}
	d.insert(t, "to_rec", "C", at.Add(2*time.Hour))
	if rows, _, _ = drain(t, src, cp); len(rows) != 1 || rows[0]["jjdbh"] != "C" {
		t.Errorf("after the deletion: %d rows", len(rows))
	}
}

// TestTableAddedLater: the new table's old rows are read although the others are far ahead.
func TestTableAddedLater(t *testing.T) {
	d := newSQLite(t)
	at := time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
	for _, table := range []string{"to_rec", "to_his_rec"} {
		d.exec(t, "CREATE TABLE "+table+" (jjdbh TEXT PRIMARY KEY, gxsj TEXT)")
		d.insert(t, table, "of "+table, at)
		at = at.Add(-1000 * time.Hour)
	}
	_, _, cp := drain(t, d.source(t, 10, "streams: [{name: c, tables: [to_rec], cursor: {time: gxsj, key: jjdbh}}]\n"), connectors.Checkpoint{})
	rows, _, _ := drain(t, d.source(t, 10, "streams: [{name: c, tables: [to_rec, to_his_rec], cursor: {time: gxsj, key: jjdbh}}]\n"), cp)
	if keysOf(rows, "jjdbh")["of to_his_rec"] != 1 {
		t.Error("rows of the added table were not read")
	}
}

// TestRowsWithoutPosition: null times, null keys and times in the far future are delivered, at every reading.
func TestRowsWithoutPosition(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		d.exec(t, "CREATE TABLE to_rec (id varchar(10) NOT NULL, jjdbh varchar(40), gxsj "+d.stamp+" NULL)")
		for _, v := range []string{"'plain', 'K1', '2024-03-01 08:00:00'", "'no time', 'K2', NULL", "'no key', NULL, '2024-03-01 09:00:00'",
			"'neither', NULL, NULL", "'future', 'K3', '2999-12-31 00:00:00'", "'last', 'K4', '2024-03-01 10:00:00'"} {
			d.exec(t, "INSERT INTO to_rec VALUES ("+v+")")
		}
		src := d.source(t, 2, "streams: [{name: c, tables: [to_rec], cursor: {time: gxsj, key: jjdbh}}]\n")
		rows, _, cp := drain(t, src, connectors.Checkpoint{})
		if got := keysOf(rows, "id"); len(got) != 6 || len(rows) != 6 {
			t.Errorf("first reading: %v", got)
		}
		rows, _, _ = drain(t, src, cp)
		got := keysOf(rows, "id")
		for _, id := range []string{"no time", "no key", "neither", "future", "last"} {
			if got[id] != 1 {
				t.Errorf("second reading: %q came %d times", id, got[id])
			}
		}
	})
}

// TestLagAndFrozenBound: by the clock of the database, rows younger than lag wait; rows that arrive while the reading
// runs do not keep it alive.
func TestLagAndFrozenBound(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		d.exec(t, "CREATE TABLE to_rec (jjdbh varchar(40) NOT NULL PRIMARY KEY, gxsj "+d.stamp+" NOT NULL)")
		zone := time.FixedZone("CST", 8*3600)
		now := time.Now().In(zone)
		d.insert(t, "to_rec", "old", now.Add(-2*time.Hour))
		d.insert(t, "to_rec", "young", now.Add(-10*time.Minute))
		src := d.source(t, 1, "streams: [{name: c, tables: [to_rec], cursor: {time: gxsj, key: jjdbh, lag: 1h}}]\n")
		n, got := 0, []string{}
		for b, err := range src.Read(t.Context(), connectors.Checkpoint{}) {
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rowsOf(b) {
				got = append(got, r["jjdbh"])
			}
			if b.Records != nil {
				b.Records.Release()
			}
			if n++; n > 20 {
				t.Fatal("the reading is kept alive by new rows")
			}
			d.insert(t, "to_rec", fmt.Sprintf("new%02d", n), time.Now().In(zone))
		}
		if !slices.Equal(got, []string{"old"}) {
			t.Errorf("read %v, want only the row older than the lag", got)
		}
	})
}

// TestIDOnlyCursor: whole numbers, with an id that is committed late.
func TestIDOnlyCursor(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		d.exec(t, "CREATE TABLE log (id bigint NOT NULL PRIMARY KEY, note varchar(20))")
		for i := range 500 {
			if i != 490 {
				d.exec(t, fmt.Sprintf("INSERT INTO log VALUES (%d, 'x')", i*3))
			}
		}
		src := d.source(t, 50, "page_rows: 100\nstreams: [{name: c, tables: [log], cursor: {key: id, overlap: 60}}]\n")
		rows, _, cp := drain(t, src, connectors.Checkpoint{})
		if len(rows) != 499 {
			t.Errorf("first reading gave %d rows, want 499", len(rows))
		}
		d.exec(t, "INSERT INTO log VALUES (1470, 'late'), (1500, 'new')")
		rows, _, _ = drain(t, src, cp)
		if got := keysOf(rows, "id"); got["1470"] != 1 || got["1500"] != 1 || len(rows) > 25 {
			t.Errorf("second reading gave %d rows, late %d, new %d", len(rows), got["1470"], got["1500"])
		}
	})
}
