package publish

import "errors"

var (
	// ErrNone means that a scope has no published generation yet.
	ErrNone = errors.New("no generation is published yet")
	// ErrAltered means that a snapshot file or its hashes are not what its manifest says. It must not be read.
	ErrAltered = errors.New("snapshot is not what its manifest says")
	// ErrDiskFull means that a generation could not be written for want of space; the one before stays published.
	ErrDiskFull = errors.New("no space left for the next generation; the one before stays published")
	// ErrScope means that some scopes keep the generation that they have; the others were published. Status says which.
	ErrScope = errors.New("some scopes could not be published and keep their generation")
	// ErrBusy means that another process publishes into the same folder.
	ErrBusy = errors.New("another process publishes into this folder")
)
