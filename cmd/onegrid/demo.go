package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"onegrid/configs"
	"onegrid/internal/city"
	"onegrid/internal/hub"
	"onegrid/internal/ops"
	"onegrid/internal/surface"
	"onegrid/pipelines/landing"
	"onegrid/pipelines/link"
	"onegrid/pipelines/privacy"
	"onegrid/query"
)

func (a *app) demoCmd() *cobra.Command {
	var dir, faults string
	var records int
	var seed uint64
	var serve bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "start a synthetic city on loopback, sync it and ask it three questions · 演示",
		Long: "Starts three invented department systems on loopback (a 110 API, a 12345 that drops CSV and XLSX files, an urban-management\n" +
			"database), reads them into a new store below --dir, lets six hours pass, reads again, and answers three questions.\n\n" +
			"在本机启动一座虚构城市(110接口、12345文件、城管数据库),接入、更新并回答三个问题。",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := &demo{app: a, dir: dir, records: records, seed: seed, serve: serve}
			if faults != "" {
				b, err := os.ReadFile(faults)
				if err != nil {
					return err
				}
				if d.faults, err = city.ParseFaults(b); err != nil {
					return usageError{err}
				}
			}
			return d.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "demo-city", "folder of the demo, made anew · 演示目录")
	f.IntVar(&records, "records", 20_000, "records of the history, up to 10 million · 记录数")
	f.Uint64Var(&seed, "seed", 1, "same seed, same city · 随机种子")
	f.StringVar(&faults, "faults", "", "YAML script of faults · 故障脚本")
	f.BoolVar(&serve, "serve", false, "go on: keep the city alive and the daemon running until interrupted · 持续运行")
	return cmd
}

type demo struct {
	*app
	dir     string
	records int
	seed    uint64
	serve   bool
	faults  city.Faults
	city    *city.City
}

// demoMark says that a folder was made by the demo and may be made anew.
const demoMark = ".onegrid-demo"

func (d *demo) run(ctx context.Context) error {
	t0 := time.Now()
	say := func(en, zh string, args ...any) {
		if !d.json {
			d.printf(en, zh, args...)
		}
	}
	if err := d.clear(); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening on loopback: %w", err)
	}
	if err := d.configure(l.Addr().(*net.TCPAddr).Port); err != nil {
		return err
	}
	if d.city, err = city.New(d.cityConfig(time.Now())); err != nil {
		return err
	}
	// Six hours are kept for the second reading, which then ends at the present.
	if gap := time.Now().Add(-later).Sub(d.city.Now()); gap > 0 {
		d.city.Advance(gap)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- d.city.ServeAPI(ctx, l) }()
	say("onegrid demo: an invented city with three department systems on loopback, below %s", "onegrid 演示:虚构城市的三个部门系统(仅本机),目录 %s", d.dir)
	if err := d.drop(ctx); err != nil {
		return err
	}
	d.config = d.dir
	progress := ops.NewProgress(d.err, d.json)
	jobs := &jobSet{p: progress}
	h, err := d.open(ctx, hub.Options{Observe: jobs.observe})
	if err != nil {
		return err
	}
	defer h.Close()
	ids, err := sourceIDs(h, nil)
	if err != nil {
		return err
	}
	say("\n1. First reading: the whole history", "\n1. 首次读取:全部历史")
	first := d.syncAll(ctx, h, ids, 2)
	d.city.Advance(later)
	if err := d.drop(ctx); err != nil {
		return err
	}
	second := d.syncAll(ctx, h, ids, 2)
	progress.Close()
	if !d.json {
		d.printSync(first)
		say("\n2. Six hours later: what is new, what changed, what was seen before", "\n2. 六小时之后:新增、变化与未变")
		d.printSync(second)
	}
	linker, err := h.Linker()
	if err != nil {
		return err
	}
	linked, err := linker.Run(ctx)
	if err != nil {
		return err
	}
	if _, err := publishHub(ctx, h); err != nil {
		return err
	}
	sum, err := d.summary(ctx, h)
	if err != nil {
		return err
	}
	sum.Linked = linked
	sum.First, sum.Second, sum.Seconds = first, second, time.Since(t0).Seconds()
	if err := d.emit(sum, func() { d.print(sum) }); err != nil {
		return err
	}
	if err := errors.Join(failures(first), failures(second)); err != nil {
		return reported{err, exitRun}
	}
	if d.serve {
		return d.goOn(ctx, h, say)
	}
	cancel()
	return <-served
}

// later is the time between the two readings of the demo.
const later = 6 * time.Hour

// cityConfig lets the city's history end today, so that freshness means something.
func (d *demo) cityConfig(now time.Time) city.Config {
	days := max(7, d.records/3000)
	return city.Config{Seed: d.seed, Records: d.records, Faults: d.faults, APIKey: demoKey, Days: days, Start: now.Add(-later).AddDate(0, 0, -days)}
}

// demoKey is what the invented call desk wants to see; it opens nothing else.
const demoKey = "demo-key"

// clear makes the folder anew if it is the demo's own.
func (d *demo) clear() error {
	es, err := os.ReadDir(d.dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(es) == 0 {
		return os.MkdirAll(d.dir, 0o750)
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(d.dir, demoMark)); err != nil {
		return hinted{fmt.Errorf("%s exists and was not made by the demo", d.dir), "choose another folder with --dir", "用 --dir 指定其他目录"}
	}
	if err := os.RemoveAll(d.dir); err != nil {
		return err
	}
	return os.MkdirAll(d.dir, 0o750)
}

// configure writes the example city's configuration with the addresses, keys and folders of this demo.
func (d *demo) configure(port int) error {
	recipient, err := landing.GenerateIdentity(filepath.Join(d.dir, "landing-identity.txt"))
	if err != nil {
		return err
	}
	if err := privacy.GenerateKeyFile(filepath.Join(d.dir, "privacy.key")); err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(filepath.Join(d.dir, "city.key"), []byte(demoKey+"\n"), 0o400),
		os.WriteFile(filepath.Join(d.dir, demoMark), nil, 0o640), os.MkdirAll(filepath.Join(d.dir, "city", "drop"), 0o750)); err != nil {
		return err
	}
	replace := strings.NewReplacer("${ONEGRID_CITY_110}", fmt.Sprint(port), "${ONEGRID_CITY_DROP}", "city/drop", "${ONEGRID_CITY_DB}", "city/urban.db",
		"env:ONEGRID_CITY_KEY", "file:city.key", "env:ONEGRID_PRIVACY_KEY", "file:privacy.key", "recipients: []", "recipients: ["+recipient+"]")
	sub, err := fs.Sub(configs.FS, "city")
	if err != nil {
		return err
	}
	return fs.WalkDir(sub, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(path, "layout") {
			return nil
		}
		to := filepath.Join(d.dir, path)
		if e.IsDir() {
			return os.MkdirAll(to, 0o750)
		}
		b, err := fs.ReadFile(sub, path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".yaml") {
			b = []byte(replace.Replace(string(b)))
		}
		if path == "onegrid.yaml" && d.serve {
			b = fmt.Appendf(b, "query:\n  http: {listen: %q}\n  pgwire: {listen: %q}\n", freeAddress(8687), freeAddress(5433))
		}
		return os.WriteFile(to, b, 0o640)
	})
}

// freeAddress is a port of loopback: the usual one, or any that is free when somebody has it.
func freeAddress(port int) string {
	for _, p := range []int{port, 0} {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p)); err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// drop brings the folder and the database of the city to its time.
func (d *demo) drop(ctx context.Context) error {
	if _, err := d.city.DropFiles(filepath.Join(d.dir, "city", "drop")); err != nil {
		return err
	}
	if err := d.city.Database(ctx, filepath.Join(d.dir, "city", "urban.db")); err != nil {
		return err
	}
	// The true incidents lie apart: the hub never reads them.
	f, err := os.Create(filepath.Join(d.dir, "truth.csv"))
	if err != nil {
		return err
	}
	return errors.Join(d.city.Truth(f), f.Close())
}

// question is one example question with its answer.
type question struct {
	Asked   string   `json:"asked"`
	AskedZH string   `json:"asked_zh"`
	SQL     string   `json:"sql"`
	Answer  [][]any  `json:"answer"`
	Columns []string `json:"columns"`
}

type demoSummary struct {
	First     []syncResult     `json:"first"`
	Second    []syncResult     `json:"second"`
	Events    int64            `json:"events"`
	Versions  int64            `json:"versions"`
	Rejects   map[string]int64 `json:"rejects_by_reason"`
	Questions []question       `json:"questions"`
	Freshness []freshness      `json:"freshness"`
	Linked    link.Report      `json:"linked"`
	Reports   int64            `json:"reports"`   // valid ones
	Incidents int64            `json:"incidents"` // that they are about
	Example   [2]string        `json:"example"`   // two linked reports of different departments
	Seconds   float64          `json:"seconds"`
}

var demoQuestions = []question{
	{Asked: "Which incidents did several departments hear of?", AskedZH: "哪些事件由多个部门同时收到反映?",
		SQL: `SELECT i.incident_id, any_value(c.name_zh) AS category_name, any_value(a.name) AS district, any_value(i.reports) AS reports, any_value(i.sources) AS departments,
any_value(i.first_reported_at) AS first_reported, any_value(i.last_reported_at) AS last_reported
FROM incident i LEFT JOIN category c ON c.category = i.category LEFT JOIN area a ON a.area_code = i.county_code
WHERE i.sources > 1 GROUP BY i.incident_id ORDER BY departments DESC, reports DESC, i.incident_id LIMIT 5`},
	{Asked: "Which districts have the most open events, by department?", AskedZH: "各区县未办结事件最多的部门?",
		SQL: `SELECT coalesce(a.name, e.county_code, '(unknown)') AS district, e.source_kind, count(*) AS open_events
FROM event e LEFT JOIN area a ON a.area_code = e.county_code
WHERE e.status NOT IN ('closed', 'rejected', 'cancelled', 'merged', 'transferred_out') AND e.validity <> 'invalid'
GROUP BY ALL ORDER BY open_events DESC, district LIMIT 6`},
	{Asked: "What are the most frequent kinds of event across all departments?", AskedZH: "各部门合计最多的事件类别?",
		SQL: `SELECT e.category, any_value(c.name_zh) AS category_name, count(*) AS events, count(DISTINCT e.source_kind) AS departments
FROM event e LEFT JOIN category c ON c.category = e.category GROUP BY e.category ORDER BY events DESC LIMIT 6`},
	{Asked: "How many closed events met their deadline (on time = closed_at <= due_at)?", AskedZH: "按期办结率?",
		SQL: `SELECT source_id, count(*) FILTER (closed_at <= due_at) AS on_time, count(*) AS closed_with_deadline,
round(100.0 * count(*) FILTER (closed_at <= due_at) / count(*), 1) AS percent
FROM event WHERE closed_at IS NOT NULL AND due_at IS NOT NULL GROUP BY source_id ORDER BY source_id`},
}

func (d *demo) summary(ctx context.Context, h *hub.Hub) (demoSummary, error) {
	sum := demoSummary{Rejects: map[string]int64{}}
	db := h.Store.DB()
	if err := db.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM event_version)").Scan(&sum.Events, &sum.Versions); err != nil {
		return sum, err
	}
	rows, err := db.QueryContext(ctx, "SELECT source_id || ' ' || rule, count(*) FROM reject GROUP BY ALL")
	if err != nil {
		return sum, err
	}
	defer rows.Close()
	for rows.Next() {
		var rule string
		var n int64
		if err := rows.Scan(&rule, &n); err != nil {
			return sum, err
		}
		sum.Rejects[rule] = n
	}
	if err := db.QueryRowContext(ctx, "SELECT count(*) FILTER (validity <> 'invalid'), count(*) FILTER (validity <> 'invalid' AND is_countable) FROM event").Scan(&sum.Reports, &sum.Incidents); err != nil {
		return sum, err
	}
	if err := db.QueryRowContext(ctx, `SELECT a.source_id || ':' || a.source_record_id, b.source_id || ':' || b.source_record_id FROM event_link l
JOIN event a ON a.event_id = l.from_event JOIN event b ON b.event_id = l.to_event
WHERE l.band = 'link' AND l.action = 'assert' AND a.source_id <> b.source_id ORDER BY l.weight DESC, l.from_event LIMIT 1`).Scan(&sum.Example[0], &sum.Example[1]); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return sum, err
	}
	// The questions take the way of every analyst: published snapshot, gate, sandboxed worker.
	asked, err := d.askAll(ctx, h)
	if err != nil {
		return sum, err
	}
	sum.Questions = asked
	sum.Freshness, err = readFreshness(ctx, db)
	return sum, err
}

func (d *demo) askAll(ctx context.Context, h *hub.Hub) (out []question, err error) {
	s, err := surface.Open(ctx, surface.Options{Catalog: h.Catalog, Data: h.DataDir(), Log: h.Log, Version: version, Local: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	group := s.Services()
	if err := group.Start(ctx); err != nil {
		return nil, err
	}
	defer group.Stop(context.WithoutCancel(ctx))
	who := query.Principal{User: defaultActor(), Role: query.Analyst, Scope: query.Scope{Area: "city", Tier: query.Masked}}
	for _, q := range demoQuestions {
		ans, err := s.Front.Run(ctx, who, query.Request{SQL: q.SQL, Surface: query.CLI, Client: "onegrid demo"})
		if err != nil {
			return nil, fmt.Errorf("asking %q: %w", q.Asked, queryFailed(err))
		}
		got, err := collect(ans, 20)
		ans.Close()
		if err != nil {
			return nil, fmt.Errorf("asking %q: %w", q.Asked, queryFailed(err))
		}
		q.Answer, q.Columns = got.Rows, got.Columns
		out = append(out, q)
	}
	return out, nil
}

func (d *demo) print(s demoSummary) {
	d.printf("\n3. The store: %d events in %d versions", "\n3. 库中共 %d 个事件、%d 个版本", s.Events, s.Versions)
	for rule, n := range s.Rejects {
		d.printf("   rejected: %s %d", "   拒收:%s %d", rule, n)
	}
	for _, f := range s.Freshness {
		d.printf("   %s: %d events, read %s ago", "   %s:%d 个事件,%s 前读取", f.Source, f.Events, time.Since(f.LastRead).Round(time.Second))
	}
	d.printf("\n4. Which reports are one incident: %d valid reports are about %d incidents (%d candidate pairs compared, largest incident %d reports)",
		"\n4. 同一事件关联:%d 条有效反映对应 %d 起事件(比较候选 %d 对,最大一起 %d 条)", s.Reports, s.Incidents, s.Linked.Candidates, s.Linked.Largest)
	d.printf("\nPublished for analysts: masked, cut to their districts. They ask:", "\n已发布脱敏快照,分析人员提问:")
	for i, q := range s.Questions {
		fmt.Fprintf(d.out, "\n%d. %s\n", i+5, d.tr(q.Asked, q.AskedZH))
		t := d.table(q.Columns...)
		for _, r := range q.Answer {
			for j := range r {
				if r[j] == nil {
					r[j] = "-"
				}
			}
			t.row(r...)
		}
		t.flush()
	}
	d.printf("\nDone in %.1f s. Try next:", "\n用时 %.1f 秒。接下来可以试试:", s.Seconds)
	lines := []string{`onegrid -c %s status`, `onegrid -c %s rejects list`}
	if s.Example[0] != "" {
		lines = append(lines, `onegrid -c %s link explain `+s.Example[0]+` `+s.Example[1])
	}
	for _, line := range append(lines, `onegrid -c %s link eval --truth %[1]s/truth.csv`, `onegrid -c %s query "SELECT status, count(*) FROM event GROUP BY ALL ORDER BY 2 DESC"`,
		`onegrid -c %s export events.parquet`, `onegrid -c %[1]s rebuild --identity %[1]s/landing-identity.txt --into %[1]s/rebuilt`, `onegrid demo --dir %s --serve`) {
		fmt.Fprintf(d.out, "   "+line+"\n", d.dir)
	}
}
