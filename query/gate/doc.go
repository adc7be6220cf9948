// Package gate decides whether one SQL text of an analyst may be executed. The engine's own parser turns the text into a
// syntax tree (json_serialize_sql in an empty, locked instance in memory) and every part of that tree must be on a list:
// statement, query node, table reference, expression, field, type, table, function. What is not listed is denied, so that
// a construct which a later engine adds is denied until somebody has looked at it.
//
// It is not a sandbox: it never executes the text, knows no rows and cannot tell how long a query runs. The worker that
// executes what passed has its own limits and lock-down; neither is a reason to weaken the other. It rewrites nothing.
package gate
