// Package pgwire is the PostgreSQL door of the query surface: protocol version 3 over TLS, with SCRAM-SHA-256, the simple
// and the extended protocol, row-limited portals and cancel requests (PostgreSQL 15 documentation, chapter 55). It is made
// so that psql, pgx, pgjdbc, DBeaver, Metabase, Superset, Grafana and Power BI connect and browse as they are.
//
// It translates and nothing else: every statement that is not answered here from a fixed list goes through query.Runner,
// where limits, audit, gate and worker wait. Nothing that could change data, session state of the engine or files is
// supported: COPY, cursors, PREPARE as SQL text and every other verb are refused with SQLSTATE 0A000 or 25006.
package pgwire
