// Package surface puts the query surface together from the configuration: the publisher, which runs where the store is
// open, and the front with its doors, which runs in a process that never opens the store. Both meet in the folder of
// snapshots and nowhere else.
//
// It decides nothing about a statement; see query/front.
package surface
