// Package docs embeds the parts of the documentation that the program itself shows.
package docs

import "embed"

// FS holds queries.sql: the questions of a duty room.
//
//go:embed queries.sql
var FS embed.FS
