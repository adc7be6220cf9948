package privacy

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// ErrNoKey means that no token key is configured: nothing is read without one.
var ErrNoKey = errors.New("no token key; create one with `onegrid init` or name one in privacy.key · 缺少令牌密钥,请运行 onegrid init 或配置 privacy.key")

// ErrKeyMode means that others can read the key file.
var ErrKeyMode = errors.New("the key file must be readable by its owner only (chmod 0400) · 密钥文件只能由属主读取(chmod 0400)")

const masterBytes = 32

// Keys holds the master key of the party tokens. It prints as "keys(redacted)" in every format.
type Keys struct {
	master []byte
}

func (k Keys) isZero() bool { return len(k.master) != masterBytes }

// Format, MarshalText keep the key out of logs and files.
func (k Keys) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, "keys(redacted)") }
func (k Keys) MarshalText() ([]byte, error) { return []byte("keys(redacted)"), nil }

// LoadKeys reads the master key that ref names. A reference "file:path" is opened here, so that its mode can be checked
// (0400 or 0600); any other goes to secret ("env:NAME", "systemd:name"). The key is 32 bytes in hex or base64.
func LoadKeys(ref string, secret func(ref string) (string, error)) (Keys, error) {
	if ref == "" {
		return Keys{}, ErrNoKey
	}
	if path, ok := strings.CutPrefix(ref, "file:"); ok {
		return KeysFromFile(path)
	}
	if secret == nil {
		return Keys{}, fmt.Errorf("reading the token key: no resolver for this kind of reference: %w", ErrNoKey)
	}
	v, err := secret(ref)
	if err != nil {
		return Keys{}, fmt.Errorf("reading the token key: %w", err)
	}
	return parseKey(v)
}

// KeysFromFile reads the master key from a regular file that only its owner can read.
func KeysFromFile(path string) (Keys, error) {
	f, err := os.Open(path)
	if err != nil {
		return Keys{}, fmt.Errorf("reading the token key: %w", err)
	}
	defer f.Close()
	// The mode of the open file, not of the path: the path can be exchanged in between.
	st, err := f.Stat()
	if err != nil {
		return Keys{}, fmt.Errorf("reading the token key: %w", err)
	}
	if !st.Mode().IsRegular() || st.Mode().Perm()&0o177 != 0 {
		return Keys{}, fmt.Errorf("reading the token key %s: %w", path, ErrKeyMode)
	}
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return Keys{}, fmt.Errorf("reading the token key: %w", err)
	}
	return parseKey(string(b))
}

func parseKey(text string) (Keys, error) {
	text = strings.TrimSpace(text)
	if b, err := hex.DecodeString(text); err == nil && len(b) == masterBytes {
		return Keys{b}, nil
	}
	if b, err := base64.StdEncoding.DecodeString(text); err == nil && len(b) == masterBytes {
		return Keys{b}, nil
	}
	return Keys{}, fmt.Errorf("reading the token key: it must be %d bytes in hex or base64: %w", masterBytes, ErrNoKey)
}

// GenerateKeyFile writes a new random master key to path, mode 0400. It never replaces a file: a lost key unlinks all
// tokens.
func GenerateKeyFile(path string) error {
	b := make([]byte, masterBytes)
	_, _ = rand.Read(b) // never fails: crypto/rand aborts the program instead
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return fmt.Errorf("writing the token key: %w", err)
	}
	if _, err := f.WriteString(hex.EncodeToString(b) + "\n"); err != nil {
		f.Close()
		return fmt.Errorf("writing the token key: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing the token key: %w", err)
	}
	return nil
}

// epochKey derives the key of one kind of token in one epoch. Kinds have separate keys, so that equal digits of a phone
// and an account never give equal tokens.
func (k Keys) epochKey(kind string, epoch int32) ([]byte, error) {
	return hkdf.Key(sha256.New, k.master, nil, fmt.Sprintf("onegrid party token v1|%s|%d", kind, epoch), 32)
}

// epochKeyID names the key of an epoch without telling anything about it.
func (k Keys) epochKeyID(epoch int32) (string, error) {
	b, err := hkdf.Key(sha256.New, k.master, nil, fmt.Sprintf("onegrid party token key id v1|%d", epoch), 5)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("e%d-%x", epoch, b), nil
}
