//go:build !race

package http_test

const instrumented = false
