package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTamperingIsFound(t *testing.T) {
	key := bytes.Repeat([]byte("k"), 32)
	lines := func(text []byte) [][]byte { return bytes.SplitAfter(text, []byte("\n")) }
	for _, c := range []struct {
		name   string
		key    []byte
		change func(text []byte) []byte
		want   string
	}{
		{"nothing", nil, func(b []byte) []byte { return b }, ""},
		{"a byte", nil, func(b []byte) []byte { return bytes.Replace(b, []byte(`"rows":1`), []byte(`"rows":2`), 1) }, "changed after"},
		{"a user name", nil, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`"li"`), []byte(`"wu"`)) }, "changed after"},
		{"a line less", nil, func(b []byte) []byte { l := lines(b); return bytes.Join(append(l[:3:3], l[4:]...), nil) }, "some are missing"},
		{"two lines swapped", nil, func(b []byte) []byte { l := lines(b); l[2], l[3] = l[3], l[2]; return bytes.Join(l, nil) }, "order was changed"},
		{"a line twice", nil, func(b []byte) []byte { l := lines(b); return bytes.Join(append(l[:3:3], l[2:]...), nil) }, "order was changed"},
		{"the first line less", nil, func(b []byte) []byte { return bytes.Join(lines(b)[1:], nil) }, "older ones are missing"},
		{"a line of another form", nil, func(b []byte) []byte { return bytes.Replace(b, []byte("\n"), []byte("\nhello\n"), 1) }, "not a record"},
		{"a blank line", nil, func(b []byte) []byte { return bytes.Replace(b, []byte("\n"), []byte("\n\n"), 1) }, "not a record"},
		{"a member more", nil, func(b []byte) []byte { return bytes.Replace(b, []byte(`{"seq":2`), []byte(`{"x":1,"seq":2`), 1) }, "not a record"},
		{"an edit with its hash made anew", nil, func(b []byte) []byte { return forge(b, 3, nil) }, "was replaced"},
		{"with a key: everything made anew without it", key, func(b []byte) []byte { return forgeAll(b) }, "changed after"},
		{"with a key: a byte", key, func(b []byte) []byte { return bytes.Replace(b, []byte(`"rows":1`), []byte(`"rows":2`), 1) }, "changed after"},
		{"the end cut off", nil, func(b []byte) []byte { l := lines(b); return bytes.Join(l[:len(l)-3], nil) }, "its end was cut off"},
		{"everything made anew, against the anchor", nil, func(b []byte) []byte { return forgeAll(b) }, "not the one that was anchored"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, anchor := t.TempDir(), filepath.Join(t.TempDir(), "anchor")
			l := mustOpen(t, Config{Dir: dir, Key: c.key, Anchor: anchor})
			for n := range 4 {
				ask(t, l, fmt.Sprint(n))
			}
			mustClose(t, l)
			file := onlyFile(t, dir)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, c.change(bytes.Clone(text)), 0o600); err != nil {
				t.Fatal(err)
			}
			v, err := Verify(dir, VerifyOptions{Key: c.key, Anchor: anchor})
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				if !v.OK() || v.Anchored != v.Last {
					t.Fatalf("verified %+v", v)
				}
				return
			}
			if v.OK() || !strings.Contains(fmt.Sprint(v.Problems), c.want) {
				t.Fatalf("problems %v, want %q", v.Problems, c.want)
			}
		})
	}
}

// forge changes one record and makes its own hash right, without that of the ones behind it.
func forge(text []byte, n int, key []byte) []byte {
	l := bytes.SplitAfter(text, []byte("\n"))
	r, err := decode(bytes.TrimSpace(l[n]), nil, false)
	if err != nil {
		panic(err)
	}
	r.User = "wu"
	if l[n], err = encode(&r, key); err != nil {
		panic(err)
	}
	return bytes.Join(l, nil)
}

// forgeAll writes the whole chain anew, as somebody without the key can.
func forgeAll(text []byte) []byte {
	var out []byte
	prev := genesis()
	for _, l := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		r, err := decode(l, nil, false)
		if err != nil {
			panic(err)
		}
		r.Prev = prev
		if r.User != "" {
			r.User = "wu"
		}
		line, err := encode(&r, nil)
		if err != nil {
			panic(err)
		}
		prev = r.Hash
		out = append(out, line...)
	}
	return out
}

func TestKeyIsNeeded(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(Config{Dir: dir, Key: []byte("short")}, quiet()); !errors.Is(err, ErrKey) {
		t.Fatalf("short key: %v", err)
	}
	l := mustOpen(t, Config{Dir: dir})
	ask(t, l, "q1")
	mustClose(t, l)
	key := bytes.Repeat([]byte("k"), 32)
	l = mustOpen(t, Config{Dir: dir, Key: key}) // from now on with a key
	ask(t, l, "q2")
	mustClose(t, l)
	v := whole(t, dir, VerifyOptions{Key: key, Unkeyed: 4})
	if v, err := Verify(dir, VerifyOptions{Key: key}); err != nil || v.OK() {
		t.Fatalf("a part without the key was not reported: %+v, %v", v, err)
	}
	if v.Keyed == 0 || v.Keyed == v.Records {
		t.Fatalf("%d of %d records are keyed", v.Keyed, v.Records)
	}
	if v, err := Verify(dir, VerifyOptions{}); err != nil || v.OK() {
		t.Fatalf("verified without the key: %+v, %v", v, err)
	}
	if _, err := Open(Config{Dir: dir}, quiet()); !errors.Is(err, ErrKey) {
		t.Fatalf("opened without its key: %v", err)
	}
}

func TestMiddleFileRemoved(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, Config{Dir: dir, MaxBytes: 4 << 10})
	for n := range 20 {
		ask(t, l, fmt.Sprint(n))
	}
	mustClose(t, l)
	names, err := files(dir)
	if err != nil || len(names) < 3 {
		t.Fatalf("files %v, error %v", names, err)
	}
	if err := os.Remove(filepath.Join(dir, names[1])); err != nil {
		t.Fatal(err)
	}
	v, err := Verify(dir, VerifyOptions{})
	if err != nil || v.OK() || v.Problems[0].File != names[2] || v.Problems[0].Line != 1 {
		t.Fatalf("verified %+v, %v", v.Problems, err)
	}
}

func TestWriterGoesOnBehindDamageAndSaysSo(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, Config{Dir: dir})
	ask(t, l, "q1")
	mustClose(t, l)
	file := onlyFile(t, dir)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte(`"rows":1`), []byte(`"rows":9`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l = mustOpen(t, Config{Dir: dir})
		mustClose(t, l)
	}
	v, err := Verify(dir, VerifyOptions{})
	if err != nil || len(v.Problems) != 2 {
		t.Fatalf("want the edit and one record of it: %v, %v", v.Problems, err)
	}
}
