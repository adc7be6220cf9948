package landing

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"time"

	"filippo.io/age"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"onegrid/connectors"
)

// The plain text inside a sealed file: magic, then segments, then an end mark. A segment is the length of its header
// (uint32, little endian), the header in JSON, then its Arrow IPC stream in chunks (uint32 length and bytes) up to a
// chunk of length 0. The end mark is a header length of 0xffffffff.
const (
	magic   = "onegrid landing 1\n"
	endMark = 0xffffffff
)

// Header is what is kept of a batch beside its records.
type Header struct {
	Stream  string                `json:"stream,omitempty"`
	Origin  string                `json:"origin,omitempty"`
	AsOf    time.Time             `json:"as_of,omitzero"`
	ReadAt  time.Time             `json:"read_at"`
	Rows    int64                 `json:"rows"`
	Resume  connectors.Checkpoint `json:"resume"` // true once this segment and all before it are stored
	Rejects []connectors.Reject   `json:"rejects,omitempty"`
	Notes   []connectors.Note     `json:"notes,omitempty"`
}

// Writer seals the batches of one unit into one file. It is not safe for concurrent use. After an error only Abort is
// allowed.
type Writer struct {
	l        *Landing
	ctx      context.Context
	source   string
	run      string
	unit     int
	begun    time.Time
	readAt   time.Time
	tempName string
	file     *os.File
	sum      *meter
	seal     io.WriteCloser
	buf      *frameWriter
	chunks   *chunkWriter
	rows     int64
	segments int
	failed   error
	done     bool
}

// meter counts and digests what goes to disk.
type meter struct {
	w     io.Writer
	h     hash.Hash
	bytes int64
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.h.Write(p[:n])
	m.bytes += int64(n)
	return n, err
}

// Begin starts a unit. Nothing appears under a final name before Close.
func (l *Landing) Begin(ctx context.Context, source, runID string, unitNo int) (*Writer, error) {
	if !safeName.MatchString(source) || !safeName.MatchString(runID) || unitNo < 0 {
		return nil, errors.New("beginning a landing unit: source or run id is no plain name")
	}
	w := &Writer{l: l, ctx: ctx, source: source, run: runID, unit: unitNo, begun: time.Now()}
	if l.opt.Off[source] {
		return w, nil
	}
	dir := path.Dir(unitPath(source, runID, unitNo, w.begun))
	if err := l.root.MkdirAll(dir, 0o700); err != nil {
		return nil, explain("making "+dir, source, err)
	}
	var id [8]byte
	_, _ = rand.Read(id[:])
	w.tempName = path.Join(dir, tempPrefix+hex.EncodeToString(id[:]))
	f, err := l.root.OpenFile(w.tempName, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, explain("creating a landing file", source, err)
	}
	w.file = f
	w.sum = &meter{w: f, h: sha256.New()}
	w.seal, err = age.Encrypt(w.sum, l.recipients...)
	if err != nil {
		return nil, errors.Join(explain("sealing a landing file", source, err), w.Abort())
	}
	switch e := l.encoders.Get().(type) {
	case *frameWriter:
		e.w, e.in = w.seal, e.in[:0]
		w.buf = e
	case error:
		return nil, errors.Join(fmt.Errorf("compressing a landing file: %w", e), w.Abort())
	}
	w.chunks = &chunkWriter{w: w.buf}
	if _, err := w.buf.Write([]byte(magic)); err != nil {
		return nil, errors.Join(explain("writing a landing file", source, err), w.Abort())
	}
	return w, nil
}

// Append adds a batch: its records, its position, its rejects with their raw bytes. The batch stays the caller's.
func (w *Writer) Append(batch connectors.Batch, readAt time.Time) error {
	if w.failed != nil {
		return w.failed
	}
	if err := w.ctx.Err(); err != nil {
		return w.fail("writing a landing file", err)
	}
	h := Header{Stream: batch.Stream, Origin: batch.Origin, AsOf: batch.AsOf, ReadAt: readAt, Resume: batch.Resume, Rejects: batch.Rejects, Notes: batch.Notes}
	if batch.Records != nil {
		h.Rows = batch.Records.NumRows()
	}
	w.rows += h.Rows
	w.segments++
	if w.readAt.IsZero() {
		w.readAt = readAt
	}
	if w.file == nil {
		return nil // mode: off
	}
	w.l.fault("land.write")
	b, err := json.Marshal(h)
	if err != nil {
		return w.fail("writing a landing header", err)
	}
	var n [4]byte
	binary.LittleEndian.PutUint32(n[:], uint32(len(b)))
	_, err1 := w.buf.Write(n[:])
	_, err2 := w.buf.Write(b)
	if err := errors.Join(err1, err2); err != nil {
		return w.fail("writing a landing file", err)
	}
	if batch.Records != nil {
		iw := ipc.NewWriter(w.chunks, ipc.WithSchema(batch.Records.Schema()))
		if err := errors.Join(iw.Write(batch.Records), iw.Close()); err != nil {
			return w.fail("writing a landing file", err)
		}
	}
	if err := w.chunks.end(); err != nil {
		return w.fail("writing a landing file", err)
	}
	return nil
}

func (w *Writer) fail(op string, err error) error {
	w.failed = explain(op, w.source, err)
	return w.failed
}

// chunkWriter frames what it is given: the length of an IPC stream is not known before its end.
type chunkWriter struct {
	w    io.Writer
	head [4]byte
	pend []byte
}

// Write gathers the many small writes of the IPC encoder and sends large ones on as they are.
func (c *chunkWriter) Write(p []byte) (int, error) {
	if len(c.pend)+len(p) <= 16<<10 {
		c.pend = append(c.pend, p...)
		return len(p), nil
	}
	if err := c.flush(); err != nil {
		return 0, err
	}
	return len(p), c.chunk(p)
}

func (c *chunkWriter) flush() error {
	if len(c.pend) == 0 {
		return nil
	}
	err := c.chunk(c.pend)
	c.pend = c.pend[:0]
	return err
}

func (c *chunkWriter) chunk(p []byte) error {
	for len(p) > 0 {
		n := min(len(p), 1<<20)
		binary.LittleEndian.PutUint32(c.head[:], uint32(n))
		if _, err := c.w.Write(c.head[:]); err != nil {
			return err
		}
		if _, err := c.w.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func (c *chunkWriter) end() error {
	if err := c.flush(); err != nil {
		return err
	}
	_, err := c.w.Write([]byte{0, 0, 0, 0})
	return err
}

// Close seals the unit and puts it and its manifest under their final names, on disk. On an error nothing is left.
func (w *Writer) Close() (Ref, error) {
	if w.done {
		return Ref{}, errors.New("closing a landing unit: it is closed")
	}
	if w.file == nil {
		w.done = true
		return Ref{Rows: w.rows}, w.failed
	}
	ref, err := w.commit()
	if err != nil {
		return Ref{}, errors.Join(err, w.Abort())
	}
	w.done = true
	return ref, nil
}

func (w *Writer) commit() (Ref, error) {
	if w.failed != nil {
		return Ref{}, w.failed
	}
	if err := w.ctx.Err(); err != nil {
		return Ref{}, w.fail("writing a landing file", err)
	}
	var n [4]byte
	binary.LittleEndian.PutUint32(n[:], endMark)
	_, err := w.buf.Write(n[:])
	if err := errors.Join(err, w.buf.Flush(), w.seal.Close()); err != nil {
		return Ref{}, w.fail("writing a landing file", err)
	}
	w.release()
	w.l.fault("land.fsync")
	if err := w.file.Sync(); err != nil {
		return Ref{}, w.fail("writing a landing file to disk", err)
	}
	if err := w.file.Close(); err != nil {
		return Ref{}, w.fail("closing a landing file", err)
	}
	name := unitPath(w.source, w.run, w.unit, w.begun)
	m := Manifest{SHA256: hex.EncodeToString(w.sum.h.Sum(nil)), Rows: w.rows, Bytes: w.sum.bytes, Segments: w.segments,
		Source: w.source, Run: w.run, Unit: w.unit, Seq: w.begun.UnixNano(), ReadAt: w.readAt.UTC()}
	// The manifest goes first: a data file without one is then always a stray, a manifest without data a crash in between.
	if err := w.writeManifest(name+manifestSuffix, m); err != nil {
		return Ref{}, err
	}
	w.l.fault("land.rename")
	if err := w.l.root.Rename(w.tempName, name); err != nil {
		return Ref{}, errors.Join(w.fail("naming a landing file", err), w.l.root.Remove(name+manifestSuffix))
	}
	w.tempName = ""
	w.l.fault("land.dirsync")
	if err := w.l.syncDir(path.Dir(name)); err != nil {
		return Ref{}, w.fail("writing the landing folder to disk", err)
	}
	return Ref{Path: name, SHA256: m.SHA256, Rows: m.Rows, Bytes: m.Bytes}, nil
}

func (w *Writer) writeManifest(name string, m Manifest) error {
	b, err := json.Marshal(m)
	if err != nil {
		return w.fail("writing a landing manifest", err)
	}
	temp := w.tempName + manifestSuffix
	f, err := w.l.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return w.fail("writing a landing manifest", err)
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = w.l.root.Rename(temp, name)
	}
	if err != nil {
		_ = w.l.root.Remove(temp)
		return w.fail("writing a landing manifest", err)
	}
	return nil
}

// syncDir makes names durable: of the folder and of the folders above it, which may be new.
func (l *Landing) syncDir(dir string) error {
	for d := dir; ; d = path.Dir(d) {
		f, err := l.root.Open(d)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
		if d == "." {
			return nil
		}
	}
}

// release gives the encoder back. Its buffer holds plain records: it is wiped, since it may lie idle for long.
func (w *Writer) release() {
	if w.buf == nil {
		return
	}
	clear(w.buf.in[:cap(w.buf.in)])
	w.buf.w, w.buf.in = nil, w.buf.in[:0]
	w.l.encoders.Put(w.buf)
	w.buf = nil
}

// Abort drops the unit. It may be called after Close and twice.
func (w *Writer) Abort() error {
	if w.done || w.file == nil {
		w.done = true
		return nil
	}
	w.done = true
	w.release()
	_ = w.file.Close() // the content is of no use any more
	if w.tempName == "" {
		return nil
	}
	if err := w.l.root.Remove(w.tempName); err != nil {
		return explain("removing a landing file", w.source, err)
	}
	return nil
}
