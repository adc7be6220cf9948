package city

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Database brings the urban-management database at path to the city's time: it creates the file and its tables to_rec and
// to_his_rec, writes what is new or changed since the last call for the same path, and moves closed cases to the history
// table, which the vendor does in the night after the closing. One transaction; readers see all of it or nothing.
func (c *City) Database(ctx context.Context, path string) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(30000)")
	if err != nil {
		return fmt.Errorf("opening the urban-management database: %w", err)
	}
	defer db.Close()
	for _, t := range []string{"to_rec", "to_his_rec"} {
		for _, stmt := range []string{UrbanDDL("sqlite", t), "CREATE INDEX IF NOT EXISTS ix_" + t + " ON " + t + " (update_time, rec_id)"} {
			if _, err := db.ExecContext(ctx, stmt); err != nil {
				return fmt.Errorf("making %s: %w", t, err)
			}
		}
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("opening the urban-management database: %w", err)
	}
	defer tx.Rollback()
	if err := c.store(ctx, tx, c.stored[path]); err != nil {
		return fmt.Errorf("writing the urban-management database: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("writing the urban-management database: %w", err)
	}
	c.stored[path] = c.now
	return nil
}

func (c *City) store(ctx context.Context, tx *sql.Tx, since int64) error {
	insert := func(table string) (*sql.Stmt, error) {
		return tx.PrepareContext(ctx, "INSERT OR REPLACE INTO "+table+" VALUES (?"+strings.Repeat(",?", len(urbanColumns())-1)+")")
	}
	live, err := insert("to_rec")
	if err != nil {
		return err
	}
	defer live.Close()
	history, err := insert("to_his_rec")
	if err != nil {
		return err
	}
	defer history.Close()
	remove, err := tx.PrepareContext(ctx, "DELETE FROM to_rec WHERE rec_id = ?")
	if err != nil {
		return err
	}
	defer remove.Close()
	var (
		l    layout
		rec  record
		w    row
		vals []any
	)
	columns := urbanColumns()
	shift := skew(c.script.due("database", 1))
	to := c.blocksAt(c.now)
	for b := c.changedSince(since); b < to; b++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.plan(b, &l)
		for slot := urbanAt; slot < blockSize; slot++ {
			c.build(&l, slot, &rec)
			n := rec.at(c.now)
			archived := rec.archived(c.now)
			if n == 0 || since > 0 && rec.at(since) == n && rec.archived(since) == archived {
				continue
			}
			c.urban(&w, &rec, n, rec.steps[n-1].t+shift)
			vals = w.values(vals[:0], columns, false)
			to := live
			if archived {
				if _, err := remove.ExecContext(ctx, vals[0]); err != nil {
					return err
				}
				to = history
			}
			if _, err := to.ExecContext(ctx, vals...); err != nil {
				return err
			}
		}
	}
	return nil
}

// archived reports whether a case lies in the history table: closed or void, and the night after has passed 02:00.
func (rec *record) archived(now int64) bool {
	n := rec.at(now)
	if n == 0 || n < rec.n {
		return false
	}
	night := (rec.steps[n-1].t/daySeconds+1)*daySeconds + 2*3600
	return now >= night
}

// values appends the fields as database values. Times are text, or time.Time of the wall clock marked UTC.
func (w *row) values(dst []any, columns []urbanColumn, times bool) []any {
	for i, col := range columns {
		f := string(w.field(i))
		switch {
		case w.isNull(i):
			dst = append(dst, nil)
		case col.kind == 'i':
			v, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				panic("city: column " + col.name + " is not a number")
			}
			dst = append(dst, v)
		case col.kind == 'r':
			v, err := strconv.ParseFloat(f, 64)
			if err != nil {
				panic("city: column " + col.name + " is not a number")
			}
			dst = append(dst, v)
		case col.kind == 'd' && times:
			v, err := time.Parse("2006-01-02 15:04:05", f)
			if err != nil {
				panic("city: column " + col.name + " is not a time")
			}
			dst = append(dst, v)
		default:
			dst = append(dst, f)
		}
	}
	return dst
}
