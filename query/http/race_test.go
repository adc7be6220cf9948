//go:build race

package http_test

// instrumented binaries reserve address space by the terabyte.
const instrumented = true
