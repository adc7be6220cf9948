package city

// random is a splitmix64 stream. The city needs numbers that depend on the seed and a record number alone, in any order
// of asking, which a shared generator cannot give.
type random struct{ s uint64 }

const golden = 0x9e3779b97f4a7c15

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// hash folds two numbers into one; salted by the caller so that streams for times, texts and people are independent.
func hash(a, b uint64) uint64 { return mix(mix(a+golden) ^ b*0xd6e8feb86659fd93) }

func (r *random) next() uint64 {
	r.s += golden
	return mix(r.s)
}

// below returns a number in [0, n).
func (r *random) below(n int) int { return int((r.next() >> 32) * uint64(n) >> 32) }

// between returns a number in [lo, hi].
func (r *random) between(lo, hi int64) int64 { return lo + int64(r.below(int(hi-lo+1))) }

// float returns a number in [0, 1).
func (r *random) float() float64 { return float64(r.next()>>11) / (1 << 53) }

// chance reports true with probability p.
func (r *random) chance(p float64) bool { return r.float() < p }

// pick returns one of the texts.
func (r *random) pick(texts []string) string { return texts[r.below(len(texts))] }

// Salts keep the streams of one record apart: its text must not change when its status does.
const (
	saltLayout = 0x11 + iota
	saltIncident
	saltRecord
	saltText
	saltPeople
	saltPlaces
)
