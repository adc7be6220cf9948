package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// VerifyOptions say what a log must agree with besides itself.
type VerifyOptions struct {
	Key     []byte // of a log that was written with one
	Unkeyed int64  // with Key: the records up to this number were written before there was a key; 0 if none
	Anchor  string // file of anchors: the log must hold every head in it
	From    int64  // number of the first record that must be there; 1 if 0. More than 1 after older files were archived
}

// Problem is one thing that is wrong with a log.
type Problem struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Seq  int64  `json:"seq,omitempty"`
	What string `json:"what"`
}

func (p Problem) String() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.What)
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.What)
}

// Verified is what Verify found.
type Verified struct {
	Files    int       `json:"files"`
	Records  int64     `json:"records"`
	First    Head      `json:"first"`
	Last     Head      `json:"last"`
	Queries  int64     `json:"queries"`           // starts
	Crashed  int64     `json:"crashed"`           // queries whose process died; each has a record that says so
	Running  []string  `json:"running,omitempty"` // starts without an end: running now, or the process died and has not been started since
	Repaired int64     `json:"repaired"`          // halves of records that were put aside after a crash
	Torn     int64     `json:"torn"`              // bytes of half a record at the very end: being written now, or left by a crash
	Keyed    int64     `json:"keyed"`             // records whose hash needs the key
	Anchored Head      `json:"anchored"`          // newest anchor that the log agrees with
	Problems []Problem `json:"problems,omitempty"`
}

// OK reports whether the chain is whole from its first record to its last, and to its newest anchor.
func (v Verified) OK() bool { return len(v.Problems) == 0 }

// Verify reads a whole log and reports every edit, removal and reordering: each line must hash to what it says, name the
// hash of the line before and carry the next number. It reads only, and may run beside the process that writes. An error
// means that the log could not be read; what is wrong inside is in Verified.Problems.
//
// That records are missing at the very end shows only against an anchor.
func Verify(dir string, opts VerifyOptions) (Verified, error) {
	v := &verifier{opts: opts, running: map[string]string{}, want: max(1, opts.From)}
	if opts.Anchor != "" {
		if err := v.anchors(); err != nil {
			return v.Verified, err
		}
	}
	names, err := files(dir)
	if err != nil {
		return v.Verified, err
	}
	for i, name := range names {
		if err := v.file(dir, name, i == len(names)-1); err != nil {
			return v.Verified, err
		}
	}
	if len(names) == 0 && opts.Anchor == "" {
		return v.Verified, fmt.Errorf("verifying the audit log: %s holds none", dir)
	}
	v.Running = slices.Sorted(maps.Keys(v.running))
	for _, seq := range slices.Sorted(maps.Keys(v.anchored)) {
		if seq >= max(1, opts.From) {
			v.problem(opts.Anchor, 0, seq, fmt.Sprintf("record %d was anchored and is not in the log: its end was cut off", seq))
		}
	}
	return v.Verified, nil
}

type verifier struct {
	Verified
	opts     VerifyOptions
	anchored map[int64]Head // not met yet
	running  map[string]string
	want     int64  // number of the next record
	prev     string // hash of the last one, "" before the first
	alg      string
	unkeyed  bool // that was reported
}

func (v *verifier) problem(file string, line int, seq int64, what string) {
	v.Problems = append(v.Problems, Problem{File: file, Line: line, Seq: seq, What: what})
}

func (v *verifier) anchors() error {
	f, err := os.OpenFile(v.opts.Anchor, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("reading anchors: %w", err)
	}
	defer f.Close()
	v.anchored = map[int64]Head{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		var h Head
		if err := json.Unmarshal(lines.Bytes(), &h); err != nil || h.Seq < 1 {
			v.problem(v.opts.Anchor, n, 0, "not an anchor")
			continue
		}
		if old, ok := v.anchored[h.Seq]; ok && old.Hash != h.Hash {
			v.problem(v.opts.Anchor, n, h.Seq, "two anchors of one record differ")
		}
		v.anchored[h.Seq] = h
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading anchors: %w", err)
	}
	return nil
}

func (v *verifier) file(dir, name string, newest bool) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("verifying the audit log: %w", err)
	}
	defer f.Close()
	v.Files++
	return scan(f, func(l line) error {
		if !l.whole {
			if newest {
				v.Torn = int64(len(l.text))
			} else {
				v.problem(name, l.number, 0, "half a record in the middle of the log")
			}
			return nil
		}
		v.record(name, l)
		return nil
	})
}

func (v *verifier) record(name string, l line) {
	r, err := decode(l.text, nil, false)
	if err != nil {
		v.problem(name, l.number, 0, err.Error())
		return
	}
	v.Records++
	if r.Kind == KindOpen {
		if v.alg == algHMAC && r.Alg != algHMAC {
			v.problem(name, l.number, r.Seq, "the log goes on without the key it was begun with")
		}
		v.alg = r.Alg
		if v.Records == 1 {
			for _, id := range r.Running { // their starts are in files that were archived
				v.running[id] = ""
			}
		}
	}
	v.hash(name, l, r)
	switch {
	case v.prev == "" && r.Seq != v.want:
		v.problem(name, l.number, r.Seq, fmt.Sprintf("the log begins with record %d, not %d: older ones are missing", r.Seq, v.want))
	case v.prev == "" && r.Seq == 1 && r.Prev != genesis():
		v.problem(name, l.number, r.Seq, "the first record names one before it")
	case v.prev != "" && r.Seq != v.want:
		v.problem(name, l.number, r.Seq, fmt.Sprintf("record %d follows record %d: some are missing or their order was changed", r.Seq, v.want-1))
	case v.prev != "" && r.Prev != v.prev:
		v.problem(name, l.number, r.Seq, "the record does not follow the one before it: one of them was replaced")
	}
	v.want, v.prev = r.Seq+1, r.Hash
	v.Last = Head{Seq: r.Seq, Hash: r.Hash, Time: r.Time}
	if v.First.Seq == 0 {
		v.First = v.Last
	}
	if h, ok := v.anchored[r.Seq]; ok {
		delete(v.anchored, r.Seq)
		if h.Hash != r.Hash {
			v.problem(name, l.number, r.Seq, "the record is not the one that was anchored")
		} else if r.Seq > v.Anchored.Seq {
			v.Anchored = v.Last
		}
	}
	v.pair(name, l.number, &r)
}

func (v *verifier) hash(name string, l line, r Record) {
	key := v.opts.Key
	switch v.alg {
	case algHMAC:
		v.Keyed++
		if len(key) == 0 {
			if v.Keyed == 1 {
				v.problem(name, l.number, r.Seq, "from here on the log can only be verified with its key")
			}
			return
		}
	case algSHA256:
		// Somebody without the key can write a whole log anew that says it never had one.
		if len(key) > 0 && r.Seq > v.opts.Unkeyed && !v.unkeyed {
			v.unkeyed = true
			v.problem(name, l.number, r.Seq, "the log should need its key here and does not")
		}
		key = nil
	default:
		v.problem(name, l.number, r.Seq, "no record says how this one was hashed")
		return
	}
	if _, err := decode(l.text, key, true); errors.Is(err, errHash) {
		v.problem(name, l.number, r.Seq, err.Error())
	}
}

func (v *verifier) pair(name string, line int, r *Record) {
	_, known := v.running[r.QueryID]
	switch r.Kind {
	case KindStart:
		v.Queries++
		if known {
			v.problem(name, line, r.Seq, "a second start of one query")
		}
	case KindEnd, KindUnpaired:
		if !known {
			v.problem(name, line, r.Seq, "the end of a query that was not started")
		}
		if r.Kind == KindUnpaired {
			v.Crashed++
		}
	case KindRepaired:
		v.Repaired++
	case KindDamaged:
		v.problem(name, line, r.Seq, "the writer itself found damage when it was started: "+r.Reason)
	}
	pair(v.running, r)
}
