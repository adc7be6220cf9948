// Package ops is what the people who run the hub see of it: Prometheus metrics, the health endpoints, structured logs
// and progress on a terminal.
//
// It keeps no truth: counts that must be right are rows in the store (invariant 3); the metrics only mirror them. No
// label, log line or answer carries a value of a record (invariant 4), and nothing here opens an outbound connection
// (invariant 10): Prometheus comes to the hub.
package ops
