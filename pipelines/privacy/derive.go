package privacy

import (
	"crypto/hkdf"
	"crypto/sha256"
)

// Derive makes a further key for a named purpose (HKDF-SHA256, RFC 5869); the master key itself never leaves Keys.
func (k Keys) Derive(purpose string, size int) ([]byte, error) {
	if k.isZero() {
		return nil, ErrNoKey
	}
	return hkdf.Key(sha256.New, k.master, nil, purpose, size)
}
