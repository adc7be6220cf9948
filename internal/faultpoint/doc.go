// Package faultpoint marks the steps at which a crash is tested. faultpoint.Hit("commit.before") does nothing and costs
// nothing unless the binary is built with the tag faultpoint. Then the environment variable ONEGRID_FAULT says what
// happens, as a comma-separated list of point:n:action, at the n-th hit of the point:
//
//	commit.before:3:kill        SIGKILL to the own process, as kill -9 does
//	commit.before:1:error       Hit returns ErrInjected
//	commit.before:2:sleep=5s    Hit sleeps, for a parent that kills or measures meanwhile
//
// n = * means every hit. A malformed list ends the process with a message: a crash test that tests nothing must not
// pass. It is not for ordinary error handling: no released binary has the tag.
package faultpoint
