package landing

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"filippo.io/age"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/klauspost/compress/zstd"

	"onegrid/connectors"
)

const maxHeader = 64 << 20

// Segment is one batch as it was landed. The consumer releases Records, which is nil where the batch had none.
type Segment struct {
	Header
	Records arrow.RecordBatch
}

// Batch returns the segment in the shape in which its source delivered it.
func (s *Segment) Batch() connectors.Batch {
	return connectors.Batch{Stream: s.Stream, Records: s.Records, Rejects: s.Rejects, Resume: s.Resume, AsOf: s.AsOf, Origin: s.Origin, Notes: s.Notes}
}

// Replay reads a unit. The digest of the whole file is checked before a byte of it is decoded. A yielded error ends the
// sequence; errors are ErrTampered, ErrIdentity, or those of the file system.
func (l *Landing) Replay(ref Ref, identity age.Identity) iter.Seq2[Segment, error] {
	return func(yield func(Segment, error) bool) {
		if err := l.replay(ref, identity, func(s Segment) bool { return yield(s, nil) }); err != nil {
			yield(Segment{}, fmt.Errorf("replaying %s: %w", ref.Path, err))
		}
	}
}

func (l *Landing) replay(ref Ref, identity age.Identity, yield func(Segment) bool) error {
	f, err := l.root.Open(ref.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return err
	}
	if n != ref.Bytes || hex.EncodeToString(h.Sum(nil)) != ref.SHA256 {
		return ErrTampered
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	plain, err := age.Decrypt(bufio.NewReaderSize(f, 128<<10), identity)
	if err != nil {
		var none *age.NoIdentityMatchError
		if errors.As(err, &none) {
			return ErrIdentity
		}
		return fmt.Errorf("%w: %w", ErrTampered, err)
	}
	z, err := zstd.NewReader(plain, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return err
	}
	defer z.Close()
	r := bufio.NewReaderSize(z, 128<<10)
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(r, head); err != nil || string(head) != magic {
		return fmt.Errorf("%w: not a landing file of this format", ErrTampered)
	}
	rows := int64(0)
	for {
		s, end, err := readSegment(r)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTampered, err)
		}
		if end {
			break
		}
		rows += s.Rows
		if !yield(s) {
			return nil
		}
	}
	if rows != ref.Rows {
		return fmt.Errorf("%w: it holds %d rows, not %d", ErrTampered, rows, ref.Rows)
	}
	return nil
}

func readSegment(r *bufio.Reader) (s Segment, end bool, err error) {
	var n [4]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return s, false, err
	}
	size := binary.LittleEndian.Uint32(n[:])
	if size == endMark {
		return s, true, nil
	}
	if size > maxHeader {
		return s, false, errors.New("header too long")
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return s, false, err
	}
	if err := json.Unmarshal(b, &s.Header); err != nil {
		return s, false, errors.New("header not readable")
	}
	var body bytes.Buffer
	for {
		if _, err := io.ReadFull(r, n[:]); err != nil {
			return s, false, err
		}
		size := binary.LittleEndian.Uint32(n[:])
		if size == 0 {
			break
		}
		if _, err := io.CopyN(&body, r, int64(size)); err != nil {
			return s, false, err
		}
	}
	if body.Len() == 0 {
		return s, false, nil
	}
	ir, err := ipc.NewReader(&body)
	if err != nil {
		return s, false, err
	}
	defer ir.Release()
	if !ir.Next() {
		return s, false, fmt.Errorf("no record batch: %w", ir.Err())
	}
	s.Records = ir.RecordBatch()
	s.Records.Retain()
	return s, false, nil
}
