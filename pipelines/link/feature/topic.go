package feature

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed topics.txt
var topicList string

// topicWord is one word with the leaves that it speaks for.
type topicWord struct {
	runes  []rune
	leaf   int
	weight int
}

// topicTable finds topic words by their first two runes. It is immutable.
type topicTable struct {
	leaves []string
	pairs  [8192]byte
	words  map[uint64][]topicWord
}

var topics = sync.OnceValue(func() *topicTable {
	t := &topicTable{words: map[uint64][]topicWord{}}
	for f := range lines(topicList) {
		t.leaves = append(t.leaves, f[0])
		for _, w := range f[1:] {
			w, strong := strings.CutSuffix(w, "!")
			x := topicWord{runes: []rune(w), leaf: len(t.leaves) - 1, weight: 1}
			if strong {
				x.weight = 3
			}
			k := uint64(x.runes[0])<<32 | uint64(x.runes[1%len(x.runes)])
			t.words[k] = append(t.words[k], x)
			h := pairHash(append(x.runes, x.runes...))
			t.pairs[h>>3] |= 1 << (h & 7)
		}
	}
	for _, list := range t.words {
		slices.SortStableFunc(list, func(a, b topicWord) int { return len(b.runes) - len(a.runes) })
	}
	return t
})

// Topic returns the leaf of the hub taxonomy (LL.SS) that the words of a record's texts speak for, "" where they speak for none. A
// word counts once, however often it is said; of two words at one place the longer counts. Names of places are no words of
// a matter: give it the title and the description, not the address. Of two leaves that weigh the same the one that is named
// first leads.
//
// It is a stop-gap for records whose source gives no category, or one that it gives to everything, never a judgement on a
// category that a source gave.
func Topic(texts ...string) string {
	t := topics()
	var score, named [256]int // named is when a leaf was first spoken of, from 1
	var seen [64]int32        // words counted already
	n := 0
	var buf [512]rune
	for _, text := range texts {
		r := fold(buf[:0], text)
		for i := 0; i+1 < len(r); {
			h := pairHash(r[i:])
			if t.pairs[h>>3]&(1<<(h&7)) == 0 {
				i++
				continue
			}
			list := t.words[uint64(r[i])<<32|uint64(r[i+1])]
			long := 0
			for k := range list {
				w := &list[k]
				if len(w.runes) < long || !has(r[i:], w.runes) {
					continue
				}
				long = len(w.runes)
				id := int32(w.leaf)<<16 | int32(w.runes[0]^w.runes[len(w.runes)-1])&0xffff
				if slices.Contains(seen[:n], id) || n == len(seen) {
					continue
				}
				seen[n] = id
				n++
				if score[w.leaf] += w.weight; named[w.leaf] == 0 {
					named[w.leaf] = n
				}
			}
			i += max(1, long)
		}
	}
	leaf := -1
	for i := range t.leaves {
		if score[i] == 0 {
			continue
		}
		// People say first what it is about: of two that weigh the same the one that was named first leads.
		if leaf < 0 || score[i] > score[leaf] || score[i] == score[leaf] && named[i] < named[leaf] {
			leaf = i
		}
	}
	if leaf < 0 {
		return ""
	}
	return t.leaves[leaf]
}
