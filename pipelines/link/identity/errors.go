package identity

import "errors"

// Sentinels of Assign.
var (
	// ErrInput: the input contradicts itself or the store: an event twice, an id that nobody knows, an alias in use.
	ErrInput = errors.New("identity: input contradicts itself")
	// ErrPartial: only some of the events of an incident were given. Who keeps its id cannot be said without the others.
	ErrPartial = errors.New("identity: only a part of an incident is given")
	// ErrLoop: aliases that lead nowhere.
	ErrLoop = errors.New("identity: aliases form a loop")
)
