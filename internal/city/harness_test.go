package city

import (
	"bytes"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
)

func newCity(t testing.TB, cfg Config) *City {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// reader is an HTTP client of the 110 API.
type reader struct {
	t   testing.TB
	url string
	key string
}

func serve(t testing.TB, c *City) reader {
	t.Helper()
	s := httptest.NewServer(c.Handler())
	t.Cleanup(s.Close)
	return reader{t: t, url: s.URL, key: c.cfg.APIKey}
}

func (r reader) get(query string) (*http.Response, []byte, error) {
	r.t.Helper()
	req, err := http.NewRequest("GET", r.url+"/api/jjd?"+query, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", r.key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

type page struct {
	Code  int              `json:"code"`
	Msg   string           `json:"msg"`
	Total int              `json:"total"`
	Data  []map[string]any `json:"data"`
}

func (r reader) page(query string) page {
	r.t.Helper()
	_, body, err := r.get(query)
	if err != nil {
		r.t.Fatal(err)
	}
	var p page
	if err := json.Unmarshal(body, &p); err != nil {
		r.t.Fatalf("page is not JSON: %v", err)
	}
	return p
}

// all reads every page.
func (r reader) all(query string) []map[string]any {
	r.t.Helper()
	var out []map[string]any
	for n := 1; ; n++ {
		p := r.page(fmt.Sprintf("%s&size=5000&page=%d", query, n))
		if p.Code != 0 {
			r.t.Fatalf("code %d: %s", p.Code, p.Msg)
		}
		out = append(out, p.Data...)
		if len(p.Data) == 0 || len(out) >= p.Total {
			return out
		}
	}
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// tickets reads the dropped CSV files.
func tickets(t testing.TB, paths []string) [][]string {
	t.Helper()
	var out [][]string
	for _, p := range paths {
		if !strings.HasSuffix(p, ".csv") {
			continue
		}
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		u, err := simplifiedchinese.GB18030.NewDecoder().Bytes(raw)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(u)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rows[1:]...)
	}
	return out
}

func dump(t testing.TB, path string) string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var b strings.Builder
	for _, table := range []string{"to_rec", "to_his_rec"} {
		rows, err := db.Query("SELECT * FROM " + table + " ORDER BY rec_id")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		cols, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		vals, ptrs := make([]any, len(cols)), make([]any, len(cols))
		for i := range vals {
			ptrs[i] = &vals[i]
		}
		for rows.Next() {
			if err := rows.Scan(ptrs...); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&b, append([]any{table}, vals...)...)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}
