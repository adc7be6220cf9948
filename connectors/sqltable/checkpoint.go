package sqltable

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"onegrid/connectors"
)

const checkpointVersion = 1

// state is what a checkpoint holds.
type state struct {
	Streams map[string]streamState `json:"streams"`
	// Window is set in the checkpoints of ReadWindow, which fit no other reading.
	Window string `json:"window,omitempty"`
}

// streamState is the position of a stream. All tables have one cursor each; they move together.
type streamState struct {
	By     []string           `json:"by"` // cursor columns as configured
	Tables map[string][]value `json:"tables"`
	// Upper is the frozen upper bound of a reading that is not finished; nil between readings.
	Upper *value `json:"upper,omitempty"`
	// Done marks a stream that a window has finished.
	Done bool `json:"done,omitempty"`
}

func decodeState(cp connectors.Checkpoint, window string) (state, error) {
	st := state{Streams: map[string]streamState{}}
	if cp.IsZero() {
		st.Window = window
		return st, nil
	}
	if cp.Version != checkpointVersion {
		return st, fmt.Errorf("%w: version %d, this build reads %d", connectors.ErrCheckpoint, cp.Version, checkpointVersion)
	}
	if err := json.Unmarshal(cp.Data, &st); err != nil {
		return st, fmt.Errorf("%w: not readable", connectors.ErrCheckpoint) // the parser would quote record values
	}
	if st.Streams == nil {
		st.Streams = map[string]streamState{}
	}
	if st.Window != window {
		return st, fmt.Errorf("%w: it belongs to another reading (a backfill window, or the regular one)", connectors.ErrCheckpoint)
	}
	return st, nil
}

func (st state) encode() (connectors.Checkpoint, error) {
	b, err := json.Marshal(st)
	if err != nil {
		return connectors.Checkpoint{}, fmt.Errorf("encoding the checkpoint: %w", err)
	}
	return connectors.Checkpoint{Version: checkpointVersion, Data: b}, nil
}

// with returns a copy in which one stream has another state.
func (st state) with(stream string, s streamState) state {
	m := maps.Clone(st.Streams)
	m[stream] = s
	return state{Streams: m, Window: st.Window}
}

// position returns where a stream goes on: nil from the beginning. A table without a cursor was added to the settings
// since; its old rows may lie anywhere, so the stream starts anew.
func (s streamState) position(p *plan) ([]value, error) {
	if len(s.Tables) == 0 {
		return nil, nil
	}
	if by := cursorNames(p.stream); !slices.Equal(s.By, by) {
		return nil, fmt.Errorf("%w: stream %s was read by %v and is now configured by %v", connectors.ErrCheckpoint, p.stream.Name, s.By, by)
	}
	var pos []value
	for _, name := range p.names {
		v, ok := s.Tables[name]
		if !ok || len(v) != len(s.By) {
			return nil, nil
		}
		pos = v
	}
	return pos, nil
}

func newStreamState(p *plan, pos []value, upper *value) streamState {
	s := streamState{By: cursorNames(p.stream), Tables: map[string][]value{}, Upper: upper}
	if pos != nil {
		for _, name := range p.names {
			s.Tables[name] = pos
		}
	}
	return s
}

func cursorNames(s Stream) []string {
	by := []string{}
	if s.Cursor != nil {
		for _, n := range []string{s.Cursor.Time, s.Cursor.Key} {
			if n != "" {
				by = append(by, n)
			}
		}
	}
	return by
}

// MarshalJSON writes a value as its storage class and its text, "s:2024-01-31"; bytes that are no text as "S" or "b"
// and base64.
func (v value) MarshalJSON() ([]byte, error) {
	if v.tag == 's' && !utf8.Valid(v.b) {
		return json.Marshal("S:" + base64.StdEncoding.EncodeToString(v.b))
	}
	if v.tag == 'b' {
		return json.Marshal("b:" + base64.StdEncoding.EncodeToString(v.b))
	}
	return json.Marshal(string(v.tag) + ":" + string(v.b))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (v *value) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if len(s) < 2 || s[1] != ':' {
		return errors.New("not a cursor value")
	}
	v.tag, v.b = s[0], []byte(s[2:])
	switch s[0] {
	case 's', 'i', 'f':
		return nil
	case 'S', 'b':
		raw, err := base64.StdEncoding.DecodeString(s[2:])
		if s[0] == 'S' {
			v.tag = 's'
		}
		v.b = raw
		return err
	}
	return errors.New("not a cursor value")
}
