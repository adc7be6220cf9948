package sqltable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timeForm converts between instants and the values of a stream's time column.
type timeForm struct {
	layout string // a Go layout, unix or unix_ms
	zone   *time.Location
}

// sampleLayouts are the forms of times in text columns that are recognised without configuration.
var sampleLayouts = []string{"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999",
	"2006/01/02 15:04:05", "20060102150405", "2006-01-02", "2006/01/02", "20060102"}

// timeForm finds the form of the time column: from its type, from the settings, else from one value of it.
func (p *plan) timeForm(ctx context.Context, tx *sql.Tx, zone *time.Location) (timeForm, error) {
	f := timeForm{zone: zone}
	if p.time < 0 {
		return f, nil
	}
	c := p.cols[p.time]
	switch {
	case p.stream.Cursor.Layout != "":
		f.layout = p.stream.Cursor.Layout
	case c.class == zoned:
		f.layout, f.zone = p.d.zoned, time.UTC
	case c.class == naive:
		f.layout = p.d.naive
	case c.class == date:
		f.layout = "2006-01-02"
	default:
		return p.sampleForm(ctx, tx, f)
	}
	return f, nil
}

func (p *plan) sampleForm(ctx context.Context, tx *sql.Tx, f timeForm) (timeForm, error) {
	for i := range p.sources {
		var v sql.NullString
		q := p.d.limit("SELECT "+p.cols[p.time].exprs[i]+" AS c0 FROM "+p.sources[i]+p.d.as+"s WHERE "+p.quoted[i][0]+" IS NOT NULL ORDER BY "+p.quoted[i][0]+" DESC", 1)
		err := tx.QueryRowContext(ctx, q).Scan(&v)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return f, err
		}
		for _, l := range sampleLayouts {
			if t, err := time.ParseInLocation(l, v.String, f.zone); err == nil && t.Year() > 1900 {
				f.layout = l
				if strings.HasSuffix(v.String, "Z") {
					f.zone = time.UTC
				}
				if f.layout == sampleLayouts[0] && !strings.Contains(v.String, ".") {
					f.layout = "2006-01-02 15:04:05"
				}
				return f, nil
			}
		}
		return f, fmt.Errorf("%w: stream %s: the form of the times in %q is not known; set cursor.layout to unix, unix_ms or a Go layout", errSettings, p.stream.Name, p.stream.Cursor.Time)
	}
	f.layout = sampleLayouts[0] // no row: any form finds nothing
	return f, nil
}

// value is an instant as the column holds it.
func (f timeForm) value(t time.Time) value {
	switch f.layout {
	case "unix":
		return value{'i', strconv.AppendInt(nil, t.Unix(), 10)}
	case "unix_ms":
		return value{'i', strconv.AppendInt(nil, t.UnixMilli(), 10)}
	}
	return text(t.In(f.zone).Format(f.layout))
}

// back is a value of the column moved into the past. A value that is no time is kept: reading goes on from it.
func (f timeForm) back(v value, d time.Duration) value {
	s := string(v.b)
	switch f.layout {
	case "unix", "unix_ms":
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return v
		}
		step := int64(d / time.Second)
		if f.layout == "unix_ms" {
			step = d.Milliseconds()
		}
		return value{v.tag, strconv.AppendInt(nil, n-step, 10)}
	}
	for _, l := range []string{f.layout, "2006-01-02 15:04:05.999999999", time.RFC3339Nano} {
		if t, err := time.ParseInLocation(l, s, f.zone); err == nil {
			return text(t.Add(-d).In(f.zone).Format(f.layout))
		}
	}
	return v
}

// backID is an id-only position moved back by whole numbers; other keys stay.
func backID(v value, n int64) value {
	if i, err := strconv.ParseInt(string(v.b), 10, 64); err == nil {
		return value{v.tag, strconv.AppendInt(nil, i-n, 10)}
	}
	return v
}

// clock asks the database for its time.
func clock(ctx context.Context, d dialect, tx *sql.Tx) (time.Time, error) {
	var s string
	if err := tx.QueryRowContext(ctx, d.clock).Scan(&s); err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, errors.New("the clock of the database is not readable")
	}
	return t, nil
}

// exact reports whether the form holds an instant without loss, so that "before it" can be asked for.
func (f timeForm) exact(t time.Time) bool {
	switch f.layout {
	case "unix":
		return t.Nanosecond() == 0
	case "unix_ms":
		return t.Equal(t.Truncate(time.Millisecond))
	}
	back, err := time.ParseInLocation(f.layout, t.In(f.zone).Format(f.layout), f.zone)
	return err == nil && back.Equal(t)
}
