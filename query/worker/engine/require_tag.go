//go:build !duckdb_arrow

package engine

// See the file of the same name in warehouse/duckdb: the name is the message.
var _ = build_onegrid_with_the_tag_duckdb_arrow__use_make_build
