//go:build race

package worker_test

// instrumented binaries cannot live within RLIMIT_AS and are several times slower.
const instrumented = true
