// Package audit keeps the record of who asked what and what came of it: an append-only log of JSON lines outside the
// database, in which every line holds the hash of the line before it. A query is recorded twice, before it runs and when
// it ended; the first record is on the disk before the query starts, and if it cannot be written, nothing runs.
//
// The log holds no value of a row and no literal of a statement: the SQL text arrives here already redacted, beside the
// SHA-256 of the original. It holds user names, which are needed to answer who asked.
//
// A hash chain shows edits, removals and reordering to everybody who can read the log; it cannot show that its newest
// end was cut off, nor that all of it was written anew. The anchor (Config.Anchor) is for that: the newest hash, copied to
// a place that whoever can write the log cannot write. With Config.Key the hashes are HMACs, and writing the log anew
// needs the key as well.
//
// It is no log of operations (internal/ops) and no metrics.
package audit
