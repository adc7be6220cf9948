package city

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
)

func TestAPI(t *testing.T) {
	c := newCity(t, Config{Seed: 1, Records: 5000})
	r := serve(t, c)
	rows := r.all("")
	for i := 1; i < len(rows); i++ {
		a, b := text(rows[i-1]["GXSJ"])+text(rows[i-1]["JJDBH"]), text(rows[i]["GXSJ"])+text(rows[i]["JJDBH"])
		if a >= b {
			t.Fatalf("row %d is out of order", i)
		}
	}
	if got := slices.Sorted(maps.Keys(rows[0])); len(got) != 30 {
		t.Errorf("%d columns", len(got))
	}
	lo, hi := text(rows[len(rows)/3]["GXSJ"]), text(rows[len(rows)/2]["GXSJ"])
	want := 0
	for _, x := range rows {
		if g := text(x["GXSJ"]); g >= lo && g < hi {
			want++
		}
	}
	q := strings.NewReplacer(" ", "%20", ":", "%3A")
	if got := r.all("start=" + q.Replace(lo) + "&end=" + q.Replace(hi)); len(got) != want || want == 0 {
		t.Errorf("the window has %d rows, want %d", len(got), want)
	}
	for query, code := range map[string]int{"page=0": 400, "size=5001": 400, "start=yesterday": 400, "page=99999": 200} {
		resp, _, err := r.get(query)
		if err != nil || resp.StatusCode != code {
			t.Errorf("%s: %v %v", query, resp.StatusCode, err)
		}
	}
	wrong := r
	wrong.key = "guess"
	if resp, body, err := wrong.get(""); err != nil || resp.StatusCode != 401 || !json.Valid(body) {
		t.Errorf("a wrong key gave %v %v", resp.StatusCode, err)
	}
	before := len(rows)
	c.Advance(6 * time.Hour)
	if after := r.all(""); len(after) <= before || text(after[len(after)-1]["GXSJ"]) <= text(rows[before-1]["GXSJ"]) {
		t.Errorf("six hours later %d calls, before %d", len(after), before)
	}
	if resp, _, err := r.get(""); err != nil || resp.Header.Get("Date") != c.Now().UTC().Format(http.TimeFormat) {
		t.Errorf("the Date header is %q", resp.Header.Get("Date"))
	}
}

func TestServeAPIEndsWithItsContext(t *testing.T) {
	c := newCity(t, Config{Seed: 1, Records: 500})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- c.ServeAPI(ctx, l) }()
	r := reader{t: t, url: "http://" + l.Addr().String(), key: "demo-key"}
	if p := r.page(""); p.Code != 0 || len(p.Data) == 0 {
		t.Errorf("code %d, %d rows", p.Code, len(p.Data))
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRequestFaults(t *testing.T) {
	script, err := ParseFaults([]byte(`
- {kind: "429", at: 1, retry_after: 3}
- {kind: "500", at: 2}
- {kind: html, at: 3}
- {kind: vendor_error, at: 4}
- {kind: cut, at: 5}
- {kind: cut, at: 6, at_end: true}
- {kind: slow, at: 7, bytes_per_s: 2000}
- {kind: "500", every: 9, times: 1}
`))
	if err != nil {
		t.Fatal(err)
	}
	c := newCity(t, Config{Seed: 1, Records: 2000, Faults: script})
	r := serve(t, c)
	resp, _, err := r.get("size=10")
	if err != nil || resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "3" {
		t.Errorf("429: %v %v", resp.StatusCode, err)
	}
	if resp, _, err = r.get("size=10"); err != nil || resp.StatusCode != 500 {
		t.Errorf("500: %v %v", resp.StatusCode, err)
	}
	if resp, body, err := r.get("size=10"); err != nil || resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || json.Valid(body) {
		t.Errorf("html: %v %v", resp.StatusCode, err)
	}
	if p := r.page("size=10"); p.Code != 5001 || p.Data != nil {
		t.Errorf("vendor_error: code %d", p.Code)
	}
	if _, body, err := r.get("size=10"); !errors.Is(err, io.ErrUnexpectedEOF) || json.Valid(body) {
		t.Errorf("cut: %d bytes, %v", len(body), err)
	}
	if _, body, err := r.get("size=10"); !errors.Is(err, io.ErrUnexpectedEOF) || !json.Valid(body) {
		t.Errorf("cut at the end: whole JSON %v, %v", json.Valid(body), err)
	}
	begin := time.Now()
	_, body, err := r.get("size=1")
	if err != nil || !json.Valid(body) {
		t.Errorf("slow: %v", err)
	}
	if least := time.Duration(len(body)/200-1) * time.Second / 10; time.Since(begin) < least {
		t.Errorf("slow: %d bytes in %v", len(body), time.Since(begin))
	}
	for n, want := range []int{200, 500, 200, 200, 200, 200, 200, 200, 200, 200, 200} {
		if resp, _, err := r.get("size=1"); err != nil || resp.StatusCode != want {
			t.Errorf("request %d: %d %v, want %d", n+8, resp.StatusCode, err, want)
		}
	}
}

func TestPageFaults(t *testing.T) {
	c := newCity(t, Config{Seed: 1, Records: 2000})
	r := serve(t, c)
	ids := func(p page) (out []string) {
		for _, x := range p.Data {
			out = append(out, text(x["JJDBH"]))
		}
		return out
	}
	one, two, three := ids(r.page("size=50&page=1")), ids(r.page("size=50&page=2")), ids(r.page("size=50&page=3"))
	if err := c.Inject(Faults{{Kind: FaultRepeatPage, At: 2}}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ids(r.page("size=50&page=1")), one) || !slices.Equal(ids(r.page("size=50&page=2")), one) || !slices.Equal(ids(r.page("size=50&page=3")), three) {
		t.Error("repeat_page: the second request must give the first page again, the third its own")
	}
	if err := c.Inject(Faults{{Kind: FaultShiftPage, At: 2, Rows: 3}}); err != nil {
		t.Fatal(err)
	}
	end := "&end=" + strings.ReplaceAll(c.Now().Format("2006-01-02 15:04:05"), " ", "%20")
	first := r.page("size=50&page=1" + end)
	second := r.page("size=50&page=2" + end)
	if second.Total != first.Total-3 || !slices.Equal(ids(second)[:47], two[3:]) {
		t.Errorf("shift_page: total %d then %d, or the rows did not move up by three", first.Total, second.Total)
	}
	all := r.all("")
	var last []string
	for _, x := range all[len(all)-3:] {
		last = append(last, text(x["JJDBH"]))
	}
	slices.Sort(last)
	moved := slices.Sorted(slices.Values(one[:3]))
	if !slices.Equal(last, moved) {
		t.Error("shift_page: the rows that moved must come again at the end, or a reader could not find them")
	}
	c.Advance(time.Hour)
	if n := len(r.all("")); n < len(all) {
		t.Errorf("after an hour %d calls, before %d", n, len(all))
	}
}

func TestClockSkewAndHeaderDrift(t *testing.T) {
	c := newCity(t, Config{Seed: 1, Records: 2000})
	r := serve(t, c)
	plain := r.all("")
	const by = 7 * time.Minute
	if err := c.Inject(Faults{{Kind: FaultClockSkew, By: by}, {Kind: FaultHeaderDrift, Rename: map[string]string{"BJNR": "JJNR", "诉求内容": "问题描述"}}}); err != nil {
		t.Fatal(err)
	}
	skewed := r.all("")
	if len(skewed) != len(plain) {
		t.Fatalf("%d and %d calls", len(skewed), len(plain))
	}
	for i := range plain {
		a, err := time.Parse("2006-01-02 15:04:05", text(plain[i]["GXSJ"]))
		if err != nil {
			t.Fatal(err)
		}
		if text(skewed[i]["GXSJ"]) != a.Add(by).Format("2006-01-02 15:04:05") {
			t.Fatal("the update time is not skewed")
		}
		if _, old := skewed[i]["BJNR"]; old {
			t.Fatal("the column is not renamed")
		}
		if skewed[i]["JJNR"] != plain[i]["BJNR"] {
			t.Fatal("the renamed column lost its value")
		}
	}
	resp, _, err := r.get("size=1")
	if err != nil || resp.Header.Get("Date") != c.Now().Add(by).UTC().Format(http.TimeFormat) {
		t.Errorf("Date %q", resp.Header.Get("Date"))
	}
	paths, err := c.DropFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	head, err := simplifiedchinese.GB18030.NewDecoder().Bytes(raw[:bytes.IndexByte(raw, '\n')])
	if err != nil || !strings.Contains(string(head), ",问题描述,") || strings.Contains(string(head), "诉求内容") {
		t.Errorf("the header of the file is %s, %v", head, err)
	}
}

func TestHalfFiles(t *testing.T) {
	whole, halved := newCity(t, Config{Seed: 1, Records: 2000}), newCity(t, Config{Seed: 1, Records: 2000, Faults: Faults{{Kind: FaultHalfFile, Every: 1}}})
	a, b := t.TempDir(), t.TempDir()
	want, err := whole.DropFiles(a)
	if err != nil {
		t.Fatal(err)
	}
	got, err := halved.DropFiles(b)
	if err != nil {
		t.Fatal(err)
	}
	size := func(p string) int64 {
		t.Helper()
		s, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		return s.Size()
	}
	if len(want) != 2 || len(got) != 2 {
		t.Fatalf("%d and %d files", len(want), len(got))
	}
	for i := range got {
		if size(got[i]) != size(want[i])/2 {
			t.Errorf("%s has %d of %d bytes", filepath.Base(got[i]), size(got[i]), size(want[i]))
		}
	}
	if more, err := halved.DropFiles(b); err != nil || len(more) != 0 {
		t.Fatalf("nothing changed, but %v %v", more, err)
	}
	for i := range got {
		x, errX := os.ReadFile(got[i])
		y, errY := os.ReadFile(want[i])
		if errX != nil || errY != nil || !bytes.Equal(x, y) {
			t.Errorf("%s was not completed", filepath.Base(got[i]))
		}
	}
}

func TestWorkbook(t *testing.T) {
	c := newCity(t, Config{Seed: 1, Records: 6000})
	paths, err := c.DropFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(paths, func(p string) bool { return strings.HasSuffix(p, ".xlsx") })
	if i < 0 {
		t.Fatalf("no workbook among %d files", len(paths))
	}
	f, err := excelize.OpenFile(paths[i])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := f.GetRows("Sheet1", excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows[0]) != 1 || !slices.Equal(rows[1], HotlineColumns()) {
		t.Fatalf("title %v, header %v", rows[0], rows[1])
	}
	serial, asText := 0, 0
	for n, row := range rows[2:] {
		id, at := row[0], row[1]
		want, err := time.Parse("060102150405", id[:12])
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(at, "-") {
			asText++
			if at != want.Format("2006-01-02 15:04:05") {
				t.Fatalf("row %d: the time is not that of the number", n)
			}
			continue
		}
		serial++
		days, err := parseFloat(at)
		if err != nil {
			t.Fatal(err)
		}
		got, err := excelize.ExcelDateToTime(days, false)
		if err != nil || math.Abs(got.Sub(want).Seconds()) > 1 {
			t.Fatalf("row %d: serial %s is %v, want %v", n, at, got, want)
		}
	}
	if serial == 0 || asText == 0 {
		t.Errorf("%d serial and %d text times", serial, asText)
	}
}

func TestFaultScriptIsChecked(t *testing.T) {
	for script, want := range map[string]string{
		"- {kind: flood}":                             "fault 1 (flood): no such kind",
		"- {kind: slow}":                              "bytes_per_s must be above 0",
		"- {kind: half_file, on: api}":                `cannot happen on "api"`,
		"- {kind: clock_skew}":                        "by must be set",
		"- {kind: header_drift}":                      "rename must be set",
		"- {kind: cut, at: -1}":                       "must not be negative",
		"- {kind: cut, when: 3}":                      "field when not found",
		"kind: cut":                                   "reading the fault script",
		"- {kind: clock_skew, by: 7m}\n- {kind: bad}": "fault 2 (bad)",
	} {
		if _, err := ParseFaults([]byte(script)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", script, err, want)
		}
	}
	if f, err := ParseFaults(nil); err != nil || len(f) != 0 {
		t.Errorf("an empty script: %v %v", f, err)
	}
}

// Pages are served while time moves and rows are touched; the race detector watches.
func TestServingWhileTimePasses(t *testing.T) {
	c := newCity(t, Config{Seed: 1, Records: 3000, Faults: Faults{{Kind: FaultShiftPage, Every: 3}}})
	r := serve(t, c)
	done := make(chan error)
	go func() { done <- c.Run(context.Background(), Live{Rounds: 20, DropDir: t.TempDir()}) }()
	for {
		if p := r.page("size=200&page=2"); p.Code != 0 || len(p.Data) != 200 {
			t.Fatalf("code %d, %d rows", p.Code, len(p.Data))
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}
