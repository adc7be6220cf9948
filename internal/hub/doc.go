// Package hub puts the parts of onegrid together from a configuration folder: catalog, connectors, store, landing and
// the pipeline of each source. Commands, the daemon, tests and benchmarks open a Hub; it holds no logic of its own.
package hub
