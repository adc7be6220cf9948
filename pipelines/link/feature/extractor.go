package feature

// Extractor finds features. It holds the word lists and the names of divisions; it is immutable and safe for concurrent
// use once built.
type Extractor struct {
	names *Gazetteer
	words *lexicon
}

// New returns an extractor. names may be nil: then only suffixes and place codes are known.
func New(names *Gazetteer) *Extractor { return &Extractor{names: names, words: words()} }

// Text holds the features of one record's words. Reuse one value for many records: Extract keeps its memory, so that what
// it holds is valid until the next call.
type Text struct {
	Normal  []byte   // normalised text of all parts
	Copy    uint64   // CopyKey of Normal, 0 where it is empty
	Runes   int      // length of Normal
	Grams   Set      // trigrams of Normal
	Words   Set      // Latin words of Normal
	Bands   []uint64 // copy bands; none for texts below MinCopyRunes
	Places  []Place
	Tickets []Ticket
	Cues    Cue

	scan  placeScanner
	runes []rune
}

// MinCopyRunes is the length below which a text is too short to be recognised as a copy.
const MinCopyRunes = 12

// GramSize is the n of the n-grams that Extract makes.
const GramSize = 3

// Extract computes all features of a record from its texts: title, description, address, as far as there are any.
// Normalised text, sets and bands are those of the texts one after the other; places and tickets are the union.
func (x *Extractor) Extract(t *Text, texts ...string) {
	t.Normal, t.Grams, t.Words, t.Bands = t.Normal[:0], t.Grams[:0], t.Words[:0], t.Bands[:0]
	t.Places, t.Tickets, t.Cues = t.Places[:0], t.Tickets[:0], 0
	for _, s := range texts {
		if s == "" {
			continue
		}
		if n := len(t.Normal); n > 0 && t.Normal[n-1] < 0x80 && t.Normal[n-1] != ' ' {
			t.Normal = append(t.Normal, ' ')
		}
		t.Normal = AppendNormal(t.Normal, s)
		t.runes = fold(t.runes[:0], s)
		x.places(t)
		t.Tickets, t.Cues = appendTickets(t.Tickets, t.Cues, t.runes)
	}
	t.Copy, t.Runes = copyKey(t.Normal)
	t.Grams = AppendNgrams(t.Grams, t.Normal, GramSize)
	t.Words = AppendWords(t.Words, t.Normal)
	if t.Runes >= MinCopyRunes {
		if s, ok := MinHash(t.Grams); ok {
			t.Bands = s.AppendBands(t.Bands)
		}
	}
}

// Find computes the places, ticket numbers and hints of one text and leaves all other features empty: what rules over
// columns ask for, at a third of the cost of Extract.
func (x *Extractor) Find(t *Text, text string) {
	t.Normal, t.Grams, t.Words, t.Bands, t.Copy, t.Runes = t.Normal[:0], t.Grams[:0], t.Words[:0], t.Bands[:0], 0, 0
	t.Places, t.Tickets, t.Cues = t.Places[:0], t.Tickets[:0], 0
	t.runes = fold(t.runes[:0], text)
	x.places(t)
	t.Tickets, t.Cues = appendTickets(t.Tickets, t.Cues, t.runes)
}

// places adds the places of t.runes to t.Places.
func (x *Extractor) places(t *Text) {
	s := &t.scan
	s.l, s.names, s.r, s.out = x.words, x.names, t.runes, t.Places
	s.base = 0
	s.scan()
	s.streets()
	t.Places, s.out, s.r = s.out, nil, nil
}

// Places returns the places that a text names, each once, at most MaxPlaces.
func (x *Extractor) Places(text string) []Place {
	t := Text{runes: fold(nil, text)}
	x.places(&t)
	return t.Places
}

// Tickets returns the record numbers that a text quotes, in order, each once, at most MaxTickets, and its hints.
func Tickets(text string) ([]Ticket, Cue) { return appendTickets(nil, 0, fold(nil, text)) }
