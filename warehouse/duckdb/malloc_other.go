//go:build !linux

package duckdb

func fewArenas() {}
