package sqltable

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strconv"
	"time"
	"unsafe"
)

// fetchSQL runs a statement through database/sql and hands out each row as text on the wire. Cells are valid until row
// returns: text of the driver is not copied.
func fetchSQL(ctx context.Context, _ *sql.Conn, tx *sql.Tx, q string, args []value, cols []column, row func([][]byte, []byte) error) error {
	in := make([]any, len(args))
	for i, a := range args {
		in[i] = a.arg()
	}
	rows, err := tx.QueryContext(ctx, q, in...)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	cells := make([]cell, len(names))
	dest := make([]any, len(names))
	out := make([][]byte, len(names))
	tags := make([]byte, len(names))
	for i := range cells {
		if i < len(cols) {
			cells[i].class = cols[i].class
		}
		dest[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		for i := range cells {
			out[i], tags[i] = cells[i].b, cells[i].tag
		}
		if err := row(out, tags); err != nil {
			return err
		}
	}
	return rows.Err()
}

// cell takes what the driver has, without the copies and conversions of database/sql.
type cell struct {
	class   class
	tag     byte
	b       []byte
	scratch []byte
}

var noBytes = []byte{}

// Scan implements sql.Scanner. It accepts every type that a driver may give.
func (c *cell) Scan(src any) error {
	c.tag = 's'
	c.scratch = c.scratch[:0]
	switch v := src.(type) {
	case nil:
		c.b, c.tag = nil, 0
		return nil
	case []byte:
		if v == nil {
			v = noBytes
		}
		c.b = v
		if c.class == binary || c.class == guid {
			c.tag = 'b'
		}
		return nil
	case string:
		if v == "" {
			c.b = noBytes
		} else {
			c.b = unsafe.Slice(unsafe.StringData(v), len(v)) // only read, and not kept
		}
		return nil
	case int64:
		c.scratch, c.tag = strconv.AppendInt(c.scratch, v, 10), 'i'
	case uint64:
		c.scratch, c.tag = strconv.AppendUint(c.scratch, v, 10), 'i'
	case float64:
		c.scratch, c.tag = strconv.AppendFloat(c.scratch, v, 'f', -1, 64), 'f'
	case float32:
		c.scratch, c.tag = strconv.AppendFloat(c.scratch, float64(v), 'f', -1, 32), 'f'
	case bool:
		c.scratch = strconv.AppendBool(c.scratch, v)
	case time.Time:
		c.scratch = v.AppendFormat(c.scratch, timeLayout(c.class))
	default:
		return errUnknownType
	}
	c.b = c.scratch
	return nil
}

// timeLayout is the wire form of a time that a driver has already parsed.
func timeLayout(c class) string {
	switch c {
	case zoned:
		return "2006-01-02T15:04:05.999999999-07:00"
	case date:
		return "2006-01-02"
	case clockTime:
		return "15:04:05.999999999"
	}
	return "2006-01-02 15:04:05.999999999"
}

// dsnConnector makes a connector of a driver that has only Open.
type dsnConnector struct {
	drv driver.Driver
	dsn string
}

func (d dsnConnector) Connect(context.Context) (driver.Conn, error) { return d.drv.Open(d.dsn) }
func (d dsnConnector) Driver() driver.Driver                        { return d.drv }
