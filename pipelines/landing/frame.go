package landing

import (
	"io"

	"github.com/klauspost/compress/zstd"
)

const frameBytes = 1 << 20

// frameWriter compresses its input in zstd frames of 1 MiB. Frames on their own are faster to make than a stream: the
// encoder copies no history, and narratives of one batch resemble each other more than those of the batch before.
type frameWriter struct {
	w   io.Writer
	enc *zstd.Encoder
	in  []byte
	out []byte
}

func (f *frameWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(f.in)+len(p) >= frameBytes {
		k := frameBytes - len(f.in)
		f.in = append(f.in, p[:k]...)
		p = p[k:]
		if err := f.Flush(); err != nil {
			return 0, err
		}
	}
	f.in = append(f.in, p...)
	return n, nil
}

// Flush ends the frame.
func (f *frameWriter) Flush() error {
	if len(f.in) == 0 {
		return nil
	}
	f.out = f.enc.EncodeAll(f.in, f.out[:0])
	f.in = f.in[:0]
	_, err := f.w.Write(f.out)
	return err
}
