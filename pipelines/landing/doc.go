// Package landing keeps every batch as its source gave it, sealed, so that a later build can replay it into an empty
// store. A file holds one unit of a run: segments of Arrow IPC behind JSON headers, compressed with zstd, encrypted to an
// age recipient. The daemon holds only the recipient: it can write files and cannot read them; replay needs the identity,
// which is kept elsewhere.
//
// Files appear under their final name only when they are complete and on disk. Beside each lies a manifest in clear text
// that holds counts and a digest and no value of any record.
//
// It is not for: crash recovery (the resume point has not moved, the source is read again), back-up of the store, or
// reading records in normal operation.
package landing
