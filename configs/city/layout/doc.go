// Command layout draws the invented city of configs/city: divisions, grids and organisations. Run it from the root of
// the repository after a change:
//
//	go run ./configs/city/layout configs/city/catalog
//
// It is for the example only; a real city supplies its own files. Names and codes are invented: no division code of
// China begins with 99.
package main
