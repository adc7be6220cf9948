// Package faultpoint names the places where a test may end the process. Hit does nothing unless the program is built
// with the tag faultpoint, and then only when ONEGRID_FAULT names the point. It is not a way to configure behaviour.
package faultpoint
