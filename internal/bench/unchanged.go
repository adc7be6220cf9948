package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"onegrid/warehouse/duckdb"
)

// blocks is how many pieces a file is cut into to be written again in another order.
const blocks = 64

// baseDir holds the store that was filled with the records before.
func baseDir(dir string) string { return filepath.Join(dir, "base") }

// prepareUnchanged fills a store with a file of records and replaces the file by one of the same records in another
// order: other bytes, so that nothing but the records themselves can tell that nothing is new.
func prepareUnchanged(ctx context.Context, j job) (outcome, error) {
	made, err := prepareFile(ctx, j)
	if err != nil {
		return made, err
	}
	fill := j
	fill.Data = baseDir(j.Dir)
	if _, err := measureSync(hotline)(ctx, fill); err != nil {
		return made, fmt.Errorf("filling the store: %w", err)
	}
	fill.Expect = made
	if _, err := verifyEvents(hotline)(ctx, fill); err != nil {
		return made, fmt.Errorf("filling the store: %w", err)
	}
	old := filepath.Join(dropDir(j.Dir), "tickets.csv")
	text, err := os.ReadFile(old)
	if err != nil {
		return made, err
	}
	head, parts := cutRecords(text, blocks)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(parts), func(i, k int) { parts[i], parts[k] = parts[k], parts[i] })
	_, err = writeSettled(filepath.Join(dropDir(j.Dir), "tickets-again.csv"), func(w *bufio.Writer) error {
		w.Write(head)
		for _, p := range parts {
			w.Write(p)
		}
		return nil // a bufio.Writer keeps its error for Flush
	})
	return made, errors.Join(err, os.Remove(old))
}

// cutRecords cuts CSV text into its header and about n pieces of whole records. A line break between quotes is no end.
func cutRecords(text []byte, n int) (head []byte, parts [][]byte) {
	size := max(1, len(text)/n)
	start, quoted := 0, false
	for at := 0; at < len(text); {
		i := bytes.IndexAny(text[at:], "\"\n")
		if i < 0 {
			break
		}
		at += i + 1
		switch {
		case text[at-1] == '"':
			quoted = !quoted
		case quoted:
		case head == nil:
			head, start = text[:at], at
		case at-start >= size:
			parts, start = append(parts, text[start:at]), at
		}
	}
	if start < len(text) {
		parts = append(parts, text[start:])
	}
	return head, parts
}

// resetUnchanged gives a run a copy of the filled store.
func resetUnchanged(_ context.Context, j job) (outcome, error) {
	return outcome{}, copyStore(baseDir(j.Dir), j.Data)
}

// verifyUnchanged wants the store as it was, but for the records read a second time.
func verifyUnchanged(ctx context.Context, j job) (outcome, error) {
	before, err := countStore(ctx, baseDir(j.Dir), hotline)
	if err != nil {
		return outcome{}, err
	}
	after, err := countStore(ctx, j.Data, hotline)
	if err != nil {
		return outcome{}, err
	}
	want := before
	want.read += j.Expect.Rows
	if after != want || before.events+before.rejects != j.Expect.Rows {
		return outcome{}, fmt.Errorf("the store was %+v and is %+v after the same records again", before, after)
	}
	return outcome{Rows: after.read - before.read, Details: map[string]float64{"new_versions": float64(after.versions - before.versions)}}, nil
}

// copyStore copies the closed store of a data directory, without its landing.
func copyStore(from, to string) error {
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	es, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range es {
		if !e.Type().IsRegular() {
			continue
		}
		if err := copyFile(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	_, err = os.Stat(duckdb.DatabasePath(to))
	return err
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
