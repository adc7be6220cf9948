package city

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// snapshot is everything that the three departments show, as one hash per department.
func snapshot(t testing.TB, c *City) [4][32]byte {
	t.Helper()
	dir := t.TempDir()
	paths, err := c.DropFiles(filepath.Join(dir, "drop"))
	if err != nil {
		t.Fatal(err)
	}
	var files bytes.Buffer
	for _, p := range paths {
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files.WriteString(filepath.Base(p))
		files.Write(raw)
	}
	if err := c.Database(context.Background(), filepath.Join(dir, "cg.db")); err != nil {
		t.Fatal(err)
	}
	_, body, err := serve(t, c).get("size=5000")
	if err != nil {
		t.Fatal(err)
	}
	var truth bytes.Buffer
	if err := c.Truth(&truth); err != nil {
		t.Fatal(err)
	}
	return [4][32]byte{sha256.Sum256(body), sha256.Sum256(files.Bytes()), sha256.Sum256([]byte(dump(t, filepath.Join(dir, "cg.db")))), sha256.Sum256(truth.Bytes())}
}

func TestSameSeedSameBytes(t *testing.T) {
	make := func(seed uint64) [4][32]byte {
		c := newCity(t, Config{Seed: seed, Records: 4000})
		c.Advance(5 * time.Hour)
		return snapshot(t, c)
	}
	a, b, other := make(7), make(7), make(8)
	if a != b {
		t.Errorf("the same seed gave other bytes: %v", [4]bool{a[0] == b[0], a[1] == b[1], a[2] == b[2], a[3] == b[3]})
	}
	for i := range a {
		if a[i] == other[i] {
			t.Errorf("output %d does not depend on the seed", i)
		}
	}
}

// TestTimeInPieces: what a department shows depends on the time, not on the steps that led there.
func TestTimeInPieces(t *testing.T) {
	one, many := newCity(t, Config{Seed: 3, Records: 3000}), newCity(t, Config{Seed: 3, Records: 3000})
	one.Advance(3 * 24 * time.Hour)
	db := filepath.Join(t.TempDir(), "pieces.db")
	drop := t.TempDir()
	rounds := 0
	err := many.Run(context.Background(), Live{Step: 6 * time.Hour, Rounds: 12, Database: db, DropDir: drop, Round: func(int, time.Time) { rounds++ }})
	if err != nil {
		t.Fatal(err)
	}
	if rounds != 12 || !one.Now().Equal(many.Now()) {
		t.Fatalf("%d rounds, at %v and %v", rounds, one.Now(), many.Now())
	}
	if a, b := serve(t, one).all(""), serve(t, many).all(""); len(a) != len(b) || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("the API shows %d and %d calls, or other ones", len(a), len(b))
	}
	whole := filepath.Join(t.TempDir(), "whole.db")
	if err := one.Database(context.Background(), whole); err != nil {
		t.Fatal(err)
	}
	if dump(t, whole) != dump(t, db) {
		t.Error("the database written in rounds differs from the one written at once")
	}
	latest := map[string]string{}
	files, err := filepath.Glob(filepath.Join(drop, "*.csv")) // names sort by time
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range tickets(t, files) {
		latest[row[0]] = strings.Join(row, "|")
	}
	paths, err := one.DropFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := tickets(t, paths)
	if len(want) != len(latest) || len(want) == 0 {
		t.Errorf("%d tickets in rounds, %d at once", len(latest), len(want))
	}
	for _, row := range want {
		if latest[row[0]] != strings.Join(row, "|") {
			t.Fatalf("ticket %s differs between rounds and once", row[0])
		}
	}
}

// call is one row of the 110 desk; get gives a column.
type call struct {
	fields []string
	at     map[string]int
}

const null = "\x00null"

func (r call) get(column string) string { return r.fields[r.at[column]] }

// calls renders every call as the API does, without the network.
func calls(c *City) (out []call) {
	at := map[string]int{}
	for i, name := range PoliceColumns() {
		at[name] = i
	}
	var w row
	c.each(func(rec *record) {
		if rec.dept != police {
			return
		}
		n := rec.at(c.now)
		c.police(&w, rec, n, rec.steps[n-1].t, 0)
		r := make([]string, len(w.ends))
		for i := range r {
			if r[i] = string(w.field(i)); w.isNull(i) {
				r[i] = null
			}
		}
		out = append(out, call{r, at})
	})
	return out
}

func TestDefectRates(t *testing.T) {
	c := newCity(t, Config{Seed: 1, Records: 120_000})
	rows := calls(c)
	if len(rows) < 50_000 {
		t.Fatalf("only %d calls", len(rows))
	}
	quotedID := regexp.MustCompile(`^案件编号:([0-9]{20});地址:`)
	phone, plate := c.Seeded()[0].Pattern, c.Seeded()[3].Pattern
	ids := map[string]bool{}
	for _, r := range rows {
		ids[r.get("JJDBH")] = true
	}
	if len(ids) != len(rows) {
		t.Errorf("%d numbers for %d calls", len(ids), len(rows))
	}
	n := map[string]float64{}
	count := func(name string, is bool) {
		if is {
			n[name]++
		}
	}
	for _, r := range rows {
		id, bjnr := r.get("JJDBH"), r.get("BJNR")
		at, err := time.Parse("200601021504", "20"+id[6:16])
		if err != nil {
			t.Fatalf("a number without a time: %v", err)
		}
		bjsj, err := time.Parse("2006-01-02 15:04:05", r.get("BJSJ"))
		if err != nil {
			t.Fatal(err)
		}
		diff := at.Hour() - bjsj.Hour()
		count("time displaced by the 12-hour clock", diff >= 11 || diff <= -11)
		lag := math.Mod(float64(bjsj.Hour()*60+bjsj.Minute()-at.Hour()*60-at.Minute())+24*60, 12*60)
		count("clock 6 to 7 minutes late", lag >= 6)
		if lag > 8 {
			t.Fatalf("a call lags %v minutes", lag)
		}
		count("automatic position 0,0", r.get("ZDDWXZB") == "0" && r.get("ZDDWYZB") == "0")
		count("manual position 0,0", r.get("SDDWXZB") == "0" && r.get("SDDWYZB") == "0")
		count("no address", r.get("SFDZ") == null)
		count("no narrative", r.get("BJNR") == null)
		count("line break in the narrative", strings.Contains(bjnr, "\n补充"))
		count("phone in the narrative", phone.MatchString(bjnr))
		count("plate in the narrative", plate.MatchString(bjnr))
		count("answered on the call", r.get("AJZT") == "8")
		count("filed as 100100", r.get("BJLX") == "100100")
		if m := quotedID.FindStringSubmatch(bjnr); m != nil {
			count("follow-up calls", true)
			count("follow-up calls filed as 100100", r.get("BJLX") == "100100")
			count("follow-up calls that quote a call not yet entered", !ids[m[1]])
			count("follow-up calls that quote a call of the same day", m[1][6:12] == id[6:12])
		}
	}
	total := float64(len(rows))
	for _, want := range []struct {
		name  string
		share float64
		of    float64
		tol   float64
	}{
		{"time displaced by the 12-hour clock", 0.598, total, 0.015},
		{"clock 6 to 7 minutes late", 258.0 / 398, total, 0.01},
		{"automatic position 0,0", 0.276, total, 0.01},
		{"manual position 0,0", 1, total, 0},
		{"no address", 0.402, total, 0.01},
		{"no narrative", 0.166, total, 0.01},
		{"line break in the narrative", 0.035, total, 0.004},
		{"phone in the narrative", 0.030, total, 0.003},
		{"plate in the narrative", 0.028, total, 0.003},
		{"answered on the call", 0.106, total, 0.006},
		{"filed as 100100", 0.435, total, 0.02},
		{"follow-up calls", 0.188, total, 0.006},
		{"follow-up calls filed as 100100", 73.0 / 75, n["follow-up calls"], 0.01},
		{"follow-up calls that quote a call not yet entered", 0, n["follow-up calls"], 0.001},
		{"follow-up calls that quote a call of the same day", 47.0 / 75, n["follow-up calls"], 0.1},
	} {
		got := n[want.name] / want.of
		t.Logf("%-52s %6.0f of %6.0f = %.4f (measured %.4f)", want.name, n[want.name], want.of, got, want.share)
		if math.Abs(got-want.share) > want.tol {
			t.Errorf("%s: %.4f, want %.4f ± %.3f", want.name, got, want.share, want.tol)
		}
	}
}

func TestOtherDepartments(t *testing.T) {
	c := newCity(t, Config{Seed: 1, Records: 40_000})
	paths, err := c.DropFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	rows := tickets(t, paths)
	var consult, from110, runes, bytes float64
	for _, r := range rows {
		if len(r) != len(HotlineColumns()) {
			t.Fatalf("%d fields", len(r))
		}
		if r[4] == "咨询" {
			consult++
		} else {
			runes += float64(len([]rune(r[hotlineContent])))
		}
		if r[17] == "110" {
			from110++
			if len(r[18]) != 20 {
				t.Fatal("an upstream number has not 20 digits")
			}
		}
		bytes += float64(len(strings.Join(r, ",")) + 1)
		if r[21] != "" && (r[21] < r[1] || r[19] != "" && r[21] < r[19]) {
			t.Fatal("a ticket was done before it came or was sent")
		}
	}
	n := float64(len(rows))
	t.Logf("12345: %v tickets in CSV, consult %.3f, from 110 %.4f, %.0f runes in others' narratives, %.0f bytes a record in UTF-8", n, consult/n, from110/n, runes/(n-consult), bytes/n)
	if consult/n < 0.55 || consult/n > 0.68 {
		t.Errorf("share of 咨询 is %.3f, published 0.637", consult/n)
	}
	if from110/n < 0.005 || from110/n > 0.009 {
		t.Errorf("share handed over by 110 is %.4f, published 0.007", from110/n)
	}
	var urbanRows, from12345, runesUrban float64
	src := c.UrbanRows(9000)
	for src.Next() {
		v, err := src.Values()
		if err != nil {
			t.Fatal(err)
		}
		urbanRows++
		runesUrban += float64(len([]rune(v[6].(string))))
		if v[3] == int64(11) {
			from12345++
			if len(v[40].(string)) != 18 {
				t.Fatal("an upstream number has not 18 digits")
			}
		}
	}
	t.Logf("urban: from 12345 %.4f, %.0f runes in narratives", from12345/urbanRows, runesUrban/urbanRows)
	if s := from12345 / urbanRows; s < 0.035 || s > 0.055 {
		t.Errorf("share handed over by 12345 is %.4f, published 0.045", s)
	}
}

func TestTruthIsComplete(t *testing.T) {
	c := newCity(t, Config{Seed: 5, Records: 20_000})
	var b bytes.Buffer
	if err := c.Truth(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	incident := map[string]string{}
	size := map[string]int{}
	across := map[string]map[string]bool{}
	for _, r := range rows[1:] {
		if incident[r[0]+r[1]] != "" {
			t.Fatalf("%s is listed twice", r[0])
		}
		incident[r[0]+r[1]] = r[2]
		size[r[2]]++
		if across[r[2]] == nil {
			across[r[2]] = map[string]bool{}
		}
		across[r[2]][r[0]] = true
	}
	counts := c.Counts()
	if got := counts["police_110"] + counts["hotline_12345"] + counts["urban_mgmt"]; got != len(rows)-1 || got < 19_000 {
		t.Errorf("%d records, %d in the truth", got, len(rows)-1)
	}
	calls := serve(t, c).all("")
	if len(calls) != counts["police_110"] {
		t.Errorf("the API has %d calls, the city %d", len(calls), counts["police_110"])
	}
	quoted := regexp.MustCompile(`^案件编号:([0-9]{20});`)
	pending := 0
	for _, r := range calls {
		id := incident["police_110"+text(r["JJDBH"])]
		if id == "" {
			t.Fatal("a call has no incident")
		}
		m := quoted.FindStringSubmatch(text(r["BJNR"]))
		if m == nil {
			continue
		}
		if other := incident["police_110"+m[1]]; other == "" {
			pending++ // the call that it quotes is entered late
		} else if other != id {
			t.Fatal("a follow-up call has another incident than the call that it quotes")
		}
	}
	if pending > 5 {
		t.Errorf("%d follow-up calls quote a call that is not there", pending)
	}
	paths, err := c.DropFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range tickets(t, paths) {
		id := incident["hotline_12345"+r[0]]
		if id == "" {
			t.Fatal("a ticket has no incident")
		}
		if r[17] == "110" && incident["police_110"+r[18]] != id {
			t.Fatal("a ticket has another incident than the call that it came from")
		}
	}
	largest, mixed := 0, 0
	for id, n := range size {
		largest = max(largest, n)
		if len(across[id]) > 1 {
			mixed++
		}
	}
	t.Logf("%d incidents, largest %d records, %d known to several departments", len(size), largest, mixed)
	if largest < 12 || mixed < 300 {
		t.Errorf("largest incident %d, shared between departments %d", largest, mixed)
	}
}

func TestNumbersAreUniqueAtAnyDensity(t *testing.T) {
	for _, cfg := range []Config{{Seed: 2, Records: 150_000, Days: 1}, {Seed: 2, Records: 100_000, Days: 33}} {
		c := newCity(t, cfg)
		seen := map[string]bool{}
		n := 0
		c.each(func(rec *record) {
			id := rec.self()
			seen[string(appendNumber([]byte{byte(rec.dept)}, &id))] = true
			n++
		})
		if len(seen) != n {
			t.Errorf("%d records in %d days have %d numbers", n, cfg.Days, len(seen))
		}
	}
}

func TestTimesAreSane(t *testing.T) {
	c := newCity(t, Config{Seed: 9, Records: 30_000})
	c.each(func(rec *record) {
		if rec.idTime < rec.in.t0 || rec.rep < rec.idTime {
			t.Fatalf("department %d: reported before it happened", rec.dept)
		}
		if rec.idTime < c.start || rec.idTime > c.now {
			t.Fatalf("department %d: a number outside the history", rec.dept)
		}
		for i := 1; i < rec.n; i++ {
			if rec.steps[i].t <= rec.steps[i-1].t {
				t.Fatalf("department %d: step %d is not after the one before", rec.dept, i)
			}
		}
		if last := rec.steps[rec.n-1].t - rec.in.t0; last+daySeconds*2 > lifeSeconds+c.spread {
			t.Fatalf("department %d: a record lives %d days", rec.dept, last/daySeconds)
		}
		if rec.ref.ok && !rec.ref.far && rec.ref.idTime >= rec.idTime {
			t.Fatalf("department %d: quotes a later record", rec.dept)
		}
	})
}

func TestDatabaseMovesClosedRows(t *testing.T) {
	c := newCity(t, Config{Seed: 4, Records: 6000})
	path := filepath.Join(t.TempDir(), "cg.db")
	if err := c.Database(context.Background(), path); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	count := func(q string) (n int) {
		t.Helper()
		if err := db.QueryRow(q).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	live, history := count("SELECT count(*) FROM to_rec"), count("SELECT count(*) FROM to_his_rec")
	if want := c.Counts()["urban_mgmt"]; live+history != want || live == 0 || history == 0 {
		t.Fatalf("%d live and %d historic rows of %d", live, history, want)
	}
	c.Advance(48 * time.Hour)
	if err := c.Database(context.Background(), path); err != nil {
		t.Fatal(err)
	}
	if after := count("SELECT count(*) FROM to_his_rec"); after <= history {
		t.Errorf("two days later the history holds %d rows, before %d", after, history)
	}
	if n := count("SELECT count(*) FROM to_rec JOIN to_his_rec USING (rec_id)"); n != 0 {
		t.Errorf("%d rows are in both tables", n)
	}
	if n := count("SELECT count(*) FROM to_his_rec WHERE act_property_id NOT IN (101, 102)"); n != 0 {
		t.Errorf("%d open rows are in the history", n)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []Config{{Records: -1}, {Days: 40_000}, {Faults: Faults{{Kind: "typhoon"}}}, {Faults: Faults{{Kind: FaultSlow}}}, {Places: nowhere{}}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}

type nowhere struct{}

func (nowhere) Communities() []Community { return nil }
func (nowhere) Units() []Unit            { return nil }
