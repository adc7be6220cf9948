package gate

import "strings"

// nearest is the listed name that differs least from name, "" when none is near. It only ever names what the caller may
// use: the engine's own suggestions name anything that exists.
func nearest(name string, listed map[string]struct{}) string {
	best, distance := "", max(2, len(name)/3)+1
	for candidate := range listed {
		shown := strings.TrimPrefix(candidate, "main.")
		d := edits(name, shown, distance+1)
		if d < distance || d == distance && best != "" && shown < best {
			best, distance = shown, d
		}
	}
	return best
}

// nearestCall is nearest over the allowed functions and the published macros.
func (w *walk) nearestCall(name string) string {
	if w.lists.denied[name] != "" {
		return "" // misspelling is not what is wrong with it
	}
	all := make(map[string]struct{}, len(w.lists.calls)+len(w.published.macros))
	for n, kind := range w.lists.calls {
		if kind != "syntax" && 'a' <= n[0] && n[0] <= 'z' {
			all[n] = struct{}{}
		}
	}
	for n := range w.published.macros {
		all[n] = struct{}{}
	}
	return nearest(name, all)
}

// edits is the Levenshtein distance of two names in bytes, or limit when it is at least that.
func edits(a, b string, limit int) int {
	if len(a) > 63 || len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return min(row[len(b)], limit)
}
