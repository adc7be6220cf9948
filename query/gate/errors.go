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
	// errEngineFailed is an engine that could not parse for a reason that is not the text's.
	errEngineFailed = errors.New("the gate's engine failed")
	// errDeep is a syntax tree that nests too deep to be read.
	errDeep = errors.New("syntax tree nests too deep")
	// errJSON is a serialised tree that is not what the engine writes.
	errJSON = errors.New("reading the syntax tree: not the expected JSON")
)
