// Package chaos holds the tests that do harm to the whole hub and compare what is left with an undisturbed run: the
// process is killed at every step of a commit and at random moments, files are cut, zeroed, flipped, swapped and deleted,
// disks fill up, upstreams answer with errors, and sources give records twice, late and in any order. It also searches
// everything that the hub writes for personal values.
//
// It is tests only and nothing imports it. The steps at which a crash is tested are marked with internal/faultpoint; without
// the build tag the tests that need them skip (make test sets it). ONEGRID_SOAK=1h makes the Crash, Kill, Model and Soak
// tests go on for longer (make soak). Tests of one package belong beside it, not here.
package chaos
