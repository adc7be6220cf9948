package gate

import (
	"fmt"
	"strings"
)

// Catalog is what a snapshot publishes: the only tables, views and macros that a text may name. The zero Catalog
// publishes nothing. It is immutable and may be shared.
type Catalog struct {
	tables      map[string]struct{} // "schema.name", lower case
	macros      map[string]struct{}
	tableMacros map[string]struct{}
	schemas     map[string]struct{}
}

func (c Catalog) hasSchema(name string) bool {
	_, ok := c.schemas[name]
	return ok
}

// NewCatalog takes the names of tables and views, of scalar macros and of table macros. A name stands alone for the schema
// main or has the form "schema.name"; case does not matter, as in DuckDB. The names must exist in the snapshot that the
// text is executed on: a listed name that is missing there would be looked up among the engine's own views. For the same
// reason names that belong to the engine are refused with ErrReserved.
func NewCatalog(tables, macros, tableMacros []string) (Catalog, error) {
	c := Catalog{schemas: map[string]struct{}{}}
	for _, l := range []struct {
		names []string
		into  *map[string]struct{}
	}{{tables, &c.tables}, {macros, &c.macros}, {tableMacros, &c.tableMacros}} {
		*l.into = make(map[string]struct{}, len(l.names))
		for _, n := range l.names {
			key, err := catalogKey(n)
			if err != nil {
				return Catalog{}, err
			}
			(*l.into)[key] = struct{}{}
			schema, _, _ := strings.Cut(key, ".")
			c.schemas[schema] = struct{}{}
		}
	}
	return c, nil
}

func catalogKey(name string) (string, error) {
	schema, table, ok := strings.Cut(name, ".")
	if !ok {
		schema, table = "main", name
	}
	schema, table = fold(schema), fold(table)
	if schema == "" || table == "" || strings.ContainsAny(table, ".\x00") {
		return "", fmt.Errorf("%w: %q", ErrName, name)
	}
	switch schema {
	case "information_schema", "pg_catalog", "system", "temp", "recurring":
		return "", fmt.Errorf("%w: %q", ErrReserved, name)
	}
	for _, prefix := range []string{"duckdb_", "sqlite_", "pragma_"} {
		if strings.HasPrefix(table, prefix) {
			return "", fmt.Errorf("%w: %q", ErrReserved, name)
		}
	}
	return schema + "." + table, nil
}

// fold makes a name comparable as DuckDB compares names: ASCII letters only. Folding more, such as the Kelvin sign to k,
// would let a name pass that the engine does not find in the snapshot and therefore looks for elsewhere.
func fold(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
