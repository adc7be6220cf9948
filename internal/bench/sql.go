package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"onegrid/internal/city"
	"onegrid/internal/dbtest"
)

// startPostgres starts a PostgreSQL server from the binaries of the machine.
func startPostgres(job) (address string, stop func(), err error) {
	tb := &host{}
	defer func() {
		// host ends what it is asked to end by a panic of its own type.
		switch p := recover().(type) {
		case nil:
		case ended:
			tb.end()
			err = p.error
		default:
			panic(p)
		}
	}()
	s := dbtest.StartPostgres(tb)
	return s.DSN(), tb.end, nil
}

// host lets dbtest start a server outside of a test: it is the part of testing.TB that dbtest uses.
type host struct {
	testing.TB
	cleanups []func()
}

type ended struct{ error }

func (h *host) Helper()                        {}
func (h *host) Cleanup(f func())               { h.cleanups = append(h.cleanups, f) }
func (h *host) Fatal(args ...any)              { panic(ended{errors.New(fmt.Sprint(args...))}) }
func (h *host) Fatalf(format string, a ...any) { panic(ended{fmt.Errorf(format, a...)}) }
func (h *host) Skip(args ...any)               { panic(ended{absent{fmt.Sprint(args...)}}) }
func (h *host) Skipf(format string, a ...any)  { panic(ended{absent{fmt.Sprintf(format, a...)}}) }

func (h *host) end() {
	for _, f := range slices.Backward(h.cleanups) {
		f()
	}
	h.cleanups = nil
}

// prepareSQL fills the vendor's two tables with n cases, half of them in the history, and indexes the cursor.
func prepareSQL(ctx context.Context, j job) (outcome, error) {
	u, err := url.Parse(j.Address)
	if err != nil {
		return outcome{}, err
	}
	password, _ := u.User.Password()
	if err := os.WriteFile(filepath.Join(j.Dir, "database.key"), []byte(password+"\n"), 0o400); err != nil {
		return outcome{}, err
	}
	const sqlite = "driver: sqlite\n  path: ${ONEGRID_CITY_DB} # relative to the configuration folder and inside it\n"
	server := fmt.Sprintf("driver: postgres\n  host: %s\n  port: %s\n  database: %s\n  user: %s\n  password: file:database.key\n  tls: {mode: disable}\n",
		u.Hostname(), u.Port(), strings.TrimPrefix(u.Path, "/"), u.User.Username())
	if err := configure(j, sqlite, server, `, layout: "2006-01-02 15:04:05"}`, "}"); err != nil {
		return outcome{}, err
	}
	conn, err := pgx.Connect(ctx, j.Address)
	if err != nil {
		return outcome{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	c, err := newCity(j.Rows, 7)
	if err != nil {
		return outcome{}, err
	}
	for _, q := range []string{city.UrbanDDL("postgres", "to_rec"), city.UrbanDDL("postgres", "to_his_rec")} {
		if _, err := conn.Exec(ctx, q); err != nil {
			return outcome{}, err
		}
	}
	r, w := io.Pipe()
	go func() {
		buf := bufio.NewWriterSize(w, 1<<20)
		w.CloseWithError(errors.Join(c.WriteUrbanCopy(buf, j.Rows), buf.Flush()))
	}()
	if _, err := conn.PgConn().CopyFrom(ctx, r, "COPY to_rec FROM STDIN"); err != nil {
		r.CloseWithError(err)
		return outcome{}, fmt.Errorf("copying cases: %w", err)
	}
	for _, q := range []string{
		"WITH moved AS (DELETE FROM to_rec WHERE rec_id % 2 = 0 RETURNING *) INSERT INTO to_his_rec SELECT * FROM moved",
		"CREATE INDEX to_rec_cursor ON to_rec (update_time, rec_id)", "CREATE INDEX to_his_rec_cursor ON to_his_rec (update_time, rec_id)",
		"VACUUM FULL ANALYZE to_rec", "VACUUM FULL ANALYZE to_his_rec", "CHECKPOINT",
	} {
		if _, err := conn.Exec(ctx, q); err != nil {
			return outcome{}, fmt.Errorf("preparing the tables: %w", err)
		}
	}
	var n, size int64
	err = conn.QueryRow(ctx, `SELECT count(*), sum(octet_length(t.*::text))::bigint FROM (SELECT * FROM to_rec UNION ALL SELECT * FROM to_his_rec) t`).Scan(&n, &size)
	if err == nil && n != int64(j.Rows) {
		err = fmt.Errorf("the tables hold %d cases instead of %d", n, j.Rows)
	}
	return outcome{Rows: n, Details: map[string]float64{"input_bytes_per_row": rounded(float64(size) / float64(max(1, n)))}}, err
}
