// Package redact takes literals and comments out of SQL text, for logs. It needs no engine: the process that writes the
// audit log has none. It decides nothing about what may be executed; that is package gate.
package redact
