package evaluate

import "errors"

// ErrInput is wrapped by errors about an input that contradicts itself.
var ErrInput = errors.New("evaluate: input contradicts itself")
