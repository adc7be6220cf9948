// Package pgcatalog makes a snapshot look like a PostgreSQL database to clients that browse: psql, JDBC, DBeaver, Metabase,
// Superset, Grafana, Power BI. It has three parts: the system relations and functions as tables and macros that the
// publisher writes into a snapshot (Statements), the types of both engines (TypeOf), and the rewriting of a client's text
// from PostgreSQL's spelling to names that exist in the snapshot (Rewrite).
//
// The catalog that clients see holds the published tables and nothing else; the engine's own catalog is never reached.
// Rewriting decides nothing: the gate reads the rewritten text like any other. It translates what clients generate for
// browsing, not the whole of PostgreSQL's dialect.
//
// Names and columns of the system relations are those of PostgreSQL 15 (PostgreSQL 15 documentation, chapters 53 and 37).
package pgcatalog
