package audit

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"
)

const (
	algSHA256 = "sha256"
	algHMAC   = "hmac-sha256"
	// lineLimit is above the longest record: 64 KiB of SQL, each byte escaped to six.
	lineLimit = 1 << 20
)

// Head is the newest end of a chain.
type Head struct {
	Seq  int64     `json:"seq"`
	Hash string    `json:"hash"`
	Time time.Time `json:"time"`
}

// genesis is the hash before the first record.
func genesis() string { return strings.Repeat("0", 2*sha256.Size) }

const (
	hashOpen  = `,"hash":"`
	hashClose = `"}`
	hashTail  = len(hashOpen) + 2*sha256.Size + len(hashClose)
)

func hasher(key []byte) hash.Hash {
	if len(key) > 0 {
		return hmac.New(sha256.New, key)
	}
	return sha256.New()
}

func algorithm(key []byte) string {
	if len(key) > 0 {
		return algHMAC
	}
	return algSHA256
}

// encode fills in Hash and returns the line with its end. The hash is over the line without the member "hash", which is
// its last: whoever wants to check one by hand cuts it out and runs sha256sum.
func encode(r *Record, key []byte) ([]byte, error) {
	r.Hash = ""
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // SQL is full of < and >
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("encoding an audit record: %w", err)
	}
	body, ok := bytes.CutSuffix(b.Bytes(), []byte(hashOpen+hashClose+"\n"))
	if !ok {
		return nil, errors.New("encoding an audit record: hash is not its last member")
	}
	h := hasher(key)
	h.Write(body)
	h.Write([]byte("}"))
	r.Hash = hex.EncodeToString(h.Sum(nil))
	return append(body, hashOpen+r.Hash+hashClose+"\n"...), nil
}

var (
	errForm = errors.New("not a record")
	errHash = errors.New("the record was changed after it was written")
)

// decode reads a line without its end. With errHash the record is filled in; with errForm it is not. check is false where
// the key is not at hand.
func decode(line, key []byte, check bool) (Record, error) {
	var r Record
	if len(line) < hashTail || string(line[len(line)-hashTail:][:len(hashOpen)]) != hashOpen || !bytes.HasSuffix(line, []byte(hashClose)) {
		return r, errForm
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return r, errForm
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return r, errForm
	}
	stated, err := hex.DecodeString(string(line[len(line)-hashTail+len(hashOpen) : len(line)-len(hashClose)]))
	if err != nil {
		return r, errForm
	}
	if !check {
		return r, nil
	}
	h := hasher(key)
	h.Write(line[:len(line)-hashTail])
	h.Write([]byte("}"))
	if subtle.ConstantTimeCompare(h.Sum(nil), stated) != 1 {
		return r, errHash
	}
	return r, nil
}

// line is one line of a file as scan meets it.
type line struct {
	number int
	start  int64 // offset
	text   []byte
	whole  bool // it has its end
}

// scan calls each for every line of a file. Lines longer than any record are given cut.
func scan(f io.Reader, each func(line) error) error {
	r := bufio.NewReaderSize(f, 256<<10)
	var at int64
	for n := 1; ; n++ {
		var text []byte
		var read int64
		for {
			part, err := r.ReadSlice('\n')
			read += int64(len(part))
			if len(text) < lineLimit {
				text = append(text, part...)
			}
			if err == nil {
				break
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if !errors.Is(err, io.EOF) {
				return fmt.Errorf("reading the audit log: %w", err)
			}
			if len(text) == 0 {
				return nil
			}
			return each(line{number: n, start: at, text: text})
		}
		if err := each(line{number: n, start: at, text: bytes.TrimSuffix(text, []byte("\n")), whole: true}); err != nil {
			return err
		}
		at += read
	}
}
