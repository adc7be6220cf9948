// Package failure turns what the engine says into what a client may read. The engine's messages hold values of rows
// ("Could not convert string '…'"), names that the client never wrote ("Did you mean …", "Candidate bindings …") and
// paths. So nothing of a message is passed on as it is: known sentences are told again in our own words, with a name only
// if the client's own text holds it and a type only if it looks like a type; all others become the name of their class.
//
// It does not log and keeps no message: for the log there is the class alone (docs/invariants.md, invariant 4).
package failure
