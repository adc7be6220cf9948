package pgwire

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"onegrid/query/pgcatalog"
)

var errList = errors.New("no array of one dimension")

// decodeList reads an array parameter and writes it as the engine's text of a list, which the statement casts
// (pgcatalog.CastParams).
func decodeList(raw []byte, elem uint32, binary bool) (string, error) {
	var out strings.Builder
	out.WriteByte('[')
	each := func(text []byte, null bool) {
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		if null {
			out.WriteString("NULL")
			return
		}
		out.WriteByte('"')
		for _, b := range text {
			if b == '"' || b == '\\' {
				out.WriteByte('\\')
			}
			out.WriteByte(b)
		}
		out.WriteByte('"')
	}
	read := textList
	if binary {
		read = func(raw []byte, each func([]byte, bool)) error { return binaryList(raw, elem, each) }
	}
	if err := read(raw, each); err != nil {
		return "", err
	}
	out.WriteByte(']')
	if !utf8.ValidString(out.String()) {
		return "", errList
	}
	return out.String(), nil
}

// textList reads {a,"b c",NULL} (PostgreSQL 15, section 8.15.6).
func textList(raw []byte, each func([]byte, bool)) error {
	s := strings.TrimSpace(string(raw))
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return errList
	}
	s = s[1 : len(s)-1]
	if strings.TrimSpace(s) == "" {
		return nil
	}
	var one []byte
	for i := 0; ; i++ {
		one = one[:0]
		quoted := false
		for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n') {
			i++
		}
		if i < len(s) && s[i] == '"' {
			quoted = true
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					if i++; i == len(s) {
						return errList
					}
				}
				one = append(one, s[i])
			}
			if i == len(s) {
				return errList
			}
			i++
		}
		for ; i < len(s) && s[i] != ','; i++ {
			switch {
			case s[i] == '{' || s[i] == '}' || s[i] == '"' || quoted && s[i] != ' ':
				return errList
			case s[i] == '\\':
				if i++; i == len(s) {
					return errList
				}
			}
			if !quoted {
				one = append(one, s[i])
			}
		}
		text := one
		if !quoted {
			if text = []byte(strings.TrimSpace(string(one))); len(text) == 0 {
				return errList
			}
		}
		each(text, !quoted && strings.EqualFold(string(text), "NULL"))
		if i >= len(s) {
			return nil
		}
	}
}

// binaryList reads the form that array_recv reads: dimensions, a flag, the element type, length and lower bound, then each
// element with its length.
func binaryList(raw []byte, elem uint32, each func([]byte, bool)) error {
	be := binary.BigEndian
	if len(raw) < 12 {
		return errList
	}
	if be.Uint32(raw) == 0 {
		return nil
	}
	if be.Uint32(raw) != 1 || len(raw) < 20 {
		return errList
	}
	if got := be.Uint32(raw[8:]); got != elem {
		elem = got
	}
	n := be.Uint32(raw[12:])
	raw = raw[20:]
	if uint64(n)*4 > uint64(len(raw)) {
		return errList
	}
	for range n {
		if len(raw) < 4 {
			return errList
		}
		size := be.Uint32(raw)
		raw = raw[4:]
		if size == math.MaxUint32 {
			each(nil, true)
			continue
		}
		if uint64(size) > uint64(len(raw)) {
			return errList
		}
		text, err := elementText(raw[:size], elem)
		if err != nil {
			return err
		}
		each([]byte(text), false)
		raw = raw[size:]
	}
	if len(raw) != 0 {
		return errList
	}
	return nil
}

func elementText(raw []byte, oid uint32) (string, error) {
	v, err := decodeBinary(raw, oid)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		if oid == pgcatalog.OIDFloat4 {
			return strconv.FormatFloat(v, 'g', -1, 32), nil
		}
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case time.Time:
		return v.UTC().Format("2006-01-02 15:04:05.999999+00"), nil
	default:
		return "", errList
	}
}
