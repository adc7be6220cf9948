// Package front is the one path from a question to its answer. It implements query.Runner: role and scope, limits, the
// audit record that must be durable before anything runs, a worker of the scope's current generation, and the record of
// the end, whatever the end was. Doors (query/http, query/pgwire, the command line, the console) know who asks and speak
// a protocol; what may be asked and how much is decided here and, inside the worker, by query/gate.
//
// It opens no database and runs no statement itself.
package front
