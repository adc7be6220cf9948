// Package configs embeds the example city, so that `onegrid demo` and `onegrid init` need no files beside the binary.
// It holds no settings of its own: internal/city draws its records over the same divisions.
package configs

import "embed"

// FS holds the folder city, a complete configuration, and link/events.yaml, the rules by which events are linked.
//
//go:embed city link
var FS embed.FS
