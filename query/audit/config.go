package audit

import (
	"errors"
	"fmt"
	"time"
)

// Config of a Log. The zero value of a field takes the default named beside it; Dir has none.
type Config struct {
	Dir      string `yaml:"dir"`       // folder of the log, mode 0700; nothing else lies in it
	MaxBytes int64  `yaml:"max_bytes"` // a file is followed by the next one after this, 128 MiB; and at midnight UTC
	// Key makes the hashes HMACs: at least 32 bytes. Without it anybody who can write the log can write all of it anew.
	Key []byte `yaml:"-"`
	// Anchor is a file, best on another machine or append-only, to which the newest hash is appended; Syslog is the
	// socket of a local syslog daemon that gets it too, such as /dev/log. Both empty: no anchor.
	Anchor      string        `yaml:"anchor"`
	Syslog      string        `yaml:"syslog"`
	AnchorEvery time.Duration `yaml:"anchor_every"` // while the log grows, 1 min
	Settle      time.Duration `yaml:"settle"`       // until an end record is on the disk, 1 s
}

func (c Config) withDefaults() (Config, error) {
	if c.MaxBytes == 0 {
		c.MaxBytes = 128 << 20
	}
	if c.AnchorEvery == 0 {
		c.AnchorEvery = time.Minute
	}
	if c.Settle == 0 {
		c.Settle = time.Second
	}
	switch {
	case c.Dir == "":
		return c, errors.New("audit: dir is missing")
	case c.MaxBytes < 4<<10:
		return c, fmt.Errorf("audit: max_bytes %d is less than 4 KiB", c.MaxBytes)
	case c.AnchorEvery < 0 || c.Settle < 0:
		return c, errors.New("audit: durations must not be negative")
	case len(c.Key) > 0 && len(c.Key) < 32:
		return c, fmt.Errorf("%w: it has %d bytes, at least 32 are needed", ErrKey, len(c.Key))
	}
	return c, nil
}
