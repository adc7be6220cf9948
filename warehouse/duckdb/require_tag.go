//go:build !duckdb_arrow

package duckdb

// The driver's Arrow methods exist only with the build tag duckdb_arrow. Without this line a build that lacks the tag
// fails with a list of missing driver methods that tells nobody what to do; the name below is the message.
var _ = build_onegrid_with_the_tag_duckdb_arrow__use_make_build
