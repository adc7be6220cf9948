package surface

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"onegrid/catalog"
	"onegrid/query/audit"
)

// auditConfig is the configuration of the chain in a folder. Only the doors' chain is anchored: an anchor file has one
// writer.
func auditConfig(c *catalog.Catalog, data, dir string) (audit.Config, error) {
	cfg := audit.Config{Dir: dir}
	if dir == auditDir(data) {
		cfg.Anchor = c.Hub.Query.Audit.Anchor
	}
	key, err := auditKey(c)
	cfg.Key = key
	return cfg, err
}

// auditKey is the key of the chains, nil without one.
func auditKey(c *catalog.Catalog) ([]byte, error) {
	ref := c.Hub.Query.Audit.Key
	if ref == "" {
		return nil, nil
	}
	v, err := catalog.Secrets(c.Dir)(ref)
	if err != nil {
		return nil, fmt.Errorf("reading query.audit.key: %w", err)
	}
	return []byte(v), nil
}

// openAudit opens the chain in a folder. The first time that it is opened with a key, it is noted how many records it had
// before.
func openAudit(c *catalog.Catalog, data, dir string, log *slog.Logger) (*audit.Log, error) {
	cfg, err := auditConfig(c, data, dir)
	if err != nil {
		return nil, err
	}
	var before int64
	mark := len(cfg.Key) > 0
	if mark {
		if _, err := readKeyed(dir, cfg.Key); !errors.Is(err, fs.ErrNotExist) {
			mark = false
		} else if _, err := os.Stat(dir); err == nil {
			v, err := audit.Verify(dir, audit.VerifyOptions{})
			// Keyed records without the mark mean that the mark was taken away: it is not made again.
			before, mark = v.Last.Seq, v.Keyed == 0 && (err == nil || v.Files == 0)
		}
	}
	l, err := audit.Open(cfg, log)
	if err != nil || !mark {
		return l, err
	}
	if err := writeKeyed(dir, cfg.Key, before); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// keyed says how many records a chain had before it got its key. Its MAC keeps whoever has no key from raising the number.
type keyed struct {
	Unkeyed int64  `json:"unkeyed"`
	MAC     string `json:"mac"`
}

func keyedPath(dir string) string { return dir + ".keyed" }

func (k keyed) sign(dir string, key []byte) string {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "onegrid audit %s unkeyed %d", filepath.Base(dir), k.Unkeyed)
	return hex.EncodeToString(h.Sum(nil))
}

func readKeyed(dir string, key []byte) (int64, error) {
	f, err := os.Open(keyedPath(dir))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var k keyed
	if err := json.NewDecoder(io.LimitReader(f, 4096)).Decode(&k); err != nil {
		return 0, fmt.Errorf("reading %s: %w", filepath.Base(f.Name()), err)
	}
	if !hmac.Equal([]byte(k.sign(dir, key)), []byte(k.MAC)) {
		return 0, fmt.Errorf("reading %s: %w", filepath.Base(f.Name()), errKeyed)
	}
	return k.Unkeyed, nil
}

var errKeyed = errors.New("it was changed, or made with another key")

func writeKeyed(dir string, key []byte, unkeyed int64) error {
	k := keyed{Unkeyed: unkeyed}
	k.MAC = k.sign(dir, key)
	b, err := json.Marshal(k)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(keyedPath(dir)+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("noting where the audit key begins: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), keyedPath(dir))
	}
	if err != nil {
		return fmt.Errorf("noting where the audit key begins: %w", err)
	}
	return nil
}

// VerifyAudit checks every audit chain of a data directory that exists.
func VerifyAudit(c *catalog.Catalog, data string) (map[string]audit.Verified, error) {
	out := map[string]audit.Verified{}
	for _, dir := range AuditDirs(data) {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		cfg, err := auditConfig(c, data, dir)
		if err != nil {
			return out, err
		}
		opts := audit.VerifyOptions{Key: cfg.Key}
		if cfg.Anchor != "" {
			if _, err := os.Stat(cfg.Anchor); err == nil {
				opts.Anchor = cfg.Anchor
			}
		}
		var damaged []audit.Problem
		if len(cfg.Key) > 0 {
			opts.Unkeyed, err = readKeyed(dir, cfg.Key)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				damaged = append(damaged, audit.Problem{File: filepath.Base(keyedPath(dir)), What: err.Error()})
			}
		}
		v, err := audit.Verify(dir, opts)
		if err != nil {
			return out, fmt.Errorf("verifying the audit log: %w", err)
		}
		v.Problems = append(v.Problems, damaged...)
		out[dir] = v
	}
	return out, nil
}
