package pgcatalog

import (
	"fmt"
	"strings"
)

// prefix keeps our functions apart from the engine's own of the same name, which describe the engine.
const prefix = "pgc_"

// macro is one function: its parameter lists with their bodies. Name is PostgreSQL's.
type macro struct {
	name  string
	forms []form
}

type form struct{ params, body string }

// one makes a macro whose answer does not depend on how many arguments there are.
func one(name, body string, params ...string) macro {
	m := macro{name: name}
	for _, p := range params {
		m.forms = append(m.forms, form{p, body})
	}
	return m
}

// macros are the functions of PostgreSQL that clients call while they browse. None of them reads a setting, a file or the
// engine's catalog.
func macros(database string) []macro {
	null := "NULL::VARCHAR"
	yes, no := "true", "false"
	var types strings.Builder
	types.WriteString("CASE (o)::BIGINT")
	for _, t := range pgTypes() {
		fmt.Fprintf(&types, " WHEN %d THEN %s", t.OID, text(t.Long))
	}
	types.WriteString(" ELSE '???' END")
	// Patterns of to_char that clients generate, as strftime has them (PostgreSQL 15, table 9.27). The order matters: none
	// may find letters that an earlier one has put there.
	chars := "p"
	for _, c := range [][2]string{{"%", "%%"}, {"HH24", "%H"}, {"HH12", "%I"}, {"IYYY", "%G"}, {"YYYY", "%Y"}, {"YY", "%y"}, {"Month", "%B"}, {"Mon", "%b"}, {"MM", "%m"}, {"DDD", "%j"}, {"DD", "%d"},
		{"SS", "%S"}, {"MI", "%M"}, {"MS", "%g"}, {"US", "%f"}, {"Day", "%A"}, {"Dy", "%a"}, {"IW", "%V"}, {"AM", "%p"}, {`"T"`, "T"}} {
		chars = "replace(" + chars + ", " + text(c[0]) + ", " + text(c[1]) + ")"
	}
	// The engine reads a text by a pattern only if the pattern is a constant. Clients write ISO times; another pattern fails.
	iso := "CASE WHEN p LIKE 'YYYY-MM-DD%' THEN t ELSE 'only YYYY-MM-DD' END"
	regclass := "COALESCE(TRY_CAST(o AS BIGINT), (SELECT c.oid FROM pg_class c WHERE c.relname = replace(replace(replace(lower(o::VARCHAR), 'pg_catalog.', ''), 'public.', ''), '\"', '')), CASE replace(lower(o::VARCHAR), 'pg_catalog.', '')"
	for _, c := range systemClasses() {
		regclass += fmt.Sprintf(" WHEN %s THEN %d", text(c.name), c.oid)
	}
	regclass += " END)"
	var typeOID strings.Builder
	typeOID.WriteString("CASE lower(o)")
	for _, t := range pgTypes() {
		fmt.Fprintf(&typeOID, " WHEN %s THEN %d", text(t.Name), t.OID)
		if t.Long != t.Name {
			fmt.Fprintf(&typeOID, " WHEN %s THEN %d", text(t.Long), t.OID)
		}
	}
	typeOID.WriteString(" ELSE NULL END")
	setting := "CASE lower(n) WHEN 'server_version_num' THEN '" + ServerVersionNum + "' WHEN 'server_version' THEN '" + ServerVersion +
		"' WHEN 'timezone' THEN 'Asia/Shanghai' WHEN 'search_path' THEN '\"$user\", public' WHEN 'transaction_isolation' THEN 'repeatable read'" +
		" WHEN 'standard_conforming_strings' THEN 'on' WHEN 'client_encoding' THEN 'UTF8' WHEN 'server_encoding' THEN 'UTF8' WHEN 'max_index_keys' THEN '32'" +
		" WHEN 'transaction_read_only' THEN 'on' WHEN 'default_transaction_read_only' THEN 'on' WHEN 'block_size' THEN '8192' ELSE NULL END"
	ms := []macro{
		one("pg_get_userbyid", "'onegrid'", "o"),
		one("pg_table_is_visible", yes, "o"), one("pg_type_is_visible", yes, "o"), one("pg_function_is_visible", yes, "o"),
		one("pg_opclass_is_visible", yes, "o"), one("pg_operator_is_visible", yes, "o"), one("pg_collation_is_visible", yes, "o"),
		one("pg_conversion_is_visible", yes, "o"), one("pg_statistics_obj_is_visible", yes, "o"), one("pg_opfamily_is_visible", yes, "o"), one("pg_ts_config_is_visible", yes, "o"),
		one("pg_ts_dict_is_visible", yes, "o"), one("pg_ts_parser_is_visible", yes, "o"), one("pg_ts_template_is_visible", yes, "o"),
		one("to_char", "strftime(t, "+chars+")", "t, p"), one("to_date", "("+iso+")::DATE", "t, p"),
		{"to_timestamp", []form{{"t", "to_timestamp(t)"}, {"t, p", "(" + iso + ")::TIMESTAMPTZ"}}},
		{"format", []form{{"f", "f"}, {"f, a", "regexp_replace(f, '%[sIL]', a)"}, {"f, a, b", "regexp_replace(regexp_replace(f, '%[sIL]', a), '%[sIL]', b)"}}},
		one("pg_relation_is_publishable", no, "o"), one("pg_is_other_temp_schema", no, "o"), one("pg_my_temp_schema", "0::BIGINT", ""),
		one("pg_relation_is_updatable", "0", "o, f"), one("pg_column_is_updatable", no, "o, n, f"),
		one("format_type", "CASE WHEN (o)::BIGINT = 1700 AND m > 4 THEN 'numeric(' || ((m - 4) >> 16) || ',' || ((m - 4) & 65535) || ')' ELSE "+types.String()+" END", "o, m"),
		one("pg_get_expr", null, "e, r", "e, r, p"),
		one("obj_description", "(SELECT description FROM pg_description d WHERE d.objoid = o AND d.objsubid = 0)", "o", "o, c"),
		one("col_description", "(SELECT description FROM pg_description d WHERE d.objoid = o AND d.objsubid = n)", "o, n"),
		one("shobj_description", null, "o, c"),
		one("pg_size_pretty", "format_bytes(b)", "b"),
		one("pg_table_size", "0::BIGINT", "o"), one("pg_total_relation_size", "0::BIGINT", "o"), one("pg_relation_size", "0::BIGINT", "o", "o, f"),
		one("pg_indexes_size", "0::BIGINT", "o"), one("pg_database_size", "0::BIGINT", "d"), one("pg_tablespace_size", "0::BIGINT", "o"),
		one("pg_encoding_to_char", "'UTF8'", "e"), one("pg_char_to_encoding", "6", "e"), one("getdatabaseencoding", "'UTF8'", ""),
		one("array_to_string", "list_aggregate(l::VARCHAR[], 'string_agg', s)", "l, s", "l, s, n"),
		one("array_upper", "len(l)::INTEGER", "l, d"), one("array_lower", "1", "l, d"), one("array_length", "len(l)::INTEGER", "l", "l, d"),
		one("pg_get_constraintdef", null, "o", "o, p"), one("pg_get_indexdef", null, "o", "o, c, p"), one("pg_get_viewdef", "' SELECT * FROM a published view; its text is not shown'", "o", "o, p"),
		one("pg_get_triggerdef", null, "o", "o, p"), one("pg_get_ruledef", null, "o", "o, p"), one("pg_get_functiondef", null, "o"),
		one("pg_get_function_result", null, "o"), one("pg_get_function_arguments", null, "o"), one("pg_get_function_identity_arguments", null, "o"),
		one("pg_get_function_sqlbody", null, "o"), one("pg_get_statisticsobjdef_columns", null, "o"), one("pg_get_statisticsobjdef", null, "o"),
		one("pg_get_serial_sequence", null, "t, c"), one("pg_get_partkeydef", null, "o"), one("pg_get_partition_constraintdef", null, "o"),
		one("pg_tablespace_location", "''", "o"), one("pg_stat_get_numscans", "0::BIGINT", "o"),
		one("current_schema", "'public'", ""), one("current_schemas", "['pg_catalog', 'public']", "b"),
		one("current_database", text(database), ""), one("current_catalog", text(database), ""),
		one("version", text(VersionText), ""), one("pg_backend_pid", "0", ""), one("pg_is_in_recovery", no, ""), one("pg_is_wal_replay_paused", no, ""),
		one("txid_current", "0::BIGINT", ""), one("pg_postmaster_start_time", "NULL::TIMESTAMPTZ", ""), one("pg_conf_load_time", "NULL::TIMESTAMPTZ", ""),
		one("inet_server_addr", null, ""), one("inet_server_port", "NULL::INTEGER", ""), one("inet_client_addr", null, ""),
		one("has_table_privilege", "lower(p) LIKE 'select%'", "o, p", "u, o, p"), one("has_any_column_privilege", "lower(p) LIKE 'select%'", "o, p", "u, o, p"),
		one("has_column_privilege", "lower(p) LIKE 'select%'", "o, c, p", "u, o, c, p"), one("has_schema_privilege", "lower(p) LIKE 'usage%'", "o, p", "u, o, p"),
		one("has_database_privilege", "lower(p) LIKE 'connect%'", "o, p", "u, o, p"), one("has_function_privilege", no, "o, p", "u, o, p"),
		one("has_sequence_privilege", no, "o, p", "u, o, p"), one("pg_has_role", no, "o, p", "u, o, p"),
		one("set_config", "v", "n, v, l"), one("current_setting", setting, "n", "n, m"),
		one("quote_ident", `'"' || replace(i, '"', '""') || '"'`, "i"),
		one("quote_literal", "chr(39) || replace(i::VARCHAR, chr(39), chr(39) || chr(39)) || chr(39)", "i"),
		one("regclass_oid", regclass, "o"), one("to_regclass", regclass, "o"),
		one("regclass_name", "(SELECT c.relname FROM pg_class c WHERE c.oid = o)", "o"),
		one("regnamespace_name", "(SELECT n.nspname FROM pg_namespace n WHERE n.oid = o)", "o"),
		one("regnamespace_oid", "(SELECT n.oid FROM pg_namespace n WHERE n.nspname = o)", "o"),
		one("regtype_name", types.String(), "o"), one("regtype_oid", typeOID.String(), "o"), one("to_regtype", typeOID.String(), "o"),
		one("_pg_expandarray", "{'x': NULL::INTEGER, 'n': NULL::INTEGER}", "l"),
		one("_pg_char_max_length", "NULL::INTEGER", "o, m"), one("_pg_numeric_precision", "NULL::INTEGER", "o, m"), one("_pg_numeric_scale", "NULL::INTEGER", "o, m"),
		one("_pg_truetypid", "NULL::BIGINT", "a, t"), one("_pg_truetypmod", "NULL::INTEGER", "a, t"),
		one("array_remove", "list_filter(l, x -> x IS DISTINCT FROM e)", "l, e"),
	}
	return ms
}

// class is a system relation with PostgreSQL's id of it (pg_class.dat and the headers of the catalogs).
type class struct {
	name string
	oid  int
}

// systemClasses are those that clients name in casts to regclass, to look comments and dependencies up.
func systemClasses() []class {
	return []class{{"pg_type", 1247}, {"pg_attribute", 1249}, {"pg_proc", 1255}, {"pg_class", 1259}, {"pg_authid", 1260}, {"pg_database", 1262}, {"pg_constraint", 2606},
		{"pg_attrdef", 2604}, {"pg_description", 2609}, {"pg_index", 2610}, {"pg_language", 2612}, {"pg_namespace", 2615}, {"pg_rewrite", 2618}, {"pg_trigger", 2620},
		{"pg_tablespace", 1213}, {"pg_extension", 3079}, {"pg_foreign_server", 1417}, {"pg_am", 2601}, {"pg_cast", 2605}, {"pg_operator", 2617}, {"pg_collation", 3456}}
}

// ServerVersion is the version of PostgreSQL that is announced: clients choose their catalog queries by it.
const (
	ServerVersion    = "15.0"
	ServerVersionNum = "150000"
	VersionText      = "PostgreSQL 15.0 (onegrid query surface on DuckDB; read only)"
)

// Functions are the functions that Statements makes, by the names they have in the snapshot.
func Functions() []string {
	var out []string
	for _, m := range macros("") {
		out = append(out, prefix+m.name)
	}
	return out
}

func (m macro) ddl() string {
	var forms []string
	for _, f := range m.forms {
		forms = append(forms, "("+f.params+") AS "+f.body)
	}
	return "CREATE MACRO " + prefix + m.name + strings.Join(forms, ", ")
}

// text quotes a literal that the program itself makes.
func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
