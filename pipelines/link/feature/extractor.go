package feature

// Extractor finds features. It holds the word lists and the names of divisions; it is immutable and safe for concurrent
// use once built.
type Extractor struct {
	names *Gazetteer
}

// New returns an extractor. names may be nil: then only suffixes and place codes are known.
func New(names *Gazetteer) *Extractor { return &Extractor{names: names} }

// Text holds the features of one record's words. Reuse one value for many records: Extract keeps its memory.
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
}

// MinCopyRunes is the length below which a text is too short to be recognised as a copy.
const MinCopyRunes = 12
