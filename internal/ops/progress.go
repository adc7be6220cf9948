package ops

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// lineEvery is the distance of progress lines where there is no terminal.
const lineEvery = 5 * time.Second

// Progress shows how far some jobs are: bars on a terminal, a plain line per job every five seconds elsewhere (a log
// file wants lines, not control characters), nothing when silent.
type Progress struct {
	w     io.Writer
	bars  *mpb.Progress // nil unless on a terminal
	mu    sync.Mutex
	jobs  []*Job
	quit  chan struct{}
	ended sync.WaitGroup
	once  sync.Once
}

// Job is one thing that progresses. Its methods may be called concurrently, and on nil.
type Job struct {
	p     *Progress
	name  string
	unit  string
	begin time.Time
	total atomic.Int64 // 0 = not known
	done  atomic.Int64
	shown int64 // last printed line, under p.mu
	bar   *mpb.Bar
	end   sync.Once
}

// NewProgress returns a progress on w; silent (for --json) shows nothing. Call Close before printing anything else.
func NewProgress(w io.Writer, silent bool) *Progress {
	p := &Progress{w: w, quit: make(chan struct{})}
	switch f, ok := w.(*os.File); {
	case silent:
		p.w = nil
	case ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb":
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(64), mpb.WithRefreshRate(200*time.Millisecond))
	default:
		p.ended.Go(p.lines)
	}
	return p
}

// Job adds a job; total 0 means not known yet. unit names what is counted, such as "records 条".
func (p *Progress) Job(name, unit string, total int64) *Job {
	if p == nil || p.w == nil {
		return nil
	}
	j := &Job{p: p, name: name, unit: unit, begin: time.Now(), shown: -1}
	j.total.Store(total)
	if p.bars != nil {
		counter := decor.Any(func(decor.Statistics) string { return j.count() })
		if total > 0 {
			j.bar = p.bars.AddBar(total, mpb.PrependDecorators(decor.Name(name+" ", decor.WCSyncSpaceR)),
				mpb.AppendDecorators(decor.Percentage(decor.WCSyncSpace), counter))
		} else {
			j.bar = p.bars.AddSpinner(0, mpb.PrependDecorators(decor.Name(name+" ", decor.WCSyncSpaceR)), mpb.AppendDecorators(counter))
		}
	}
	p.mu.Lock()
	p.jobs = append(p.jobs, j)
	p.mu.Unlock()
	return j
}

// Add moves the job on by n.
func (j *Job) Add(n int64) {
	if j == nil {
		return
	}
	j.done.Add(n)
	if j.bar != nil {
		j.bar.IncrInt64(n)
	}
}

// SetTotal tells the total once it is known.
func (j *Job) SetTotal(total int64) {
	if j == nil || total <= 0 {
		return
	}
	j.total.Store(total)
	if j.bar != nil {
		j.bar.SetTotal(total, false)
	}
}

// End ends the job, complete or not.
func (j *Job) End() {
	if j == nil {
		return
	}
	j.end.Do(func() {
		if j.bar != nil {
			j.bar.Abort(false) // keeps the bar at where it is; a no-op on a full one
			return
		}
		j.p.mu.Lock()
		defer j.p.mu.Unlock()
		j.p.line(j)
		for i, other := range j.p.jobs {
			if other == j {
				j.p.jobs = append(j.p.jobs[:i:i], j.p.jobs[i+1:]...)
				break
			}
		}
	})
}

// Close ends all jobs and waits until the last state is written.
func (p *Progress) Close() {
	if p == nil || p.w == nil {
		return
	}
	p.once.Do(func() {
		p.mu.Lock()
		jobs := append([]*Job(nil), p.jobs...)
		p.mu.Unlock()
		for _, j := range jobs {
			j.End()
		}
		close(p.quit)
		p.ended.Wait()
		if p.bars != nil {
			p.bars.Wait()
		}
	})
}

// lines writes the state of the jobs that moved, until Close.
func (p *Progress) lines() {
	t := time.NewTicker(lineEvery)
	defer t.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-t.C:
		}
		p.mu.Lock()
		for _, j := range p.jobs {
			p.line(j)
		}
		p.mu.Unlock()
	}
}

// line writes one job's state if it is news. The caller holds the lock.
func (p *Progress) line(j *Job) {
	done := j.done.Load()
	if done == j.shown {
		return
	}
	j.shown = done
	fmt.Fprintf(p.w, "%s: %s\n", j.name, j.count())
}

// count is "1,200 / 5,000 records, 600/s".
func (j *Job) count() string {
	done, total := j.done.Load(), j.total.Load()
	s := grouped(done)
	if total > 0 {
		s += " / " + grouped(total)
	}
	s += " " + j.unit
	if took := time.Since(j.begin).Seconds(); took >= 0.5 && done > 0 {
		s += fmt.Sprintf(", %s/s", grouped(int64(float64(done)/took)))
	}
	return s
}

// grouped writes n with a comma per three digits.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
