package engine

import (
	"fmt"

	"github.com/duckdb/duckdb-go/v2/mapping"
)

// Options of an engine.
type Options struct {
	Path    string // of the snapshot
	Threads int
	Memory  int64  // bytes
	Zone    string // time zone of times without one; a name, never text of a user
}

// Engine is one open snapshot.
type Engine struct {
	db   mapping.Database
	path string
}

// Open opens the snapshot read-only and locks the engine.
func Open(o Options) (*Engine, error) {
	var cfg mapping.Config
	if mapping.CreateConfig(&cfg) == mapping.StateError {
		return nil, fmt.Errorf("%w: no configuration", ErrOpen)
	}
	defer mapping.DestroyConfig(&cfg)
	if mapping.SetConfig(cfg, "access_mode", "READ_ONLY") == mapping.StateError {
		return nil, fmt.Errorf("%w: no read-only mode", ErrOpen)
	}
	e := &Engine{path: o.Path}
	var msg string
	if mapping.OpenExt(o.Path, &e.db, cfg, &msg) == mapping.StateError {
		mapping.Close(&e.db)
		return nil, fmt.Errorf("%w: %w", ErrOpen, &Failure{Text: msg})
	}
	c, err := e.connect()
	if err != nil {
		e.Close()
		return nil, err
	}
	defer c.close()
	for _, q := range lockDown(o) {
		if err := c.exec(q); err != nil {
			e.Close()
			return nil, fmt.Errorf("%w: %s: %w", ErrLock, q, err)
		}
	}
	return e, nil
}

// lockDown is the order that holds (docs/invariants.md, invariants 5 and 10). The file system is taken away after the file is open and external
// access is off: with external access alone the engine still lets the snapshot's own path be read and overwritten,
// because it puts the attached file on the list of allowed paths by itself. After the last line nothing can be set.
func lockDown(o Options) []string {
	return []string{
		"SET temp_directory=''",
		fmt.Sprintf("SET threads=%d", o.Threads),
		fmt.Sprintf("SET memory_limit='%dB'", o.Memory),
		"SET preserve_insertion_order=true",
		"SET GLOBAL TimeZone='" + o.Zone + "'",
		"SET autoinstall_known_extensions=false",
		"SET autoload_known_extensions=false",
		"SET allow_community_extensions=false",
		"SET enable_external_file_cache=false",
		"SET enable_external_access=false",
		"SET disabled_filesystems='LocalFileSystem'",
		"SET lock_configuration=true",
	}
}

// Close closes the snapshot.
func (e *Engine) Close() { mapping.Close(&e.db) }

// Version is the engine's version, "v1.5.5".
func Version() string { return mapping.LibraryVersion() }

// connection is one connection; it lives as long as one statement.
type connection struct{ c mapping.Connection }

func (e *Engine) connect() (*connection, error) {
	var c mapping.Connection
	if mapping.Connect(e.db, &c) == mapping.StateError {
		return nil, &Failure{Text: "FATAL Error: no connection"}
	}
	return &connection{c}, nil
}

func (c *connection) close() { mapping.Disconnect(&c.c) }

// exec runs a statement of ours.
func (c *connection) exec(q string) error {
	var r mapping.Result
	defer mapping.DestroyResult(&r)
	if mapping.Query(c.c, q, &r) == mapping.StateError {
		return &Failure{Text: mapping.ResultError(&r)}
	}
	return nil
}
