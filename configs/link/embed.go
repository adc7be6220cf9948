// Package link embeds the linkage rules that come with the program, so that the hub links without a file beside it.
// Public benchmarks have their mappings in the same folder; they are read from disk.
package link

import _ "embed"

// Events are the rules for events of the store.
//
//go:embed events.yaml
var Events []byte
