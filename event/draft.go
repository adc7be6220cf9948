package event

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Draft is a batch of events on its way through the pipeline, before it is stored: mapping makes it, enrichment and
// privacy change its columns, the pipeline turns it into a record batch. It may hold clear personal values until
// pipelines/privacy has run, so it must never be logged, stored or sent anywhere.
type Draft struct {
	Rows int
	// Cols is indexed by position in the schema (see Index). A nil entry is null for every row. Types are those of the
	// schema; dictionary columns hold dictionary<int16, utf8>.
	Cols []arrow.Array
	// Flags are the quality flags of each row; len(Flags) == Rows.
	Flags []Flag
	// Source is the row of the source batch that each event came from; len(Source) == Rows.
	Source []int32
	// Parties are clear identifiers to be turned into tokens. They are dropped by privacy and never stored.
	Parties []PartyColumn
	// CallerX and CallerY are the caller's own position where the source gives only that: whereabouts data, used in
	// memory to find the area and then dropped. Nil or float64 arrays.
	CallerX, CallerY arrow.Array
}

// PartyColumn is one column of clear identifiers. Kind is the domain of the token (phone, id_number); Role says whose
// (reporter, contact).
type PartyColumn struct {
	Kind   string
	Role   string
	Values *array.String
}

// NewDraft returns a draft of rows events with no column set.
func NewDraft(rows int) *Draft {
	return &Draft{Rows: rows, Cols: make([]arrow.Array, len(columns)), Flags: make([]Flag, rows), Source: make([]int32, rows)}
}

// Col returns the column called name, nil where it is unset. It panics on a name that is not in the schema: that is a
// programming error, never input.
func (d *Draft) Col(name string) arrow.Array { return d.Cols[mustIndex(name)] }

// Set replaces the column called name and releases the one it replaces. The draft takes over the reference.
func (d *Draft) Set(name string, a arrow.Array) {
	i := mustIndex(name)
	if old := d.Cols[i]; old != nil {
		old.Release()
	}
	d.Cols[i] = a
}

func mustIndex(name string) int {
	i, ok := byName[name]
	if !ok {
		panic("event: no column " + name)
	}
	return i
}

// Release releases every column.
func (d *Draft) Release() {
	for i, c := range d.Cols {
		if c != nil {
			c.Release()
			d.Cols[i] = nil
		}
	}
	for _, p := range d.Parties {
		p.Values.Release()
	}
	d.Parties = nil
	if d.CallerX != nil {
		d.CallerX.Release()
		d.CallerX = nil
	}
	if d.CallerY != nil {
		d.CallerY.Release()
		d.CallerY = nil
	}
}
