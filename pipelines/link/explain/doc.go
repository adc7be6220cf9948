// Package explain says in plain words and in pictures why two records are linked or not: the waterfall of weights in bits of
// one pair, as text in Chinese or English, as JSON and as SVG, and the report of a run as one HTML page.
//
// It draws what it is given. It computes no weight, reads no record and knows no column: its input holds codes, counts,
// labels of comparisons and measured distances, and no text of a record, so that a page can be shown to a room.
package explain
