package gate

import "errors"

var (
	// ErrName is a catalog name that is neither "name" nor "schema.name".
	ErrName = errors.New("not a name of a published table or macro")
	// ErrReserved is a catalog name that the engine uses for its own views and functions.
	ErrReserved = errors.New("name is reserved for the engine")
	// ErrEngine is an engine whose version has no reviewed function list.
	ErrEngine = errors.New("engine version has no reviewed function list")
	// ErrClosed is a gate after Close.
	ErrClosed = errors.New("gate is closed")
)
