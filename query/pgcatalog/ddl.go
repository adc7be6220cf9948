package pgcatalog

import (
	"fmt"
	"strconv"
	"strings"
)

// Table is a published table or view as clients see it. Column types are DuckDB's names.
type Table struct {
	Name    string
	View    bool
	Comment string
	Rows    int64
	Columns []Column
}

// Column of a published table.
type Column struct {
	Name    string
	Type    string
	NotNull bool
	Comment string
}

// Fixed object ids. Those of PostgreSQL's own objects are its (pg_namespace.dat, pg_am.dat, pg_collation.dat).
const (
	oidCatalog  = 11
	oidPublic   = 2200
	oidInfo     = 13000
	oidRole     = 10
	oidDatabase = 16000
	oidHeap     = 2
	firstTable  = 16384

	oidArrayRecv = 2400
	oidArraySend = 2401
)

// Statements returns the SQL that makes the system relations and functions in a snapshot whose published tables are
// given. It is run once per snapshot file, in its main schema; database is the name that clients see.
func Statements(database string, tables []Table) []string {
	rows := catalogRows(database, tables)
	var out []string
	for _, r := range relations() {
		cols := make([]string, len(r.columns))
		if len(rows[r.name]) == 0 {
			for i, c := range r.columns {
				cols[i] = "NULL::" + c.typ + " AS " + ident(c.name)
			}
			out = append(out, "CREATE VIEW "+ident(r.name)+" AS SELECT "+strings.Join(cols, ", ")+" WHERE false")
			continue
		}
		for i, c := range r.columns {
			cols[i] = ident(c.name) + " " + c.typ
		}
		out = append(out, "CREATE TABLE "+ident(r.name)+" ("+strings.Join(cols, ", ")+")")
		var values []string
		for _, row := range rows[r.name] {
			values = append(values, row.values(r))
		}
		out = append(out, "INSERT INTO "+ident(r.name)+" VALUES "+strings.Join(values, ", "))
	}
	for _, m := range macros(database) {
		out = append(out, m.ddl())
	}
	return out
}

// row holds the columns of a system relation that are not the default of their type, as SQL.
type row map[string]string

// values writes the row in the order of r's columns. What is not named is false, zero or null, as in a relation that has
// nothing special about it.
func (w row) values(r relation) string {
	out := make([]string, len(r.columns))
	for i, c := range r.columns {
		v, ok := w[c.name]
		switch {
		case ok:
		case c.typ == "BOOLEAN":
			v = "false"
		case c.typ == "BIGINT", c.typ == "INTEGER", c.typ == "SMALLINT":
			v = "0"
		default:
			v = "NULL"
		}
		out[i] = v
	}
	return "(" + strings.Join(out, ", ") + ")"
}

func catalogRows(database string, tables []Table) map[string][]row {
	n := func(i int64) string { return strconv.FormatInt(i, 10) }
	yes := func(b bool) string { return strconv.FormatBool(b) }
	db := text(database)
	rows := map[string][]row{
		"pg_namespace": {
			{"oid": n(oidCatalog), "nspname": "'pg_catalog'", "nspowner": n(oidRole)},
			{"oid": n(oidPublic), "nspname": "'public'", "nspowner": n(oidRole)},
			{"oid": n(oidInfo), "nspname": "'information_schema'", "nspowner": n(oidRole)},
		},
		"pg_am": {{"oid": n(oidHeap), "amname": "'heap'", "amhandler": "'heap_tableam_handler'", "amtype": "'t'"}},
		"pg_database": {{"oid": n(oidDatabase), "datname": db, "datdba": n(oidRole), "encoding": "6", "datlocprovider": "'c'", "datallowconn": "true",
			"datconnlimit": "-1", "dattablespace": "1663", "datcollate": "'C.UTF-8'", "datctype": "'C.UTF-8'"}},
		"pg_roles":      {{"oid": n(oidRole), "rolname": "'onegrid'", "rolinherit": "true", "rolcanlogin": "true", "rolconnlimit": "-1"}},
		"pg_user":       {{"usename": "'onegrid'", "usesysid": n(oidRole)}},
		"pg_tablespace": {{"oid": "1663", "spcname": "'pg_default'", "spcowner": n(oidRole)}},
		"pg_collation": {{"oid": "100", "collname": "'default'", "collnamespace": n(oidCatalog), "collowner": n(oidRole), "collprovider": "'d'",
			"collisdeterministic": "true", "collencoding": "-1"}},
		"pg_language": {{"oid": "14", "lanname": "'sql'", "lanowner": n(oidRole), "lanpltrusted": "true"}},
		"information_schema_schemata": {{"catalog_name": db, "schema_name": "'public'", "schema_owner": "'onegrid'"},
			{"catalog_name": db, "schema_name": "'information_schema'", "schema_owner": "'onegrid'"},
			{"catalog_name": db, "schema_name": "'pg_catalog'", "schema_owner": "'onegrid'"}},
		"information_schema_information_schema_catalog_name": {{"catalog_name": db}},
		"information_schema_enabled_roles":                   {{"role_name": "'onegrid'"}},
	}
	for _, s := range [][2]string{{"server_version", ServerVersion}, {"server_version_num", ServerVersionNum}, {"TimeZone", "Asia/Shanghai"}, {"client_encoding", "UTF8"},
		{"server_encoding", "UTF8"}, {"standard_conforming_strings", "on"}, {"default_transaction_read_only", "on"}, {"max_index_keys", "32"}, {"max_identifier_length", "63"}, {"search_path", `"$user", public`}} {
		rows["pg_settings"] = append(rows["pg_settings"], row{"name": text(s[0]), "setting": text(s[1]), "context": "'internal'", "vartype": "'string'", "source": "'default'", "reset_val": text(s[1])})
	}
	for _, w := range []string{"analyze", "ilike", "limit", "offset", "qualify", "returning", "window"} {
		rows["pg_get_keywords"] = append(rows["pg_get_keywords"], row{"word": text(w), "catcode": "'R'", "catdesc": "'reserved'"})
	}
	names := map[uint32]string{}
	for _, t := range pgTypes() {
		names[uint32(t.OID)] = t.Long
		// Clients tell arrays by their input and receive functions (array_in, array_recv), and join the latter with pg_proc.
		in, recv, send := t.Name+"in", t.Name+"recv", t.Name+"send"
		receive, sends := procOf(t.OID, 0), procOf(t.OID, 1)
		array := t.Category == "A" && strings.HasPrefix(t.Name, "_")
		if array {
			in, receive, sends = "array_in", oidArrayRecv, oidArraySend
		} else {
			rows["pg_proc"] = append(rows["pg_proc"], function(receive, recv), function(sends, send))
		}
		rows["pg_type"] = append(rows["pg_type"], row{"oid": n(t.OID), "typname": text(t.Name), "typnamespace": n(oidCatalog), "typowner": n(oidRole), "typlen": n(int64(t.Len)),
			"typbyval": yes(t.ByVal == "t"), "typtype": text(t.Kind), "typcategory": text(t.Category), "typispreferred": yes(t.Preferred == "t"), "typisdefined": "true",
			"typdelim": "','", "typelem": n(t.Elem), "typarray": n(t.Array), "typcollation": n(t.Collation), "typtypmod": "-1",
			"typinput": text(in), "typoutput": text(strings.TrimSuffix(in, "in") + "out"), "typreceive": n(receive), "typsend": n(sends), "typalign": "'i'", "typstorage": "'x'"})
	}
	rows["pg_proc"] = append(rows["pg_proc"], function(oidArrayRecv, "array_recv"), function(oidArraySend, "array_send"))
	for i, t := range tables {
		oid := n(int64(firstTable + i))
		kind, storage := "'r'", n(oidHeap)
		if t.View {
			kind, storage = "'v'", "0"
		}
		rows["pg_class"] = append(rows["pg_class"], row{"oid": oid, "relname": text(t.Name), "relnamespace": n(oidPublic), "relowner": n(oidRole), "relam": storage,
			"reltuples": n(t.Rows), "relkind": kind, "relpersistence": "'p'", "relnatts": n(int64(len(t.Columns))), "relreplident": "'d'", "relispopulated": "true"})
		describe := func(sub int, comment string) {
			if comment != "" {
				rows["pg_description"] = append(rows["pg_description"], row{"objoid": oid, "classoid": "1259", "objsubid": strconv.Itoa(sub), "description": text(comment)})
			}
		}
		describe(0, t.Comment)
		if t.View {
			rows["pg_views"] = append(rows["pg_views"], row{"schemaname": "'public'", "viewname": text(t.Name), "viewowner": "'onegrid'"})
			rows["information_schema_views"] = append(rows["information_schema_views"], row{"table_catalog": db, "table_schema": "'public'", "table_name": text(t.Name), "is_updatable": "'NO'", "is_insertable_into": "'NO'"})
		} else {
			rows["pg_tables"] = append(rows["pg_tables"], row{"schemaname": "'public'", "tablename": text(t.Name), "tableowner": "'onegrid'"})
			rows["pg_stat_user_tables"] = append(rows["pg_stat_user_tables"], row{"relid": oid, "schemaname": "'public'", "relname": text(t.Name), "n_live_tup": n(t.Rows)})
		}
		rows["information_schema_tables"] = append(rows["information_schema_tables"], row{"table_catalog": db, "table_schema": "'public'", "table_name": text(t.Name),
			"table_type": map[bool]string{true: "'VIEW'", false: "'BASE TABLE'"}[t.View], "is_insertable_into": "'NO'", "is_typed": "'NO'"})
		rows["information_schema_table_privileges"] = append(rows["information_schema_table_privileges"], row{"grantor": "'onegrid'", "grantee": "'onegrid'", "table_catalog": db,
			"table_schema": "'public'", "table_name": text(t.Name), "privilege_type": "'SELECT'", "is_grantable": "'NO'", "with_hierarchy": "'NO'"})
		for j, c := range t.Columns {
			pos := strconv.Itoa(j + 1)
			typ := TypeOf(c.Type)
			collation := "0"
			if typ.OID == OIDText {
				collation = "100"
			}
			rows["pg_attribute"] = append(rows["pg_attribute"], row{"attrelid": oid, "attname": text(c.Name), "atttypid": n(int64(typ.OID)), "attlen": n(int64(typ.Size)), "attnum": pos,
				"attcacheoff": "-1", "atttypmod": n(int64(typ.Mod)), "attalign": "'i'", "attstorage": "'p'", "attnotnull": yes(c.NotNull), "attidentity": "''", "attgenerated": "''",
				"attislocal": "true", "attcollation": collation, "attstattarget": "-1", "attcompression": "''"})
			describe(j+1, c.Comment)
			long := names[typ.OID]
			if typ.Elem != 0 {
				long = "ARRAY"
			}
			rows["information_schema_columns"] = append(rows["information_schema_columns"], row{"table_catalog": db, "table_schema": "'public'", "table_name": text(t.Name), "column_name": text(c.Name),
				"ordinal_position": pos, "is_nullable": map[bool]string{true: "'NO'", false: "'YES'"}[c.NotNull], "data_type": text(long), "character_maximum_length": "NULL",
				"character_octet_length": "NULL", "numeric_precision": "NULL", "numeric_precision_radix": "NULL", "numeric_scale": "NULL", "datetime_precision": "NULL", "interval_precision": "NULL",
				"maximum_cardinality": "NULL", "udt_catalog": db, "udt_schema": "'pg_catalog'", "udt_name": text(shortName(typ.OID)), "dtd_identifier": text(pos), "is_self_referencing": "'NO'",
				"is_identity": "'NO'", "is_generated": "'NEVER'", "is_updatable": "'NO'"})
		}
	}
	return rows
}

// procOf is our id of a type's receive or send function.
func procOf(typ int64, which int64) int64 { return 1_000_000 + 2*typ + which }

// function is a row of pg_proc, for joins only: clients do not call it.
func function(oid int64, name string) row {
	return row{"oid": strconv.FormatInt(oid, 10), "proname": text(name), "pronamespace": strconv.Itoa(oidCatalog), "proowner": strconv.Itoa(oidRole), "prolang": "12",
		"prokind": "'f'", "provolatile": "'s'", "proparallel": "'s'", "proisstrict": "true", "pronargs": "1", "prorettype": "2278", "proargtypes": "[2281]"}
}

// shortName is pg_type's name of a type: int4 where format_type says integer.
func shortName(oid uint32) string {
	for _, t := range pgTypes() {
		if t.OID == int64(oid) {
			return t.Name
		}
	}
	return fmt.Sprint(oid)
}

func ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
