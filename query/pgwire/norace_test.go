//go:build !race

package pgwire_test

const instrumented = false
