package identity

import (
	"testing"
)

// The cost of one password with the default parameters; a login must stay below half a second.
func BenchmarkPasswordHash(b *testing.B) {
	h := newHasher(Defaults().Password)
	stored, err := h.hash(b.Context(), password)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if ok, err := h.verify(b.Context(), stored, password); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

// The cost of a token, which every request pays.
func BenchmarkServiceToken(b *testing.B) {
	text, id := newToken()
	t := token{ID: id, Hash: make([]byte, 32)}
	for b.Loop() {
		if tokenID(text) != id || t.matches(text) {
			b.Fatal("matched")
		}
	}
}
