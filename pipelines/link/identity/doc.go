// Package identity names incidents: which id a cluster of events carries, what each event is in it, and which of its events
// counts. It knows events by id and time only.
//
// # Ids
//
// An incident's founding event is the oldest of its reports by time, then id (of all its events, if none is a report of its
// own). Its id is the founding event's own, a UUIDv5 of the source record, so that a rebuild from nothing gives the same
// ids, in whatever order the events arrived, and an event that stands alone is its own incident. What happens to ids that exist:
//
//   - Merge: the id with the oldest founding stays (a report before what is none); the others become aliases of it. An event that had no incident yet
//     takes part with the id it would found: if it is the oldest, the older ids become aliases of the new one.
//   - Split: the id stays with the part that holds most of its events; of equal parts, with the one that holds the
//     founding event of the id, else with the one that holds the oldest event. Every other part gets an id derived from
//     its own founding event.
//   - Never reused: an id is derived from one event and never names a cluster that this event did not found. An event
//     whose first id is in use elsewhere (it left, the majority kept it) founds with its second, third, ... id.
//   - Revived, if the caller wants it (Input.Revive): if a merge is undone, the part whose founding event is the one of the
//     alias gets that id back, and the alias row is revoked. What referred to it before the merge is right again. Else
//     an alias stays one for ever, and that part takes the next id of its founding event.
//
// With the previous membership at hand, a full run changes nothing that an incremental one would not. A rebuild from
// nothing gives the same ids except where a split left an id with a part that its founding event is not in.
//
// # Counting
//
// Exactly one event of an incident is countable: its founding event. Follow-ups and transfers are not countable, unless
// the incident consists of nothing else. Reports are never fewer for it: roles say how events belong together, no event
// disappears, and sums of reports over any column are what they were.
//
// It does not decide which events belong together (pipelines/link/cluster) or store anything: it returns what changed.
package identity
