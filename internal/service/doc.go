// Package service is the one way in which background work of onegrid starts and stops: scheduler, HTTP servers,
// publishers, housekeeping. Start returns when the service works, Stop returns when it has ended; a Group starts in
// order and stops in reverse; Run ties a group to the process signals (first signal: graceful, second: exit at once).
//
// It is not a supervisor: nothing is restarted here, because a service that died by itself is an error of the program.
package service
