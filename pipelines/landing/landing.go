package landing

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"onegrid/connectors"
	"onegrid/event"
)

// Sentinels of reading a landing file.
var (
	// ErrTampered means that a file is not the one that was written: its digest differs or it does not open.
	ErrTampered = errors.New("the landing file is damaged or was changed")
	// ErrIdentity means that the identity does not belong to the recipient that the file was sealed to.
	ErrIdentity = errors.New("the identity does not open this landing file")
)

const (
	dataSuffix     = ".arrows.age"
	manifestSuffix = ".json"
	tempPrefix     = ".tmp-"
)

// Options change what Open does by default.
type Options struct {
	// Off names the sources whose batches are not kept (mode: off). Their units cannot be replayed.
	Off map[string]bool
	// Fault is called at "land.write", "land.fsync", "land.rename" and "land.dirsync"; nil in production.
	Fault func(step string)
}

// Landing is a folder of sealed units. It is safe for concurrent use.
type Landing struct {
	root       *os.Root
	dir        string
	recipients []age.Recipient
	opt        Options
	encoders   sync.Pool
}

// Ref names one sealed unit. The zero Ref stands for a unit of a source whose landing is off.
type Ref struct {
	Path   string `json:"path"` // relative to the landing folder, slashes
	SHA256 string `json:"sha256"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"` // of the sealed file
}

// IsZero reports whether nothing was kept.
func (r Ref) IsZero() bool { return r.Path == "" }

// Manifest is the clear-text file beside a unit. It holds no value of any record.
type Manifest struct {
	SHA256   string    `json:"sha256"`
	Rows     int64     `json:"rows"`
	Bytes    int64     `json:"bytes"`
	Segments int       `json:"segments"`
	Source   string    `json:"source"`
	Run      string    `json:"run"`
	Unit     int       `json:"unit"`
	Seq      int64     `json:"seq"` // order of writing within the source: nanoseconds since 1970, hub clock
	ReadAt   time.Time `json:"read_at"`
}

// ParseRecipients reads age X25519 recipients ("age1…"), one an entry.
func ParseRecipients(keys ...string) ([]age.Recipient, error) {
	var out []age.Recipient
	for _, k := range keys {
		r, err := age.ParseX25519Recipient(strings.TrimSpace(k))
		if err != nil {
			return nil, fmt.Errorf("reading a landing recipient: %w", err)
		}
		out = append(out, r)
	}
	return out, nil
}

// Open opens the landing folder dir and makes it where it is missing (0700). At least one recipient is needed: nothing is
// ever written unsealed.
func Open(dir string, recipients []age.Recipient, opt Options) (*Landing, error) {
	if len(recipients) == 0 {
		return nil, errors.New("opening the landing folder: no recipient; create one with `onegrid init` · 缺少落地加密公钥,请运行 onegrid init")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, explain("making the landing folder", "", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, explain("opening the landing folder", "", err)
	}
	l := &Landing{root: root, dir: dir, recipients: recipients, opt: opt}
	l.encoders.New = func() any {
		// One goroutine: units of several sources are sealed at the same time already.
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(frameBytes), zstd.WithEncoderCRC(false))
		if err != nil {
			return err
		}
		return &frameWriter{enc: e, in: make([]byte, 0, frameBytes)}
	}
	return l, nil
}

// Close closes the folder. Writers must be closed or aborted before.
func (l *Landing) Close() error { return l.root.Close() }

func (l *Landing) fault(step string) {
	if l.opt.Fault != nil {
		l.opt.Fault(step)
	}
}

var safeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

func unitPath(source, run string, unit int, at time.Time) string {
	return path.Join(source, at.In(event.Shanghai).Format("20060102"), fmt.Sprintf("%s-%06d%s", run, unit, dataSuffix))
}

// explain wraps an error of the file system with what a person can do about it.
func explain(op, source string, err error) error {
	e := &connectors.Error{Op: op, Source: source, Err: err}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		e.Hint = "the disk of the landing folder is full or a file size limit was met: free space, or shorten landing.keep_days"
		e.HintZH = "落地目录所在磁盘已满或超过文件大小限制:请释放空间,或缩短 landing.keep_days"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		e.Hint = "the landing folder cannot be written: check its owner and mode, and that the disk is not mounted read-only"
		e.HintZH = "落地目录不可写:请检查属主与权限,以及磁盘是否以只读方式挂载"
	}
	return e
}

func (l *Landing) readManifest(name string) (Manifest, error) {
	b, err := l.root.ReadFile(name)
	if err != nil {
		return Manifest{}, err
	}
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return Manifest{}, fmt.Errorf("reading manifest %s: %w", name, err)
	}
	return m, nil
}
