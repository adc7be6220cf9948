//go:build !race

package worker_test

const instrumented = false
