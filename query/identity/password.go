package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/xdg-go/stringprep"
	"golang.org/x/crypto/argon2"
)

const (
	saltBytes = 16
	hashBytes = 32
	maxLength = 256 // characters of a password; longer ones are only a way to make the hash cost more
)

// cost is what a stored argon2id hash was made with.
type cost struct {
	memory, passes uint32
	lanes          uint8
}

// hasher computes argon2id hashes, a few at a time: each needs its memory.
type hasher struct {
	want  cost
	slots chan struct{}
	// work counts computed hashes: a test compares what a known and an unknown user cost.
	work atomic.Int64
}

func newHasher(c PasswordConfig) *hasher {
	return &hasher{want: cost{c.MemoryKiB, c.Passes, c.Lanes}, slots: make(chan struct{}, c.Parallel)}
}

// derive waits for a slot and computes one hash.
func (h *hasher) derive(ctx context.Context, password string, salt []byte, c cost, size int) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-h.slots }()
	h.work.Add(1)
	return argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.lanes, uint32(size)), nil
}

// hash returns a new hash in the PHC string format, "$argon2id$v=19$m=65536,t=2,p=1$salt$hash".
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := random(saltBytes)
	sum, err := h.derive(ctx, password, salt, h.want, hashBytes)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.want.memory, h.want.passes, h.want.lanes,
		b64.EncodeToString(salt), b64.EncodeToString(sum)), nil
}

// verify computes exactly one hash, whether stored is one or not: a stored hash that is missing or broken costs the same
// and is never right.
func (h *hasher) verify(ctx context.Context, stored, password string) (ok bool, err error) {
	c, salt, want, perr := parsePHC(stored)
	if perr != nil {
		c, salt, want = h.want, make([]byte, saltBytes), make([]byte, hashBytes)
	}
	got, err := h.derive(ctx, password, salt, c, len(want))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && perr == nil, nil
}

// stale reports whether a stored hash is cheaper than a new one would be.
func (h *hasher) stale(stored string) bool {
	c, _, _, err := parsePHC(stored)
	return err != nil || c.memory < h.want.memory || c.passes < h.want.passes || c.lanes < h.want.lanes
}

func parsePHC(s string) (c cost, salt, sum []byte, err error) {
	part := strings.Split(s, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, fmt.Errorf("%w: not an argon2id hash", ErrInvalid)
	}
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.lanes); err != nil {
		return c, nil, nil, fmt.Errorf("%w: argon2id parameters: %w", ErrInvalid, err)
	}
	// A hash that somebody wrote into the file must not take the machine's memory.
	if c.memory < 8 || c.memory > 4<<20 || c.passes < 1 || c.passes > 1000 || c.lanes < 1 {
		return c, nil, nil, fmt.Errorf("%w: argon2id parameters out of range", ErrInvalid)
	}
	if salt, err = base64.RawStdEncoding.DecodeString(part[4]); err != nil {
		return c, nil, nil, fmt.Errorf("%w: argon2id salt: %w", ErrInvalid, err)
	}
	if sum, err = base64.RawStdEncoding.DecodeString(part[5]); err != nil || len(sum) < 16 || len(sum) > 64 {
		return c, nil, nil, fmt.Errorf("%w: argon2id hash", ErrInvalid)
	}
	return c, salt, sum, nil
}

// prepare normalises a password as both hashes and SCRAM clients do (SASLprep, RFC 4013).
func prepare(password string) (string, error) {
	p, err := stringprep.SASLprep.Prepare(password)
	if err != nil {
		return "", fmt.Errorf("%w: the password holds characters that cannot be typed the same way everywhere (RFC 4013)", ErrInvalid)
	}
	return p, nil
}

// checkPassword applies the rules: length, no name in it, not one character again and again. Composition rules are left
// out on purpose (NIST SP 800-63B, section 5.1.1.2).
func checkPassword(user, password string, minLength int) error {
	p, err := prepare(password)
	if err != nil {
		return err
	}
	n := utf8.RuneCountInString(p)
	distinct := map[rune]bool{}
	for _, r := range p {
		distinct[r] = true
	}
	switch {
	case n < minLength:
		return fmt.Errorf("%w: the password has %d characters; at least %d are needed", ErrInvalid, n, minLength)
	case n > maxLength:
		return fmt.Errorf("%w: the password has %d characters; at most %d are allowed", ErrInvalid, n, maxLength)
	case strings.EqualFold(p, user) || (len(user) >= 4 && strings.Contains(strings.ToLower(p), user) && n < minLength+len(user)):
		return fmt.Errorf("%w: the password is the user name, or little more", ErrInvalid)
	case len(distinct) < 5:
		return fmt.Errorf("%w: the password has fewer than 5 different characters", ErrInvalid)
	}
	return nil
}

// oneTime makes a password for a person to type once: 20 characters of an alphabet without look-alikes, 98 bits.
func oneTime() string {
	const alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
	var b strings.Builder
	for i := range 20 {
		if i > 0 && i%5 == 0 {
			b.WriteByte('-')
		}
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(errors.New("the system has no randomness")) // crypto/rand never fails since Go 1.24
		}
		b.WriteByte(alphabet[n.Int64()])
	}
	return b.String()
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails since Go 1.24
	return b
}
