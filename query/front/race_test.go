//go:build race

package front_test

// instrumented binaries reserve address space by the terabyte.
const instrumented = true
