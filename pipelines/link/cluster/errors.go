package cluster

import "errors"

// ErrInput is wrapped by errors about an input that contradicts itself: a mistake of the caller, not of the data.
var ErrInput = errors.New("cluster: input contradicts itself")
