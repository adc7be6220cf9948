// Package wire is the language between the pool and a worker process: frames over one stream socket.
//
// A frame is one byte of kind, four bytes of length (big endian) and that many bytes: JSON for control frames, exactly
// one Arrow IPC message for Data frames (Arrow columnar format, "Encapsulated message format"). The parent sends Spec
// once, then any number of Ask, each of which may be followed by Cancel. The worker sends Hello once and answers every
// Ask with Decision, then Columns, Data … and End, or Shape; Failed ends an answer at any point.
//
// The two ends are one program of one version, so there is no negotiation. The parent still trusts nothing of what a
// worker sends: lengths are bounded before memory is taken, and CheckMessage looks at what Arrow readers would believe.
// It is no place for SQL or for the engine.
package wire
