package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"onegrid/catalog"
	"onegrid/event"
)

// textTable prints columns that are aligned on a terminal: a Chinese character is two cells wide, a colour none.
type textTable struct {
	out  io.Writer
	rows [][]string
}

func (a *app) table(head ...string) *textTable {
	t := &textTable{out: a.out}
	t.rows = append(t.rows, head)
	return t
}

func (t *textTable) row(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = fmt.Sprint(c)
	}
	t.rows = append(t.rows, row)
}

func (t *textTable) flush() {
	var width []int
	for _, r := range t.rows {
		for i, c := range r {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], cellWidth(c))
		}
	}
	for _, r := range t.rows {
		var b strings.Builder
		for i, c := range r {
			b.WriteString(c)
			if i < len(r)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-cellWidth(c)+2))
			}
		}
		fmt.Fprintln(t.out, strings.TrimRight(b.String(), " "))
	}
	t.rows = nil
}

var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

func cellWidth(s string) int { return runewidth.StringWidth(colour.ReplaceAllString(s, "")) }

// short cuts a text to the given number of cells and keeps it on one line; control characters of a source never reach
// the terminal.
func short(s string, cells int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r':
			return '⏎'
		case r < 0x20 || r >= 0x7f && r < 0xa0:
			return '·'
		}
		return r
	}, s)
	return runewidth.Truncate(s, cells, "…")
}

// catalogDuration parses Go notation or days.
func catalogDuration(s string) (time.Duration, error) {
	d, err := catalog.ParseDuration(s)
	return d.Std(), err
}

// eventZone is the zone in which times are shown.
var eventZone = event.Shanghai

// when shows a time in that zone, "-" where there is none.
func when(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.In(eventZone).Format("2006-01-02 15:04:05")
}

// age shows a length of time in one or two units.
func (a *app) age(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + a.age(-d)
	case d < time.Minute:
		return fmt.Sprintf(a.tr("%ds", "%d秒"), int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf(a.tr("%dm", "%d分"), int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf(a.tr("%dh%dm", "%d时%d分"), int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf(a.tr("%dd", "%d天"), int(d.Hours()/24))
	}
}

// sizeText shows a number of bytes.
func sizeText(n int64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%d B", n)
	case n < 10<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	case n < 10<<30:
		return fmt.Sprintf("%d MiB", n>>20)
	default:
		return fmt.Sprintf("%d GiB", n>>30)
	}
}
