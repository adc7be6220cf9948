package link

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"onegrid/pipelines/link/score"
	"onegrid/pipelines/link/table"
)

// corpus is how often values stand in all events, as of the last rebuild: what makes a place name rare or common does not
// depend on which thousand events came last. It holds hashes and counts, no values.
type corpus struct {
	rows    uint32
	columns map[string]counted
}

// counted are the values that stand in at least two events, by hash.
type counted struct {
	hash []uint64 // ascending
	rows []uint32
}

func (c counted) of(hash uint64) uint32 {
	if i, ok := slices.BinarySearch(c.hash, hash); ok {
		return c.rows[i]
	}
	return 1
}

// newCorpus counts the text and set columns of a table.
func newCorpus(t *table.Table) *corpus {
	c := &corpus{rows: uint32(t.Rows()), columns: map[string]counted{}}
	for _, name := range t.Names() {
		if k := t.Kind(name); k != table.KindText && k != table.KindSet {
			continue
		}
		type entry struct {
			hash uint64
			rows uint32
		}
		var list []entry
		t.EachCount(name, func(hash uint64, rows uint32) {
			if rows > 1 {
				list = append(list, entry{hash, rows})
			}
		})
		slices.SortFunc(list, func(a, b entry) int {
			if a.hash < b.hash {
				return -1
			}
			if a.hash > b.hash {
				return 1
			}
			return 0
		})
		var n counted
		for _, e := range list {
			n.hash = append(n.hash, e.hash)
			n.rows = append(n.rows, e.rows)
		}
		c.columns[name] = n
	}
	return c
}

// lend gives the frequencies to a table and to the program that is compiled for it.
func (c *corpus) lend(t *table.Table) []score.Option {
	var opts []score.Option
	total := float64(max(c.rows, 1))
	for name, counts := range c.columns {
		t.Recount(name, counts.of)
		if col := t.Text(name); col != nil {
			opts = append(opts, score.WithShare(name, func(code uint32) float64 { return float64(col.Dict().Count(code)) / total }))
		} else if set := t.Set(name); set != nil {
			opts = append(opts, score.WithDF(name, func(token uint32) int { return int(set.DF(token)) }, func(token uint32) float64 { return float64(set.DF(token)) / total }))
		}
	}
	return opts
}

// corpusMagic begins the file; its last byte is the version.
const corpusMagic = "onegrid corpus 1"

// errCorpus means that the file of frequencies is absent or damaged: a rebuild makes it anew.
var errCorpus = errors.New("frequencies of the last rebuild cannot be read")

func corpusPath(dir, run string) string { return filepath.Join(dir, "corpus-"+run) }

// save writes the frequencies under the name of a run, durably, before the run is stored: a run that is stored has its file.
func (c *corpus) save(dir, run string) (err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("saving frequencies: %w", err)
	}
	tmp := corpusPath(dir, run) + ".part"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
	if err != nil {
		return fmt.Errorf("saving frequencies: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(tmp)
			err = fmt.Errorf("saving frequencies: %w", err)
		}
	}()
	sum := crc32.NewIEEE()
	w := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<16)
	put := func(v any) {
		if err == nil {
			err = binary.Write(w, binary.LittleEndian, v)
		}
	}
	put([]byte(corpusMagic))
	put(c.rows)
	put(uint32(len(c.columns)))
	for _, name := range slices.Sorted(maps.Keys(c.columns)) {
		n := c.columns[name]
		put(uint32(len(name)))
		put([]byte(name))
		put(uint32(len(n.hash)))
		put(n.hash)
		put(n.rows)
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = binary.Write(f, binary.LittleEndian, sum.Sum32())
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, corpusPath(dir, run))
}

// loadCorpus reads the frequencies of a run; every failure is errCorpus.
func loadCorpus(dir, run string) (*corpus, error) {
	data, err := os.ReadFile(corpusPath(dir, run))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCorpus, err)
	}
	if len(data) < len(corpusMagic)+12 || string(data[:len(corpusMagic)]) != corpusMagic ||
		crc32.ChecksumIEEE(data[:len(data)-4]) != binary.LittleEndian.Uint32(data[len(data)-4:]) {
		return nil, fmt.Errorf("%w: damaged", errCorpus)
	}
	r := reader{data: data[:len(data)-4], at: len(corpusMagic)}
	c := &corpus{rows: r.fixed32(), columns: map[string]counted{}}
	for range r.fixed32() {
		name := string(r.take(int(r.fixed32())))
		n := int(r.fixed32())
		var counts counted
		for range n {
			if r.bad {
				break
			}
			counts.hash = append(counts.hash, r.fixed())
		}
		for range n {
			if r.bad {
				break
			}
			counts.rows = append(counts.rows, r.fixed32())
		}
		c.columns[name] = counts
	}
	if r.bad {
		return nil, fmt.Errorf("%w: cut short", errCorpus)
	}
	return c, nil
}

// tidyCorpus removes the files of other runs than the one that holds.
func tidyCorpus(dir, keep string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); name != "corpus-"+keep && len(name) > 7 && name[:7] == "corpus-" {
			err = errors.Join(err, os.Remove(filepath.Join(dir, name)))
		}
	}
	return err
}
