package feature

// Counter counts in how many records of a window each element occurs (document frequency). It is kept incrementally: Add
// a record's set when it enters the window, Remove the same set when it leaves. Sets must not hold an element twice. The
// zero value is not usable; it is not safe for concurrent use.
type Counter[T comparable] struct {
	n    map[T]int32
	docs int
}

// NewCounter returns an empty counter with room for size elements.
func NewCounter[T comparable](size int) *Counter[T] { return &Counter[T]{n: make(map[T]int32, size)} }

// Add counts one record.
func (c *Counter[T]) Add(set []T) {
	c.docs++
	for _, t := range set {
		c.n[t]++
	}
}

// Remove takes back one record that was added.
func (c *Counter[T]) Remove(set []T) {
	c.docs = max(0, c.docs-1)
	for _, t := range set {
		switch n := c.n[t]; {
		case n > 1:
			c.n[t] = n - 1
		case n == 1:
			delete(c.n, t)
		}
	}
}

// Of is in how many records of the window t occurs.
func (c *Counter[T]) Of(t T) int { return int(c.n[t]) }

// Docs is how many records are in the window.
func (c *Counter[T]) Docs() int { return c.docs }

// Len is how many different elements are in the window.
func (c *Counter[T]) Len() int { return len(c.n) }

// Rare appends the elements of set that occur in lo to hi records of the window, in the order of set. An element that is
// in one record links nothing; one that is in many says nothing. The usual band for n-grams of titles is 2 to 60.
func (c *Counter[T]) Rare(dst, set []T, lo, hi int) []T {
	for _, t := range set {
		if n := int(c.n[t]); n >= lo && n <= hi {
			dst = append(dst, t)
		}
	}
	return dst
}
