// Package warehousetest is the conformance suite of warehouse.Committer: every engine passes it. It also makes small
// chunks of invented events for the tests of other packages. It is imported by tests only.
package warehousetest
