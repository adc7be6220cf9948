package worker

import "time"

// Hello is what a worker said of itself.
type Hello struct {
	PID, Landlock int
	Seccomp       bool
	Checks        int
	Resident      int64
	Took          time.Duration
}

// Ungated makes the pool's workers run without the gate, and raw also without the wrapping: what is left is what the
// lock-down and the sandbox hold by themselves.
func (p *Pool) Ungated(raw bool) { p.base.Ungated, p.base.Raw = true, raw }

// PIDs are the processes that a pool has now.
func (p *Pool) PIDs() (pids []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.lanes {
		l.mu.Lock()
		for q := range l.busy {
			pids = append(pids, q.hello.PID)
		}
		for _, q := range l.idle {
			pids = append(pids, q.hello.PID)
		}
		l.mu.Unlock()
	}
	return pids
}

// Hellos are what the idle workers said of themselves.
func (p *Pool) Hellos() (out []Hello) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.lanes {
		l.mu.Lock()
		for _, q := range l.idle {
			out = append(out, Hello{q.hello.PID, q.hello.Landlock, q.hello.Seccomp, q.hello.Checks, q.hello.Resident, q.hello.Took})
		}
		l.mu.Unlock()
	}
	return out
}
