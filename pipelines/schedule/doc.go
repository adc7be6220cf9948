// Package schedule decides when a source runs: cron schedules with deterministic jitter, bounded concurrency, overlap
// and missed-run policies, one circuit breaker per source, and a graceful stop.
//
// It knows nothing about what a run does: the caller hands in one function. It keeps no state on disk: the caller hands
// in where the last slots and the breaker states come from. A run may be repeated (after a crash, a clock that was set
// back, a probe); that is harmless because reading a batch again changes nothing (invariant 2).
//
// # Time
//
// Slots are wall-clock times in the configured zone. Schedules whose hour is fixed are computed on the wall clock, so a
// daily run happens exactly once on the days of a daylight-saving change; schedules for every hour, and "@every", are
// computed on elapsed time, so an interval stays an interval. "@every d" is aligned to 2000-01-01 00:00 in the zone, so
// a restart does not move the slots.
//
// The scheduler compares due times with the wall clock at least every 30 seconds, so it notices a clock that jumps or a
// machine that slept (Go timers follow the monotonic clock, which does neither):
//   - forwards: the slots jumped over are missed runs and follow the missed policy, capped;
//   - backwards over at most one slot: that slot is not run twice;
//   - backwards over several slots: the schedule is taken up from the new time, else a clock that was once wrong by a
//     year would silence a source for a year.
//
// A difference between wall and monotonic clock of more than five seconds is logged.
package schedule
