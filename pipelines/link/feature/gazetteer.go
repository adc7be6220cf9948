package feature

import (
	_ "embed"
	"slices"
	"strings"
)

//go:generate go run ./divisions ../../../../shared/data/china_divisions divisions.txt

//go:embed divisions.txt
var divisionNames string

// Name is the name of a division that texts use in full: 北岭区, 岭前街道, 青石社区.
type Name struct {
	Name  string
	Level int // as in the catalog: 1 province, 2 city, 3 county, 4 town, 5 community
}

// Gazetteer knows the names of divisions. It is immutable.
type Gazetteer struct {
	pairs [8192]byte          // one bit per hash of the first two runes: rules out most positions at once
	names map[uint64][]gazRow // first two runes → names, longest first
}

type gazRow struct {
	runes []rune
	kind  PlaceKind
}

// NewGazetteer returns the provinces, cities and counties of China with the names given: those of the city's own catalog.
// A name of fewer than three runes is left out: it is a word as well.
func NewGazetteer(names ...Name) *Gazetteer {
	g := &Gazetteer{names: map[uint64][]gazRow{}}
	for line := range strings.Lines(divisionNames) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			g.add(line, PlaceDivision)
		}
	}
	for _, n := range names {
		kind := PlaceDivision
		switch n.Level {
		case 4:
			kind = PlaceTown
		case 5:
			kind = PlaceCommunity
		}
		g.add(n.Name, kind)
	}
	for _, rows := range g.names {
		slices.SortStableFunc(rows, func(a, b gazRow) int { return len(b.runes) - len(a.runes) })
	}
	return g
}

func (g *Gazetteer) add(name string, kind PlaceKind) {
	r := fold(nil, name)
	if len(r) < 3 {
		return
	}
	h := pairHash(r)
	g.pairs[h>>3] |= 1 << (h & 7)
	k := uint64(r[0])<<32 | uint64(r[1])
	for i, have := range g.names[k] {
		if slices.Equal(have.runes, r) {
			g.names[k][i].kind = kind // the city's own catalog knows better
			return
		}
	}
	g.names[k] = append(g.names[k], gazRow{r, kind})
}

// at returns the longest name at the start of r.
func (g *Gazetteer) at(r []rune) (n int, kind PlaceKind) {
	if g == nil || len(r) < 3 {
		return 0, 0
	}
	if h := pairHash(r); g.pairs[h>>3]&(1<<(h&7)) == 0 {
		return 0, 0
	}
	for _, row := range g.names[uint64(r[0])<<32|uint64(r[1])] {
		if len(r) >= len(row.runes) && slices.Equal(r[:len(row.runes)], row.runes) {
			return len(row.runes), row.kind
		}
	}
	return 0, 0
}

// pairHash spreads the first two runes over 16 bits.
func pairHash(r []rune) uint16 {
	return uint16((uint32(r[0])*0x9e3779b1 ^ uint32(r[1])*0x85ebca6b) >> 15)
}
