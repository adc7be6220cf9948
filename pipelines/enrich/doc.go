// Package enrich adds to a batch of mapped events what the catalog knows: usable coordinates in one system, the
// division and grid of each point, and the hub category.
//
// It runs after pipelines/normalize and before pipelines/privacy, column by column, and never drops a record: what it
// cannot decide stays null and carries a quality flag. A caller's own position is whereabouts data: it is used in memory
// to find the area when there is no incident point, and no coordinate of it leaves this package.
//
// It does not parse source values, geocode addresses, or compute deadlines.
package enrich
