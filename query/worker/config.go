package worker

import (
	"fmt"
	"time"

	"onegrid/query"
)

// Config is the size and the limits of a pool. The zero value of a field takes the default named beside it.
type Config struct {
	Workers      int           `yaml:"workers"`       // statements at a time per scope, 2
	Queue        int           `yaml:"queue"`         // statements that wait per scope, 8 × Workers and at least 32; further ones are refused as busy
	Threads      int           `yaml:"threads"`       // engine threads of a worker, 2
	Memory       int64         `yaml:"memory"`        // engine memory of a worker in bytes, 1 GiB
	AddressSpace int64         `yaml:"address_space"` // RLIMIT_AS of a worker in bytes, 3 GiB; about 1.7 GiB of it is reserved but never used
	Resident     int64         `yaml:"resident"`      // resident bytes at which a worker ends itself, Memory + 512 MiB
	Nice         int           `yaml:"nice"`          // added to the scheduling priority of a worker, 0 to 19
	User         string        `yaml:"user"`          // account of the workers when the program runs as root, "nobody"
	Statements   int           `yaml:"statements"`    // a worker is replaced after this many, 500
	Timeout      time.Duration `yaml:"timeout"`       // of a statement that names none, 30 s
	Grace        time.Duration `yaml:"grace"`         // from the deadline or a cancel to SIGKILL, 1 s
	StartTimeout time.Duration `yaml:"start_timeout"` // from starting a worker to its hello, 10 s
	Idle         time.Duration `yaml:"idle"`          // workers of a scope that nobody asks end after this, 5 min
	NoSpare      bool          `yaml:"no_spare"`      // do without the warm spare worker that replaces a killed one at once

	// Released is told once for every generation that no worker uses any more, so that its file may be reused or
	// removed. It is called from a goroutine of the pool and should return soon.
	Released func(query.Generation) `yaml:"-"`
}

func (c Config) withDefaults() (Config, error) {
	for _, f := range []struct {
		v *int
		d int
	}{{&c.Workers, 2}, {&c.Threads, 2}, {&c.Statements, 500}} {
		if *f.v == 0 {
			*f.v = f.d
		}
	}
	if c.Queue == 0 {
		c.Queue = max(8*c.Workers, 32)
	}
	if c.Memory == 0 {
		c.Memory = 1 << 30
	}
	if c.AddressSpace == 0 {
		c.AddressSpace = 3 << 30
	}
	if c.Resident == 0 {
		c.Resident = c.Memory + 512<<20
	}
	if c.User == "" {
		c.User = "nobody"
	}
	for _, f := range []struct {
		v *time.Duration
		d time.Duration
	}{{&c.Timeout, 30 * time.Second}, {&c.Grace, time.Second}, {&c.StartTimeout, 10 * time.Second}, {&c.Idle, 5 * time.Minute}} {
		if *f.v == 0 {
			*f.v = f.d
		}
	}
	switch {
	case c.Workers < 0 || c.Queue < 0 || c.Threads < 0 || c.Statements < 0:
		return c, fmt.Errorf("query workers: numbers must not be negative")
	case c.Timeout < 0 || c.Grace < 0 || c.StartTimeout < 0 || c.Idle < 0:
		return c, fmt.Errorf("query workers: durations must not be negative")
	case c.Memory < 64<<20:
		return c, fmt.Errorf("query workers: memory %d is less than 64 MiB", c.Memory)
	case c.AddressSpace < c.Memory+2<<30:
		return c, fmt.Errorf("query workers: address_space must exceed memory by 2 GiB, which a worker reserves and does not use")
	case c.Nice < 0 || c.Nice > 19:
		return c, fmt.Errorf("query workers: nice %d is not within 0 and 19", c.Nice)
	}
	return c, nil
}
