package duckdb_test

import "onegrid/event"

func idOf(record string) []byte {
	id := event.ID("src", record)
	return id[:]
}
