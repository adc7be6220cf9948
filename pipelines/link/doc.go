// Package link says which records report the same thing. An Engine takes a table of records and a linkage mapping and
// gives clusters: certain links first, then candidates by blocking rule, weights in bits, and guarded growth of clusters.
// Runner does the same over the store, increment by increment or as a whole, and keeps ledger and membership there.
//
// The steps have packages of their own: spec (what a mapping says), table (records), block (candidates), score (weights),
// certain (links that need no weight), cluster, identity (ids of incidents), evaluate and explain.
//
// Links are about events. No result is keyed by a person, and classes about persons are never joined by the program.
package link
