package block

import "errors"

// ErrInput is wrapped by errors about an input that contradicts itself: a mistake of the caller, not of the data.
var ErrInput = errors.New("block: input contradicts itself")
