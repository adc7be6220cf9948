//go:build !race

package front_test

const instrumented = false
