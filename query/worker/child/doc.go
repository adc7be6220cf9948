// Package child is the life of a worker process from its first instruction to its exit code: take the specification,
// close the sandbox, open and lock the snapshot, prove it, then answer one statement after the other.
//
// It runs only in a process that query/worker started for it. It keeps nothing from one statement to the next.
package child
