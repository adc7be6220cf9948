package filedrop

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/text/encoding/simplifiedchinese"

	"onegrid/connectors"
)

// ratioFree is unpacked text that the ratio does not count: small files compress as they like.
const ratioFree = 1 << 20

// budget bounds what one file may unpack to, over all of its members: overlapping members of a zip bomb share it.
type budget struct {
	max int64 // unpacked bytes
	out int64
}

func newBudget(l Limits, packed int64) *budget {
	limit := l.UnpackedSize
	if packed < limit/int64(l.Ratio) {
		limit = min(limit, packed*int64(l.Ratio)+ratioFree)
	}
	return &budget{max: limit}
}

// reader counts what r gives and refuses more than the budget.
func (b *budget) reader(r io.Reader) io.Reader { return &budgetReader{b, r} }

type budgetReader struct {
	b *budget
	r io.Reader
}

func (r *budgetReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if r.b.out += int64(n); r.b.out > r.b.max {
		return 0, fmt.Errorf("%w: it unpacks to more than %d bytes", connectors.ErrLimit, r.b.max)
	}
	return n, err
}

// member is one stream of records: a file, what is inside of a gz, or a member of a zip.
type member struct {
	name   string // for people: "a.zip!b.csv"
	format string
	bad    error                     // why it cannot be opened at all
	open   func() (io.Reader, error) // as a stream
	at     io.ReaderAt               // nil when only a stream
	size   int64
	budget *budget
}

// random gives random access to a member, by holding it when it is only a stream.
func (m member) random(held int64) (io.ReaderAt, int64, error) {
	if m.at != nil {
		return m.at, m.size, nil
	}
	r, err := m.open()
	if err != nil {
		return nil, 0, err
	}
	b, err := io.ReadAll(io.LimitReader(r, held+1))
	if err != nil {
		return nil, 0, err
	}
	if int64(len(b)) > held {
		return nil, 0, fmt.Errorf("%w: inside of an archive it has to be held in memory and is larger than limits.held_size", connectors.ErrLimit)
	}
	return bytes.NewReader(b), int64(len(b)), nil
}

// formats by extension; a text without one that says more is delimited text.
func formatOf(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".csv", ".txt":
		return "csv"
	case ".tsv", ".tab":
		return "tsv"
	case ".json":
		return "json"
	case ".jsonl", ".ndjson":
		return "jsonl"
	case ".xlsx", ".xlsm":
		return "xlsx"
	case ".xml":
		return "xml"
	case ".parquet":
		return "parquet"
	}
	return ""
}

// members opens the container that a file is, if it is one, and lists its streams.
func (s *source) members(f *os.File, name string, size int64) ([]member, error) {
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	format := s.cfg.Format
	if format == "auto" {
		format = formatOf(name)
	}
	ext := strings.ToLower(path.Ext(name))
	isZip := string(magic[:]) == "PK\x03\x04" || string(magic[:]) == "PK\x05\x06"
	switch {
	case ext == ".zip" || isZip && format != "xlsx":
		return s.zipMembers(f, name, size)
	case ext == ".gz" || magic[0] == 0x1f && magic[1] == 0x8b && format != "parquet":
		inner := name
		if ext == ".gz" {
			inner = name[:len(name)-len(ext)]
		}
		b := newBudget(s.cfg.Limits, size)
		return []member{{name: name, format: s.format(inner), budget: b, open: func() (io.Reader, error) {
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				return nil, err
			}
			z, err := gzip.NewReader(f)
			if err != nil {
				return nil, err
			}
			return b.reader(z), nil
		}}}, nil
	}
	return []member{{name: name, format: s.format(name), at: f, size: size, budget: newBudget(s.cfg.Limits, size), open: func() (io.Reader, error) {
		_, err := f.Seek(0, io.SeekStart)
		return f, err
	}}}, nil
}

// format is the configured format, or the one of the name; delimited text when neither says.
func (s *source) format(name string) string {
	if s.cfg.Format != "auto" {
		return s.cfg.Format
	}
	if f := formatOf(name); f != "" {
		return f
	}
	if len(s.cfg.Fixed.Columns) > 0 {
		return "fixed"
	}
	return "csv"
}

// openZip opens an archive whose directory is of a sane size: the standard reader would read any.
func openZip(at io.ReaderAt, size int64, entries int) (*zip.Reader, error) {
	tail := make([]byte, min(size, 64<<10+22))
	if _, err := at.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if i < 0 || len(tail)-i < 22 {
		return nil, errors.New("the end of the archive is missing")
	}
	count, dir := int(binary.LittleEndian.Uint16(tail[i+10:])), int64(binary.LittleEndian.Uint32(tail[i+12:]))
	if count > entries || dir > int64(entries)*1024+64<<10 {
		return nil, fmt.Errorf("%w: the archive has more than %d members", connectors.ErrLimit, entries)
	}
	z, err := zip.NewReader(at, size)
	if err != nil {
		return nil, err
	}
	if len(z.File) > entries {
		return nil, fmt.Errorf("%w: the archive has more than %d members", connectors.ErrLimit, entries)
	}
	z.RegisterDecompressor(zip.Deflate, flate.NewReader)
	return z, nil
}

func (s *source) zipMembers(f *os.File, name string, size int64) ([]member, error) {
	z, err := openZip(f, size, s.cfg.Limits.Entries)
	if err != nil {
		return nil, err
	}
	b := newBudget(s.cfg.Limits, size)
	var out []member
	for _, e := range z.File {
		inner := memberName(e)
		base := path.Base(inner)
		if strings.HasSuffix(inner, "/") || strings.HasPrefix(base, ".") || strings.HasPrefix(inner, "__MACOSX/") {
			continue
		}
		m := member{name: name + "!" + inner, format: s.format(inner), budget: b}
		switch {
		case !localName(inner):
			// Nothing is written anywhere, so the name can do no harm; but who made it meant some.
			m.name, m.bad = name+"!(name withheld)", errors.New("the member's name leads out of the archive")
		case len(s.cfg.Archive.Members) > 0:
			if !slices.ContainsFunc(s.cfg.Archive.Members, func(p string) bool { ok, err := path.Match(p, base); return ok && err == nil }) {
				continue
			}
		case s.cfg.Format == "auto" && formatOf(inner) == "":
			continue
		}
		switch {
		case m.bad != nil:
		case e.Flags&1 != 0:
			m.bad = errors.New("the member is encrypted")
		case !e.Mode().IsRegular():
			m.bad = errors.New("the member is not a regular file")
		default:
			m.open = func() (io.Reader, error) {
				r, err := e.Open()
				if err != nil {
					return nil, err
				}
				return b.reader(r), nil
			}
		}
		out = append(out, m)
	}
	if len(out) == 0 {
		return nil, errors.New("the archive has no member that would be read")
	}
	return out, nil
}

// memberName decodes a member's name: UTF-8 where it is, GBK as Windows writes it in China otherwise.
func memberName(e *zip.File) string {
	n := strings.ReplaceAll(e.Name, "\\", "/")
	if utf8.ValidString(e.Name) {
		return n
	}
	if d, err := simplifiedchinese.GB18030.NewDecoder().String(e.Name); err == nil {
		return strings.ReplaceAll(d, "\\", "/")
	}
	return strings.ToValidUTF8(n, "\uFFFD")
}
