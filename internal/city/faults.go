package city

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// Fault kinds. The first group happens to requests of the 110 API, the second to files of the 12345 folder, clock_skew
// and header_drift to whatever they are set On.
const (
	FaultTooMany     = "429"          // 429 with Retry-After
	FaultServerError = "500"          // 500 with a plain text
	FaultHTML        = "html"         // 200 with an HTML page, as a proxy gives
	FaultVendorError = "vendor_error" // 200 with code 5001 and no data
	FaultSlow        = "slow"         // the body at bytes_per_s
	FaultCut         = "cut"          // the connection ends within the body; at_end: after the last byte, before the end mark
	FaultRepeatPage  = "repeat_page"  // the page before once more
	FaultShiftPage   = "shift_page"   // rows before this page are updated first, so that all later ones move up
	FaultHalfFile    = "half_file"    // a file has half of its bytes until the next drop
	FaultClockSkew   = "clock_skew"   // the source's clock is wrong by `by`
	FaultHeaderDrift = "header_drift" // columns are renamed
)

// Fault is one line of the script. At and Every count requests (files for half_file) from 1; without either it always
// holds. Once a fault has happened Times times, it is over; 0 is no limit.
type Fault struct {
	Kind       string            `yaml:"kind"`
	On         string            `yaml:"on"` // api, files or database; "" is where the kind can happen
	At         int               `yaml:"at"`
	Every      int               `yaml:"every"`
	Times      int               `yaml:"times"`
	RetryAfter int               `yaml:"retry_after"` // seconds
	BytesPerS  int               `yaml:"bytes_per_s"`
	AtEnd      bool              `yaml:"at_end"`
	Rows       int               `yaml:"rows"` // shift_page: how many rows move; 1 if 0
	By         time.Duration     `yaml:"by"`
	Rename     map[string]string `yaml:"rename"`
}

// Faults is a script.
type Faults []Fault

// ParseFaults reads a script: a YAML list of faults, strictly.
func ParseFaults(text []byte) (Faults, error) {
	var f Faults
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the fault script: %w", err)
	}
	if _, err := newScript(f); err != nil {
		return nil, err
	}
	return f, nil
}

// script is a fault list at work. The city's lock guards it.
type script struct {
	faults   Faults
	happened []int
	requests int
	files    int
}

func newScript(f Faults) (script, error) {
	var errs []error
	for i, x := range f {
		bad := func(format string, a ...any) {
			errs = append(errs, fmt.Errorf("fault %d (%s): %s", i+1, x.Kind, fmt.Sprintf(format, a...)))
		}
		ons := []string{"", "api"}
		switch x.Kind {
		case FaultTooMany, FaultServerError, FaultHTML, FaultVendorError, FaultCut, FaultRepeatPage, FaultShiftPage:
		case FaultSlow:
			if x.BytesPerS <= 0 {
				bad("bytes_per_s must be above 0")
			}
		case FaultHalfFile:
			ons = []string{"", "files"}
		case FaultClockSkew:
			if x.By == 0 {
				bad("by must be set")
			}
			ons = []string{"", "api", "files", "database"}
		case FaultHeaderDrift:
			if len(x.Rename) == 0 {
				bad("rename must be set")
			}
			ons = []string{"", "api", "files"}
		default:
			bad("no such kind")
		}
		if !slices.Contains(ons, x.On) {
			bad("cannot happen on %q", x.On)
		}
		if x.At < 0 || x.Every < 0 || x.Times < 0 || x.RetryAfter < 0 || x.Rows < 0 {
			bad("numbers must not be negative")
		}
	}
	if err := errors.Join(errs...); err != nil {
		return script{}, fmt.Errorf("city: %w", err)
	}
	return script{faults: slices.Clone(f), happened: make([]int, len(f))}, nil
}

// due returns the faults that happen now to the n-th request or file.
func (s *script) due(on string, n int) []Fault {
	var out []Fault
	for i, f := range s.faults {
		if f.On != "" && f.On != on || f.On == "" && f.Kind == FaultHalfFile != (on == "files") && f.Kind != FaultClockSkew && f.Kind != FaultHeaderDrift {
			continue
		}
		if f.Times > 0 && s.happened[i] >= f.Times {
			continue
		}
		if f.At > 0 && f.At != n || f.Every > 0 && n%f.Every != 0 {
			continue
		}
		s.happened[i]++
		out = append(out, f)
	}
	return out
}

// skew is the sum of the clock errors among faults, in seconds.
func skew(faults []Fault) int64 {
	var d time.Duration
	for _, f := range faults {
		if f.Kind == FaultClockSkew {
			d += f.By
		}
	}
	return int64(d / time.Second)
}

// renamed applies the header drift among faults to column names.
func renamed(columns []string, faults []Fault) []string {
	out := slices.Clone(columns)
	for _, f := range faults {
		if f.Kind != FaultHeaderDrift {
			continue
		}
		for i, c := range out {
			if to, ok := f.Rename[c]; ok {
				out[i] = to
			}
		}
	}
	return out
}

func find(faults []Fault, kind string) (Fault, bool) {
	for _, f := range faults {
		if f.Kind == kind {
			return f, true
		}
	}
	return Fault{}, false
}

// Inject replaces the fault script while the city runs. Counting starts again.
func (c *City) Inject(f Faults) error {
	s, err := newScript(f)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script = s
	return nil
}
