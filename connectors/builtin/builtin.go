// Package builtin is the only list of the connector kinds that the binary knows. A new kind is added here and nowhere
// else.
package builtin

import (
	"onegrid/connectors"
	"onegrid/connectors/filedrop"
	"onegrid/connectors/httpjson"
	"onegrid/connectors/sqltable"
)

// Registry returns the kinds of this binary.
func Registry() (*connectors.Registry, error) {
	return connectors.NewRegistry(filedrop.Kind(), httpjson.Kind(), sqltable.Kind())
}
