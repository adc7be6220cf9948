package feature

import "strings"

// streetType gives the short form of a word that ends a street's name, "" for other words. Short forms are those of the
// United States Postal Service (Publication 28, appendix C1), as most feeds write them.
func streetType(w []rune) string {
	switch string(w) {
	case "st", "street", "str":
		return "st"
	case "ave", "av", "avenue":
		return "ave"
	case "blvd", "boulevard":
		return "blvd"
	case "rd", "road":
		return "rd"
	case "dr", "drive":
		return "dr"
	case "ln", "lane":
		return "ln"
	case "ct", "court":
		return "ct"
	case "pl", "place":
		return "pl"
	case "pkwy", "parkway":
		return "pkwy"
	case "ter", "terrace":
		return "ter"
	case "hwy", "highway":
		return "hwy"
	case "sq", "square":
		return "sq"
	case "cir", "circle":
		return "cir"
	case "expy", "expressway":
		return "expy"
	case "aly", "alley":
		return "aly"
	case "way", "wy":
		return "way"
	}
	return ""
}

// direction gives the short form of a compass word, "" for other words.
func direction(w []rune) string {
	switch string(w) {
	case "n", "north":
		return "n"
	case "s", "south":
		return "s"
	case "e", "east":
		return "e"
	case "w", "west":
		return "w"
	case "ne", "northeast":
		return "ne"
	case "nw", "northwest":
		return "nw"
	case "se", "southeast":
		return "se"
	case "sw", "southwest":
		return "sw"
	}
	return ""
}

// latinWord is a word of Latin letters or digits in the text.
type latinWord struct {
	from, to int
	digits   bool
}

// streets adds the streets, addresses and crossings that a text names in English. A street needs a word for one at its
// end and, unless the text is short as an address is, a number or a direction before it: "2111 W Lexington St".
func (s *placeScanner) streets() {
	var list [64]latinWord
	w := list[:0]
	for i := 0; i < len(s.r) && len(w) < cap(w); {
		if !letter(s.r[i]) && !digit(s.r[i]) {
			i++
			continue
		}
		from, digits := i, true
		for i < len(s.r) && (letter(s.r[i]) || digit(s.r[i]) || s.r[i] == '\'') {
			digits = digits && digit(s.r[i])
			i++
		}
		w = append(w, latinWord{from, i, digits})
	}
	if len(w) < 2 {
		return
	}
	address := len(s.r) <= 80
	var before span
	before.from = -1
	first := 0 // words before it belong to an earlier street
	for k := range w {
		kind := streetType(s.r[w[k].from:w[k].to])
		if kind == "" || k == first {
			continue
		}
		name, number, from, ok := s.streetName(w, first, k, address)
		if !ok {
			continue
		}
		end, tail := k+1, ""
		if end < len(w) && s.joined(w[k], w[end]) {
			if d := direction(s.r[w[end].from:w[end].to]); d != "" {
				tail, end = " "+d, end+1
			}
		}
		street := strings.ReplaceAll(name, "'", "") + " " + kind + tail
		s.put(street, PlaceRoad, false)
		if number != "" {
			s.put(number+" "+street, PlaceAddress, false)
		}
		here := span{w[from].from, w[end-1].to, street}
		if before.from >= 0 && s.meets(before.to, here.from) && before.name != here.name {
			a, b := before.name, here.name
			if a > b {
				a, b = b, a
			}
			s.put(a+"×"+b, PlaceCrossing, false)
		}
		before, first = here, end
	}
}

// streetName reads back from the street word at k: up to three words, a direction, a number.
func (s *placeScanner) streetName(w []latinWord, first, k int, address bool) (name, number string, from int, ok bool) {
	from = k
	for from > first && k-from < 3 && s.joined(w[from-1], w[from]) {
		if w[from-1].digits || from < k && direction(s.r[w[from-1].from:w[from-1].to]) != "" {
			break
		}
		from--
	}
	if from == k {
		return "", "", 0, false
	}
	parts := make([]string, 0, 4)
	start, strong := from, false
	if start > first && s.joined(w[start-1], w[start]) {
		if d := direction(s.r[w[start-1].from:w[start-1].to]); d != "" {
			parts, strong = append(parts, d), true
			start--
		}
	}
	for _, x := range w[from:k] {
		word := string(s.r[x.from:x.to])
		if d := direction([]rune(word)); d != "" && x == w[from] && k-from > 1 {
			word, strong = d, true
		}
		switch word {
		case "the", "this", "that", "of", "on", "in", "at", "and", "my", "our", "your", "same", "block", "main":
			if word != "main" {
				return "", "", 0, false
			}
		}
		parts = append(parts, word)
	}
	if start > first && w[start-1].digits && s.joined(w[start-1], w[start]) && w[start-1].to-w[start-1].from <= 6 {
		number, strong = string(s.r[w[start-1].from:w[start-1].to]), true
		start--
	}
	return strings.Join(parts, " "), number, start, strong || address
}

// joined reports whether only blanks and dots stand between two words.
func (s *placeScanner) joined(a, b latinWord) bool {
	for _, r := range s.r[a.to:b.from] {
		if r != ' ' && r != '.' {
			return false
		}
	}
	return true
}

// meets reports whether what stands between two streets joins them: "&", "/", "and", "at".
func (s *placeScanner) meets(from, to int) bool {
	switch strings.TrimSpace(string(s.r[from:min(to, from+6)])) {
	case "&", "/", "and", "at", "@", "x":
		return to-from <= 6
	}
	return false
}
