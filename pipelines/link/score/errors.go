package score

import "errors"

// ErrModel means that a model does not fit the mapping file: comparisons or levels differ.
var ErrModel = errors.New("model does not fit the mapping file")

// ErrNoPairs means that there is nothing to learn from: no rule gives pairs, or the table has less than two rows.
var ErrNoPairs = errors.New("no pairs to learn from")
