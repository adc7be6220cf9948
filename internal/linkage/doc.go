// Package linkage links files by a mapping, without a hub: it reads any table that connectors/filedrop can read, runs the
// engine, measures the result against labels and writes clusters. It is what `onegrid link` does with --input.
//
// It holds no linkage of its own: see pipelines/link.
package linkage
