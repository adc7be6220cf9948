package main

import "embed"

// skeleton is the configuration that `onegrid init` writes; the taxonomy is the one of the example city.
//
//go:embed skeleton
var skeleton embed.FS
