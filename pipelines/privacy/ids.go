package privacy

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/array"

	"onegrid/event"
)

// idColumn judges record numbers. They must stay as they are, since linkage needs them; a value that is a phone or an
// identity number means that the mapping took the wrong column, and its record is refused.
//
// A number of 15 or 18 digits can be both by chance (yyMMddHHmmss of an evening reads as a birth date). Then the column
// decides: where it also holds identity numbers that cannot be record numbers, all are taken for identity numbers.
func (w *worker) idColumn(d *event.Draft, index int) error {
	a := d.Cols[index]
	if a == nil {
		return nil
	}
	name := event.Columns()[index].Name
	s, ok := a.(*array.String)
	if !ok {
		return fmt.Errorf("redacting a batch: column %s is no string column", name)
	}
	v := asText(s)
	var doubtful []int
	proven, fifteen := 0, 0
	for row := range s.Len() {
		b := v.raw(row)
		if len(b) == 0 {
			continue
		}
		switch w.idValue(b) {
		case idPersonal:
			w.refuse(row, "pii_in_id", name)
			proven++
		case idDoubtful:
			doubtful = append(doubtful, row)
		case idFifteen:
			doubtful = append(doubtful, row)
			fifteen++
		}
	}
	// 15 digits carry no check digit: one in a hundred record numbers looks like one. Most of a column does not.
	if proven > 0 || fifteen*2 > s.Len() {
		for _, row := range doubtful {
			w.refuse(row, "pii_in_id", name)
		}
	}
	return nil
}

type idVerdict uint8

const (
	idRecord idVerdict = iota
	idPersonal
	idDoubtful
	idFifteen
)

func (w *worker) idValue(b []byte) idVerdict {
	var digits [24]byte
	n, other := 0, 0
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			if n < len(digits) {
				digits[n] = c - '0'
			}
			n++
		case c == 'x' || c == 'X':
			if n == 17 {
				digits[n] = digitX
				n++
			} else {
				other++
			}
		case c >= 0x80:
			return w.idText(b)
		case c == '+' || c == ' ' || c == '-':
			if country := n >= 2 && digits[0] == 8 && digits[1] == 6; other == 0 && (n == 0 || n == 3 || n == 7 || n == 6 || n == 14 || country && (n == 2 || n == 5 || n == 9)) {
				continue // where phones and identity numbers are divided
			}
			other++
		case c == '@':
			return w.idText(b)
		default:
			other++
		}
	}
	if other > 0 || n > len(digits) {
		return idRecord
	}
	d := digits[:n]
	switch {
	case isMobile(d):
		return idPersonal
	case n == 18 && timeTicket(d):
		if isProvince(num(d[:2])) && w.scan.isID18(d) {
			return idDoubtful
		}
	case n == 18 && w.scan.isID18(d):
		return idPersonal
	case n == 15 && isProvince(num(d[:2])) && w.scan.isID15(d):
		return idFifteen
	}
	return idRecord
}

// idText judges a record number that is not plain ASCII: nothing personal may be in it.
func (w *worker) idText(b []byte) idVerdict {
	w.scan.mode = modeText
	w.scan.scan(b)
	for _, sp := range w.scan.spans {
		if sp.kind != kindDoor {
			return idPersonal
		}
	}
	return idRecord
}
