// Package http is the HTTP door of the query surface: POST /v1/sql and what a client needs around it, in JSON, NDJSON,
// CSV, Arrow IPC and Parquet. The OpenAPI document that it serves lists every route; a test compares the two.
//
// It proves who asks (query/identity), decodes the question, and passes it to a query.Runner, which decides everything
// else. Answers carry their generation and how fresh every source is (invariant 9). Everything but /healthz, /v1/login
// and /v1/password needs a login, and those two are it. Requests that a browser sends with a cookie need the CSRF token of
// their session and this very origin.
//
// It has no pages (console), speaks no other protocol (query/pgwire) and decides nothing about a statement.
package http
