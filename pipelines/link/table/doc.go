// Package table holds the records to link, column by column, in as little memory as comparing them allows.
//
// Text is coded by a dictionary, so that equality is a comparison of two numbers, the frequency of a value is known, and
// a distance between two values need be worked out once. Sets are sorted lists in one array (compressed rows). Null is
// explicit in every kind of column: it is never a value that could match or differ.
//
// A table is made by a Builder and does not change afterwards; any number of goroutines may read it. The package knows
// nothing of mapping files (see pipelines/link/spec) and compares nothing (see pipelines/link/score).
package table
