package privacy

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"golang.org/x/text/unicode/norm"

	"onegrid/event"
)

const (
	// EpochDays is how long one token key is in use.
	EpochDays    = 90
	maxTokenDays = 180
	// TokenBytes is the length of a token: 128 bits.
	TokenBytes = 16
)

// Tokens is a list of party tokens, column-wise; all slices have the same length. A party has two tokens, of the epoch
// of its report and of the one before, so that reports on both sides of an epoch's end can be linked.
type Tokens struct {
	Row     []int32            // row in the draft that Protect leaves
	Kind    []string           // phone, id_number
	Role    []string           // reporter, contact
	KID     []string           // id of the epoch key
	Token   [][TokenBytes]byte // HMAC-SHA256 under the key of kind and epoch, first 128 bits
	Epoch   []int32            // days since 1970 in Asia/Shanghai, divided by 90
	Expires []arrow.Date32     // last day on which the token may be kept
}

// Len is the number of tokens.
func (t *Tokens) Len() int { return len(t.Row) }

// tokenizer keeps the keyed hashes of the epochs in use.
type tokenizer struct {
	keys  Keys
	macs  map[macID]hash.Hash
	kids  map[int32]string
	value []byte
	sum   []byte
}

type macID struct {
	kind  string
	epoch int32
}

func newTokenizer(k Keys) *tokenizer {
	return &tokenizer{keys: k, macs: map[macID]hash.Hash{}, kids: map[int32]string{}}
}

func (t *tokenizer) mac(kind string, epoch int32) (hash.Hash, string, error) {
	id := macID{kind, epoch}
	m, ok := t.macs[id]
	if !ok {
		if len(t.macs) > 256 { // a back-fill over many years: old epochs do not come back
			clear(t.macs)
			clear(t.kids)
		}
		key, err := t.keys.epochKey(kind, epoch)
		if err != nil {
			return nil, "", fmt.Errorf("deriving the token key of epoch %d: %w", epoch, err)
		}
		m = hmac.New(sha256.New, key)
		t.macs[id] = m
	}
	kid, ok := t.kids[epoch]
	if !ok {
		var err error
		if kid, err = t.keys.epochKeyID(epoch); err != nil {
			return nil, "", fmt.Errorf("deriving the token key of epoch %d: %w", epoch, err)
		}
		t.kids[epoch] = kid
	}
	return m, kid, nil
}

// partyTokens makes the tokens of every party column, for rows that are not refused. A token that would already have
// expired is not made.
func (w *worker) partyTokens(d *event.Draft, now time.Time, days int) (Tokens, error) {
	var out Tokens
	if len(d.Parties) == 0 {
		return out, nil
	}
	for _, p := range d.Parties {
		if p.Kind != "phone" && p.Kind != "id_number" {
			return Tokens{}, fmt.Errorf("making tokens: no rule for the party kind of role %s", p.Role)
		}
	}
	target := make([]int32, d.Rows)
	n := int32(0)
	for row := range d.Rows {
		target[row] = -1
		if w.reject[row].rule == "" {
			target[row] = n
			n++
		}
	}
	reported, _ := d.Col("reported_at").(*array.Timestamp)
	today := event.Day(now.UnixMicro())
	t := w.tokens
	for _, p := range d.Parties {
		v := asText(p.Values)
		kind, role := p.Kind, p.Role
		var m [2]hash.Hash
		var kid [2]string
		last := int32(-1 << 30)
		for row := range d.Rows {
			b := v.at(row)
			if len(b) == 0 || target[row] < 0 || !t.normalise(kind, b) {
				continue
			}
			day := today
			if reported != nil && reported.IsValid(row) {
				day = event.Day(int64(reported.Value(row)))
			}
			epoch := day / EpochDays
			if day < 0 {
				continue // before 1970: a placeholder
			}
			if epoch != last {
				for k := range m {
					var err error
					if m[k], kid[k], err = t.mac(kind, epoch-int32(k)); err != nil {
						return Tokens{}, err
					}
				}
				last = epoch
			}
			for k := range m {
				e := epoch - int32(k)
				// All tokens of an epoch expire on one day, at most 180 days after the report: the day is the same in
				// every replay (invariant 8), and retiring an epoch's key removes them together.
				expires := min(e*EpochDays+maxTokenDays, day+int32(days))
				if expires < today {
					continue
				}
				m[k].Reset()
				_, _ = m[k].Write(t.value)
				t.sum = m[k].Sum(t.sum[:0])
				out.Row = append(out.Row, target[row])
				out.Kind = append(out.Kind, kind)
				out.Role = append(out.Role, role)
				out.KID = append(out.KID, kid[k])
				out.Token = append(out.Token, [TokenBytes]byte(t.sum))
				out.Epoch = append(out.Epoch, e)
				out.Expires = append(out.Expires, arrow.Date32(expires))
			}
		}
	}
	clear(t.value[:cap(t.value)])
	return out, nil
}

// normalise writes the canonical digits of a value to t.value and reports false where it identifies nobody: too short, a
// hotline, starred out, one digit repeated.
func (t *tokenizer) normalise(kind string, b []byte) bool {
	t.value = t.value[:0]
	for _, c := range b {
		if c >= 0x80 {
			b = norm.NFKC.Bytes(b)
			break
		}
	}
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			t.value = append(t.value, c)
		case kind == "id_number" && (c == 'x' || c == 'X') && len(t.value) == 17:
			t.value = append(t.value, 'X')
		case c == '*', c == 'x', c == 'X':
			return false
		}
	}
	v := t.value
	if kind == "id_number" {
		if len(v) == 15 { // first generation: the same person's 18 digits
			v = append(v[:6:6], append([]byte("19"), v[6:]...)...)
			v = append(v, checkDigit(v))
			t.value = append(t.value[:0], v...)
		}
		return len(v) == 18
	}
	for _, p := range [...]string{"0086", "086", "86"} {
		if len(v) >= len(p)+10 && string(v[:len(p)]) == p {
			v = v[len(p):]
			break
		}
	}
	if len(v) == 12 && v[0] == '0' && v[1] == '1' && v[2] >= '3' {
		v = v[1:] // 0 before a mobile: long-distance prefix of old exchanges
	}
	t.value = append(t.value[:0], v...)
	v = t.value // the copy moved what v pointed at
	if len(v) < 7 || len(v) > 15 {
		return false
	}
	for _, c := range v {
		if c != v[0] {
			return true
		}
	}
	return false
}

// checkDigit is the last place of an identity number with the 17 digits v (ISO 7064 MOD 11-2).
func checkDigit(v []byte) byte {
	p := 0
	for _, c := range v {
		p = (p + int(c-'0')) * 2 % 11
	}
	return "10X98765432"[p]
}
