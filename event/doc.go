// Package event defines the governance event: one Arrow schema for records of every city department, its code
// lists, its status machine, the identity rules and the checks that a batch must pass before it is stored.
//
// It is a leaf: it imports no other package of onegrid and no database driver. Mapping source columns to these
// fields is the work of pipelines/normalize; storing them is the work of warehouse.
//
// An event describes what happened to the city, never a person: no column holds a name, a phone number or an
// identity number, and none may be added (see docs/invariants.md, invariant 4).
package event
