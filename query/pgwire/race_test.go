//go:build race

package pgwire_test

// instrumented: the race detector reserves far more address space than a worker may have.
const instrumented = true
