// Package lex cuts SQL text into tokens as DuckDB's scanner does (PostgreSQL's scan.l with $name parameters). It exists for
// what must be known without or before the engine's parser: where literals and comments are, where a statement ends and how
// large it would become. It is no parser and decides nothing; whoever uses it treats a text that it does not understand as
// the worst case.
package lex
