// Package block finds candidate pairs: which of n rows are worth comparing. A rule puts rows that share a key, or that lie
// within a distance of each other, into blocks; the pairs of a block are the candidates. It knows rows, hashes, times and
// metres, no columns and no meaning.
//
// # What comes out
//
// Each pair is handed out once, with the first rule of the list that finds it, the older row first. No list of all pairs
// is ever held: rows are visited from the oldest to the newest, and the partners of one row are collected over all rules
// (the per-entity form of meta-blocking: Papadakis, Koutrika, Palpanas, Nejdl, TKDE 2014).
//
// # Blocks that are too large
//
// A row that has more than Cap partners within a block (later rows within the rule's time limit) is not compared with all
// of them. It is compared with the next few in time (sorted neighbourhood: Hernández and Stolfo, SIGMOD 1995) and with a
// few representatives: the known clusters of the rows involved, if the caller names them, else rows spread evenly over
// the crowded stretch. A storm of n rows in one block costs n·(window + representatives) pairs, and the statistics say
// that it happened. A key that more than MaxFrequency rows share is a placeholder, not evidence: it is ignored and counted.
//
// # Order of arrival
//
// The result depends on the set of rows only: rows are ordered by Order, then by ID. With IDs that differ, the same rows
// in any order give the same pairs with the same rules. Rows whose Order and ID are both equal are ordered as given; that
// matters only inside blocks above their cap.
//
// It does not hash columns, weigh pairs (pipelines/link/score) or join anything (pipelines/link/cluster).
package block
