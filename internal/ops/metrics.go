package ops

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are the numbers of one process, with a registry of their own. All methods may be called concurrently.
type Metrics struct {
	reg *prometheus.Registry

	runs        *prometheus.CounterVec
	runSeconds  *prometheus.HistogramVec
	read        *prometheus.CounterVec
	events      *prometheus.CounterVec
	versions    *prometheus.CounterVec
	unchanged   *prometheus.CounterVec
	rejects     *prometheus.CounterVec
	commit      prometheus.Histogram
	breaker     *prometheus.GaugeVec
	landing     prometheus.Gauge
	wal         prometheus.Gauge
	store       prometheus.Gauge
	ages        *ages
	nextRun     *prometheus.GaugeVec
	missedSlots *prometheus.CounterVec
}

// NewMetrics returns metrics that start at zero, including those of the Go runtime and the process. version is the
// label of onegrid_build_info.
func NewMetrics(version string) *Metrics {
	m := &Metrics{reg: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "onegrid_" + name, Help: help}, labels)
		m.reg.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "onegrid_" + name, Help: help})
		m.reg.MustRegister(g)
		return g
	}
	gaugeVec := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "onegrid_" + name, Help: help}, labels)
		m.reg.MustRegister(g)
		return g
	}
	m.runs = counter("runs_total", "Ended runs by outcome (ok, partial, failed, stopped).", "source", "outcome")
	m.read = counter("records_read_total", "Records read from the source, rejected ones included.", "source")
	m.events = counter("events_new_total", "Records that became a new event.", "source")
	m.versions = counter("event_versions_total", "Stored versions, first ones included.", "source")
	m.unchanged = counter("records_unchanged_total", "Records that said nothing new.", "source")
	m.rejects = counter("rejects_total", "Rejected records by rule.", "source", "rule")
	m.missedSlots = counter("schedule_slots_dropped_total", "Slots without a run of their own (skipped, suppressed, missed).", "source", "why")
	m.runSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "onegrid_run_seconds", Help: "Duration of runs.", Buckets: prometheus.ExponentialBuckets(0.1, 3, 10)}, []string{"source"})
	m.commit = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "onegrid_commit_seconds", Help: "Duration of commits to the store.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 13)})
	m.reg.MustRegister(m.runSeconds, m.commit)
	m.breaker = gaugeVec("breaker_state", "1 for the phase that the source's breaker is in (closed, open, half_open).", "source", "phase")
	m.nextRun = gaugeVec("next_run_timestamp_seconds", "Earliest start of the source's next run, Unix time.", "source")
	m.landing = gauge("landing_bytes", "Size of the landing folder.")
	m.wal = gauge("store_wal_bytes", "Size of the store's write-ahead log.")
	m.store = gauge("store_file_bytes", "Size of the store's file.")
	m.ages = newAges()
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "onegrid_build_info", Help: "Always 1; the version is the label.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.reg.MustRegister(m.ages, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Registry is for the HTTP server and for tests.
func (m *Metrics) Registry() *prometheus.Registry { return m.reg }

// RunEnded counts a run; outcome is ok, partial, failed or stopped. A run that ended ok, even an empty one, moves the
// source's last good run to at.
func (m *Metrics) RunEnded(source, outcome string, took time.Duration, at time.Time) {
	m.runs.WithLabelValues(source, code(outcome)).Inc()
	m.runSeconds.WithLabelValues(source).Observe(took.Seconds())
	if outcome == "ok" {
		m.ages.set(source, func(a *age) { a.good = latest(a.good, at) })
	}
}

// Unit is what one commit did; its numbers are those of the run row.
type Unit struct {
	Read, Events, Versions, Unchanged int64
	Rejects                           map[string]int64 // by rule
	Newest                            time.Time        // newest source time that is now stored; zero = none
	Took                              time.Duration    // of the commit
}

// Committed counts one committed unit of a source.
func (m *Metrics) Committed(source string, u Unit) {
	m.read.WithLabelValues(source).Add(float64(u.Read))
	m.events.WithLabelValues(source).Add(float64(u.Events))
	m.versions.WithLabelValues(source).Add(float64(u.Versions))
	m.unchanged.WithLabelValues(source).Add(float64(u.Unchanged))
	for rule, n := range u.Rejects {
		m.rejects.WithLabelValues(source, code(rule)).Add(float64(n))
	}
	m.commit.Observe(u.Took.Seconds())
	m.Newest(source, u.Newest)
}

// Newest tells the newest source time that the store holds of a source, for its freshness; also at the start, from
// the store. Older times than the known one are ignored.
func (m *Metrics) Newest(source string, at time.Time) {
	m.ages.set(source, func(a *age) { a.newest = latest(a.newest, at) })
}

// LastGoodRun tells when the last good run of a source ended; for the start, from the store.
func (m *Metrics) LastGoodRun(source string, at time.Time) {
	m.ages.set(source, func(a *age) { a.good = latest(a.good, at) })
}

// Breaker tells the phase of a source's breaker: closed, open or half_open.
func (m *Metrics) Breaker(source, phase string) {
	for _, p := range [...]string{"closed", "open", "half_open"} {
		v := 0.0
		if p == phase {
			v = 1
		}
		m.breaker.WithLabelValues(source, p).Set(v)
	}
}

// NextRun tells when a source runs next; zero removes the number.
func (m *Metrics) NextRun(source string, at time.Time) {
	if at.IsZero() {
		m.nextRun.DeleteLabelValues(source)
		return
	}
	m.nextRun.WithLabelValues(source).Set(float64(at.Unix()))
}

// SlotsDropped counts slots without a run; why is skipped, suppressed or missed.
func (m *Metrics) SlotsDropped(source, why string, n int64) {
	m.missedSlots.WithLabelValues(source, code(why)).Add(float64(n))
}

// Sizes tells the sizes in bytes of the store's file, of its write-ahead log and of the landing folder. A negative
// size is not known and leaves the number as it was.
func (m *Metrics) Sizes(store, wal, landing int64) {
	for g, v := range map[prometheus.Gauge]int64{m.store: store, m.wal: wal, m.landing: landing} {
		if v >= 0 {
			g.Set(float64(v))
		}
	}
}

// code lets only short codes become labels: whatever else comes by mistake may be text of a record, and would also
// make one series per text. invariant 4: no clear personal value in metrics.
func code(s string) string {
	if len(s) == 0 || len(s) > 48 {
		return "other"
	}
	letter := false
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letter = true
		case c >= '0' && c <= '9', c == '_', c == '-', c == '.':
		default:
			return "other"
		}
	}
	if !letter {
		return "other"
	}
	return s
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// ages makes the age of each source's data at the moment of the scrape: a number set at the end of a run would stand
// still when runs stop, which is when it matters. invariant 9: silence is not zero.
type ages struct {
	freshness, good, lastGood *prometheus.Desc
	mu                        sync.Mutex
	bySource                  map[string]age
}

type age struct{ newest, good time.Time }

func newAges() *ages {
	d := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("onegrid_"+name, help, []string{"source"}, nil)
	}
	return &ages{
		freshness: d("source_freshness_seconds", "Now minus the newest source time that is stored."),
		good:      d("source_last_good_run_age_seconds", "Now minus the end of the last good run, also an empty one."),
		lastGood:  d("source_last_good_run_timestamp_seconds", "End of the last good run, Unix time."),
		bySource:  map[string]age{},
	}
}

func (a *ages) set(source string, change func(*age)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.bySource[source]
	change(&v)
	a.bySource[source] = v
}

func (a *ages) Describe(ch chan<- *prometheus.Desc) {
	ch <- a.freshness
	ch <- a.good
	ch <- a.lastGood
}

func (a *ages) Collect(ch chan<- prometheus.Metric) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	for source, v := range a.bySource {
		if !v.newest.IsZero() {
			ch <- prometheus.MustNewConstMetric(a.freshness, prometheus.GaugeValue, now.Sub(v.newest).Seconds(), source)
		}
		if !v.good.IsZero() {
			ch <- prometheus.MustNewConstMetric(a.good, prometheus.GaugeValue, now.Sub(v.good).Seconds(), source)
			ch <- prometheus.MustNewConstMetric(a.lastGood, prometheus.GaugeValue, float64(v.good.UnixMilli())/1000, source)
		}
	}
}
