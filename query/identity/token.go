package identity

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"strings"
)

// tokenPrefix makes tokens recognisable to people and to secret scanners.
const tokenPrefix = "ogt_"

// tokenIterations are the PBKDF2 iterations of a token's SCRAM verifier: the least that RFC 7677 allows, because
// stretching adds nothing to 256 random bits.
const tokenIterations = 4096

// newToken returns a token "ogt_<id>_<secret>" and its id.
func newToken() (text, id string) {
	id = hex.EncodeToString(random(6))
	secret := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random(32))
	return tokenPrefix + id + "_" + strings.ToLower(secret), id
}

// tokenID is the public part of a token; "" if it is none of ours.
func tokenID(text string) string {
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(rest) != 12+1+52 || rest[12] != '_' {
		return ""
	}
	return rest[:12]
}

// matches compares in constant time.
func (t *token) matches(text string) bool {
	sum := sha256.Sum256([]byte(text))
	return subtle.ConstantTimeCompare(sum[:], t.Hash) == 1
}
