package filedrop

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"onegrid/connectors"
)

const (
	checkpointVersion = 1
	goneKept          = 256      // hashes remembered of files that are not in the folder any more
	headerKept        = 16 << 10 // bytes of a header that is remembered for comparison
	headersKept       = 100
)

// state is what a checkpoint holds.
type state struct {
	Files   []entry             `json:"files,omitempty"`   // files in the folder that have been dealt with
	Gone    []string            `json:"gone,omitempty"`    // hashes of files that have left it, newest last
	Headers map[string][]string `json:"headers,omitempty"` // the last header of each pattern
	Current *current            `json:"current,omitempty"` // the file that is being read

	files json.RawMessage // Files as JSON, while they do not change: every batch carries them
}

// entry is one file that has been dealt with.
type entry struct {
	Hash   string `json:"h"`
	Name   string `json:"n"`
	Size   int64  `json:"s"`
	Print  string `json:"p"`           // fingerprint
	Failed string `json:"f,omitempty"` // the settings (digest) under which it could not be read
}

// current is the position inside the file that is being read.
type current struct {
	Hash     string   `json:"h"`
	Name     string   `json:"n"`
	Size     int64    `json:"s"`
	Settings string   `json:"c"` // digest of the settings that the position depends on
	At       position `json:"at"`
}

// position is a place between two records.
type position struct {
	Member int    `json:"m,omitempty"` // of an archive
	Rec    int64  `json:"r,omitempty"` // records passed, delivered and rejected
	Off    int64  `json:"o,omitempty"` // decoded bytes passed, for formats that can go on there
	Line   int64  `json:"l,omitempty"`
	Enc    string `json:"e,omitempty"` // the encoding that was found
}

func decodeState(c connectors.Checkpoint) (*state, error) {
	st := &state{}
	if !c.IsZero() {
		if c.Version != checkpointVersion {
			return nil, fmt.Errorf("%w: it has version %d, this program knows %d", connectors.ErrCheckpoint, c.Version, checkpointVersion)
		}
		if err := json.Unmarshal(c.Data, st); err != nil {
			return nil, fmt.Errorf("%w: %w", connectors.ErrCheckpoint, err)
		}
	}
	if st.Headers == nil {
		st.Headers = map[string][]string{}
	}
	return st, nil
}

func (st *state) checkpoint() (connectors.Checkpoint, error) {
	if st.files == nil {
		b, err := json.Marshal(st.Files)
		if err != nil {
			return connectors.Checkpoint{}, fmt.Errorf("writing the checkpoint: %w", err)
		}
		st.files = b
	}
	data, err := json.Marshal(struct {
		Files   json.RawMessage     `json:"files,omitempty"`
		Gone    []string            `json:"gone,omitempty"`
		Headers map[string][]string `json:"headers,omitempty"`
		Current *current            `json:"current,omitempty"`
	}{st.files, st.Gone, st.Headers, st.Current})
	if err != nil {
		return connectors.Checkpoint{}, fmt.Errorf("writing the checkpoint: %w", err)
	}
	return connectors.Checkpoint{Version: checkpointVersion, Data: data}, nil
}

// put records what became of a file.
func (st *state) put(e entry) {
	st.files = nil
	if i := slices.IndexFunc(st.Files, func(o entry) bool { return o.Name == e.Name }); i >= 0 {
		if st.Files[i].Hash != e.Hash {
			st.forget(st.Files[i])
		}
		st.Files[i] = e
		return
	}
	st.Files = append(st.Files, e)
}

// forget keeps the hash of a file that has left the folder, or has been replaced, so that the same content is not read again when it comes back.
func (st *state) forget(e entry) {
	if e.Failed != "" || slices.Contains(st.Gone, e.Hash) {
		return
	}
	st.Gone = append(st.Gone, e.Hash)
	if n := len(st.Gone) - goneKept; n > 0 {
		st.Gone = slices.Clone(st.Gone[n:])
	}
}

// prune drops the entries of files that are not there any more: the checkpoint grows with the folder, not with time.
func (st *state) prune(present func(name string) bool) (changed bool) {
	kept := st.Files[:0:0]
	for _, e := range st.Files {
		if present(e.Name) {
			kept = append(kept, e)
		} else {
			st.forget(e)
			changed = true
		}
	}
	if changed {
		st.Files, st.files = kept, nil
	}
	return changed
}

// known returns the entry of a file with this content. A failed one only counts for the same settings.
func (st *state) known(hash, settings string) (entry, bool) {
	for _, e := range st.Files {
		if e.Hash == hash && (e.Failed == "" || e.Failed == settings) {
			return e, true
		}
	}
	if slices.Contains(st.Gone, hash) {
		return entry{Hash: hash}, true
	}
	return entry{}, false
}

// dealt returns the files that have been dealt with and look the same since, by name.
func (st *state) dealt(files []dropped, settings string) map[string]bool {
	entries := make(map[string]entry, len(st.Files))
	for _, e := range st.Files {
		entries[e.Name] = e
	}
	out := make(map[string]bool, len(files))
	for _, d := range files {
		e, ok := entries[d.name]
		out[d.name] = ok && e.Size == d.info.Size() && e.Print == fingerprint(d.info) && (e.Failed == "" || e.Failed == settings)
	}
	return out
}

// header remembers a header and describes how it differs from the one before.
func (st *state) header(key string, names []string) string {
	before := st.Headers[key]
	size := 0
	for _, n := range names {
		size += len(n) + 3
	}
	if size > headerKept || (before == nil && len(st.Headers) >= headersKept) {
		return ""
	}
	st.Headers[key] = slices.Clone(names)
	return drift(before, names)
}

// keepHeaders drops the headers of patterns that are not configured any more.
func (st *state) keepHeaders(patterns []string) {
	for k := range st.Headers {
		p, _, _ := strings.Cut(k, "!")
		if !slices.Contains(patterns, p) {
			delete(st.Headers, k)
		}
	}
}
