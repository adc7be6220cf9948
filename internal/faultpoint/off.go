//go:build !faultpoint

package faultpoint

// Enabled reports whether the binary can inject faults.
const Enabled = false

// Hit marks a step; without the build tag it does nothing and is compiled away.
func Hit(string) error { return nil }
