package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"onegrid/catalog"
	"onegrid/event"
)

// textTable prints aligned columns.
type textTable struct{ w *tabwriter.Writer }

func (a *app) table(head ...string) *textTable {
	t := &textTable{tabwriter.NewWriter(a.out, 2, 8, 2, ' ', 0)}
	cells := make([]any, len(head))
	for i, h := range head {
		cells[i] = h
	}
	t.row(cells...)
	return t
}

func (t *textTable) row(cells ...any) {
	for i, c := range cells {
		if i > 0 {
			fmt.Fprint(t.w, "\t")
		}
		fmt.Fprint(t.w, c)
	}
	fmt.Fprintln(t.w)
}

func (t *textTable) flush() { t.w.Flush() }

// catalogDuration parses Go notation or days.
func catalogDuration(s string) (time.Duration, error) {
	d, err := catalog.ParseDuration(s)
	return d.Std(), err
}

// eventZone is the zone in which times are shown.
var eventZone = event.Shanghai
