package front

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"onegrid/query"
)

// Config of a front. The zero value of no field is useful: begin with Defaults.
type Config struct {
	SQLBytes    int           `yaml:"sql_bytes"`    // of one statement
	Params      int           `yaml:"params"`       // bound to one statement
	Rows        int64         `yaml:"rows"`         // of one answer
	Bytes       int64         `yaml:"bytes"`        // Arrow IPC bytes of one answer
	ExportRows  int64         `yaml:"export_rows"`  // with the right to export
	ExportBytes int64         `yaml:"export_bytes"` // with the right to export
	ExportRoles []query.Role  `yaml:"export_roles"` // roles with that right
	Timeout     time.Duration `yaml:"timeout"`      // of one statement, waiting included
	Concurrent  int           `yaml:"concurrent"`   // statements of one user at the same time
	Waiting     int           `yaml:"waiting"`      // further ones of one user that wait in order of arrival
	Rate        float64       `yaml:"rate"`         // statements a second of one user, in the long run
	Burst       int           `yaml:"burst"`        // statements of one user at once
}

// Defaults are the limits of the design: 64 KiB of SQL, 50 k rows or 64 MB, a million rows with the right to export,
// 30 s, two statements at a time for a user. Nobody may export from the sensitive tier unless the configuration says so.
func Defaults() Config {
	return Config{
		SQLBytes: 64 << 10, Params: 1000, Rows: 50_000, Bytes: 64 << 20, ExportRows: 1_000_000, ExportBytes: 1 << 30,
		ExportRoles: []query.Role{query.Analyst, query.Steward},
		Timeout:     30 * time.Second, Concurrent: 2, Waiting: 32, Rate: 20, Burst: 40,
	}
}

// Validate reports every limit that makes no sense.
func (c Config) Validate() error {
	var errs []error
	for _, l := range []struct {
		key string
		ok  bool
	}{
		{"sql_bytes", c.SQLBytes > 0}, {"params", c.Params > 0}, {"rows", c.Rows > 0}, {"bytes", c.Bytes > 0},
		{"export_rows", c.ExportRows >= c.Rows}, {"export_bytes", c.ExportBytes >= c.Bytes}, {"timeout", c.Timeout > 0},
		{"concurrent", c.Concurrent > 0}, {"waiting", c.Waiting >= 0}, {"rate", c.Rate > 0}, {"burst", c.Burst > 0},
		{"export_roles", !slices.Contains(c.ExportRoles, query.Auditor)},
	} {
		if !l.ok {
			errs = append(errs, fmt.Errorf("query limit %s is missing or too small", l.key))
		}
	}
	return errors.Join(errs...)
}

// bounds of an answer for one request.
type bounds struct {
	rows, bytes int64
	timeout     time.Duration
	export      bool // rows or bytes go beyond what everybody gets
}

func (c Config) bounds(role query.Role, req query.Request) bounds {
	b := bounds{rows: c.Rows, bytes: c.Bytes, timeout: c.Timeout}
	if slices.Contains(c.ExportRoles, role) {
		b.rows, b.bytes = c.ExportRows, c.ExportBytes
	}
	if req.MaxRows > 0 {
		b.rows = min(b.rows, req.MaxRows)
	}
	if req.MaxBytes > 0 {
		b.bytes = min(b.bytes, req.MaxBytes)
	}
	if req.Timeout > 0 {
		b.timeout = min(b.timeout, req.Timeout)
	}
	b.export = b.rows > c.Rows || b.bytes > c.Bytes
	return b
}
