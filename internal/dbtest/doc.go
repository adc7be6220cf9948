// Package dbtest starts throw-away database servers on loopback for tests and benchmarks: PostgreSQL and MariaDB, from
// the binaries found on the machine. A test that cannot have its server is skipped, and the skip names what is absent.
//
// It is not for production and not for mocks: what it starts are the real servers, with durability switched off.
package dbtest
