// Package identity names incidents: which id a cluster of events carries, what each event is in it, and which of its events
// counts. It knows events by id and time only.
//
// It does not decide which events belong together (pipelines/link/cluster) or store anything: it returns what changed.
package identity
