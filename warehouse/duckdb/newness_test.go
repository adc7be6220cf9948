package duckdb

import (
	"fmt"
	"testing"

	"onegrid/event"
)

// The filter must not call a stored id new, ever, and a new id stored only seldom: every chunk of a large load with a
// false answer costs a scan of all ids.
func TestNewness(t *testing.T) {
	n := &newness{}
	ids := event.NewIDs("src")
	const stored = 300_000
	for i := range stored {
		id := ids.Of(fmt.Sprint(i))
		n.add(id[:])
	}
	for i := range stored {
		id := ids.Of(fmt.Sprint(i))
		if !n.maybe(id[:]) {
			t.Fatalf("stored id %d is called new", i)
		}
	}
	wrong := 0
	for i := range stored {
		id := ids.Of(fmt.Sprint("new", i))
		if n.maybe(id[:]) {
			wrong++
		}
	}
	if wrong > stored/10_000 {
		t.Fatalf("%d of %d new ids are called stored", wrong, stored)
	}
}
