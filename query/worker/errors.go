package worker

import "errors"

var (
	// ErrAltered is a snapshot file whose content, size or identity is not what its manifest says.
	ErrAltered = errors.New("snapshot file is not the one that was published")
	// ErrStopped is a pool after Stop.
	ErrStopped = errors.New("pool of query workers is stopped")
	// ErrStart is a worker that did not become ready.
	ErrStart = errors.New("query worker did not start")
)
