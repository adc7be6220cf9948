package pgwire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// asked is a statement as a client sends it while it connects or browses, in our own words after what the client reads,
// with what its answer must hold. They stand for clients that cannot run here: docs/bi-clients.md says which.
type asked struct{ what, sql, want string }

// Npgsql, and with it Power BI, loads all types when it connects and fails without them.
func npgsql() []asked {
	return []asked{
		{"server", "SELECT version()", "PostgreSQL 15.0"},
		{"types", `
SELECT ns.nspname, t.oid, t.typname, t.typtype, t.typnotnull, t.elemtypoid
FROM (
    SELECT typ.oid, typ.typnamespace, typ.typname, typ.typtype, typ.typrelid, typ.typnotnull, typ.relkind,
        elemtyp.oid AS elemtypoid, elemtyp.typname AS elemtypname, elemcls.relkind AS elemrelkind,
        CASE WHEN elemproc.proname='array_recv' THEN 'a' ELSE elemtyp.typtype END AS elemtyptype, typ.typcategory
    FROM (
        SELECT typ.oid, typnamespace, typname, typrelid, typnotnull, relkind, typelem AS elemoid,
            CASE WHEN proc.proname='array_recv' THEN 'a' ELSE typ.typtype END AS typtype,
            CASE WHEN proc.proname='array_recv' THEN typ.typelem
                 WHEN typ.typtype='r' THEN rngsubtype
                 WHEN typ.typtype='m' THEN (SELECT rngtypid FROM pg_range WHERE rngmultitypid = typ.oid)
                 WHEN typ.typtype='d' THEN typ.typbasetype
            END AS elemtypoid, typ.typcategory
        FROM pg_type AS typ
        LEFT JOIN pg_class AS cls ON (cls.oid = typ.typrelid)
        LEFT JOIN pg_proc AS proc ON proc.oid = typ.typreceive
        LEFT JOIN pg_range ON (pg_range.rngtypid = typ.oid)
    ) AS typ
    LEFT JOIN pg_type AS elemtyp ON elemtyp.oid = elemtypoid
    LEFT JOIN pg_class AS elemcls ON (elemcls.oid = elemtyp.typrelid)
    LEFT JOIN pg_proc AS elemproc ON elemproc.oid = elemtyp.typreceive
) AS t
JOIN pg_namespace AS ns ON (ns.oid = typnamespace)
WHERE typtype IN ('b', 'r', 'm', 'e', 'd')
   OR (typtype = 'c' AND relkind = 'c')
   OR (typtype = 'p' AND typname IN ('record', 'void', 'unknown'))
   OR (typtype = 'a' AND (elemtyptype IN ('b', 'r', 'm', 'e', 'd') OR (elemtyptype = 'p' AND elemtypname IN ('record', 'void')) OR (elemtyptype = 'c' AND elemrelkind = 'c')))
ORDER BY CASE WHEN typtype IN ('b', 'e', 'p') THEN 0 WHEN typtype = 'c' THEN 1 WHEN typtype = 'r' THEN 2 WHEN typtype = 'd' AND elemtyptype <> 'a' THEN 4 WHEN typtype = 'a' THEN 6 ELSE 7 END`,
			"pg_catalog 1007 _int4 a false 23"},
		{"composites", `SELECT typ.oid, att.attname, att.atttypid FROM pg_type AS typ JOIN pg_namespace AS ns ON (ns.oid = typ.typnamespace) JOIN pg_class AS cls ON (cls.oid = typ.typrelid)
JOIN pg_attribute AS att ON (att.attrelid = typ.typrelid) WHERE typ.typtype = 'c' AND cls.relkind = 'c' AND attnum > 0 AND NOT attisdropped ORDER BY typ.oid, att.attnum`, ""},
		{"enum labels", "SELECT pg_type.oid, enumlabel FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid ORDER BY oid, enumsortorder", ""},
		{"tables of the navigator", `SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM INFORMATION_SCHEMA.tables WHERE TABLE_SCHEMA NOT IN ('information_schema', 'pg_catalog') ORDER BY TABLE_SCHEMA, TABLE_NAME`, "public event BASE TABLE"},
		{"columns of a table", `SELECT COLUMN_NAME, ORDINAL_POSITION, IS_NULLABLE, CASE WHEN (data_type LIKE '%unsigned%') THEN DATA_TYPE || ' unsigned' ELSE DATA_TYPE END AS DATA_TYPE FROM INFORMATION_SCHEMA.columns
WHERE TABLE_SCHEMA = 'public' AND TABLE_NAME = 'event' ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION`, "reported_at 3 YES timestamp with time zone"},
		{"keys", `SELECT i.CONSTRAINT_SCHEMA || '_' || i.CONSTRAINT_NAME AS INDEX_NAME, ii.COLUMN_NAME, ii.ORDINAL_POSITION, CASE WHEN i.CONSTRAINT_TYPE = 'PRIMARY KEY' THEN 'Y' ELSE 'N' END AS PRIMARY_KEY
FROM INFORMATION_SCHEMA.table_constraints i INNER JOIN INFORMATION_SCHEMA.key_column_usage ii ON i.CONSTRAINT_SCHEMA = ii.CONSTRAINT_SCHEMA AND i.CONSTRAINT_NAME = ii.CONSTRAINT_NAME
AND i.TABLE_SCHEMA = ii.TABLE_SCHEMA AND i.TABLE_NAME = ii.TABLE_NAME WHERE i.TABLE_SCHEMA = 'public' AND i.TABLE_NAME = 'event' AND i.CONSTRAINT_TYPE IN ('PRIMARY KEY', 'UNIQUE')`, ""},
		{"preview", `select "$Table"."event_id" as "event_id", "$Table"."event_day" as "event_day" from "public"."event" "$Table" order by "$Table"."event_id" limit 1`, "e00000"},
		{"folded", `select "rows"."county_code" as "county_code", count(1) as "n" from (select "county_code", "category" from "public"."event" "$Table" where "category" >= 3 and "category" < 5) "rows" group by "county_code" order by "county_code" limit 1`, "990100 12"},
	}
}

func dbeaver() []asked {
	return []asked{
		{"settings", "SHOW search_path", "public"},
		{"session", "SELECT current_schema(), session_user", "public duty-desk"},
		{"database", "SELECT db.oid, db.* FROM pg_catalog.pg_database db WHERE datname = 'onegrid'", "onegrid"},
		{"databases", "SELECT db.oid, db.* FROM pg_catalog.pg_database db WHERE NOT datistemplate AND datallowconn OR db.datname = 'onegrid' ORDER BY db.datname", "onegrid"},
		{"all settings", "SELECT * FROM pg_catalog.pg_settings", "server_version"},
		{"access methods", "SELECT am.oid, am.* FROM pg_catalog.pg_am am ORDER BY am.oid", "heap"},
		{"schemas", "SELECT n.oid, n.*, d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = n.oid AND d.objsubid = 0 AND d.classoid = 'pg_namespace'::regclass ORDER BY nspname", "public"},
		{"types", `SELECT t.oid, t.*, c.relkind, format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid = t.typelem
LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid = t.typrelid LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid = d.objoid
WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c') AND (et.typcategory IS NULL OR et.typcategory <> 'C')`, "timestamptz"},
		{"tables", `SELECT c.oid, c.*, d.description, pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr, pg_catalog.pg_get_partkeydef(c.oid) as partition_key
FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass
WHERE c.relnamespace = 2200 AND c.relkind NOT IN ('i', 'I', 'c')`, "governance events"},
		{"sizes", "SELECT c.oid, pg_catalog.pg_total_relation_size(c.oid) AS total_rel_size, pg_catalog.pg_relation_size(c.oid) AS rel_size FROM pg_class c WHERE c.relnamespace = 2200", "16384 0 0"},
		{"columns", `SELECT c.relname, a.*, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value, dsc.description, dep.objid FROM pg_catalog.pg_attribute a
INNER JOIN pg_catalog.pg_class c ON (a.attrelid = c.oid) LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid = ad.adrelid AND a.attnum = ad.adnum)
LEFT OUTER JOIN pg_catalog.pg_description dsc ON (c.oid = dsc.objoid AND a.attnum = dsc.objsubid)
LEFT OUTER JOIN pg_depend dep on dep.refobjid = a.attrelid AND dep.deptype = 'i' and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid
WHERE NOT a.attisdropped AND c.oid = 16385 ORDER BY a.attnum`, "county_code"},
		{"constraints", `SELECT c.oid, c.*, t.relname as tabrelname, rt.relnamespace as refnamespace, d.description, null as consrc_copy FROM pg_catalog.pg_constraint c INNER JOIN pg_catalog.pg_class t ON t.oid = c.conrelid
LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid = c.confrelid LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_constraint'::regclass WHERE c.conrelid = 16385 ORDER BY c.oid`, ""},
		{"indexes", `SELECT i.*, i.indkey as keys, c.relname, c.relnamespace, c.relam, c.reltablespace, tc.relname as tabrelname, dsc.description, pg_catalog.pg_get_expr(i.indpred, i.indrelid) as pred_expr,
pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) as expr, pg_catalog.pg_relation_size(i.indexrelid) as index_rel_size, pg_catalog.pg_stat_get_numscans(i.indexrelid) as index_num_scans
FROM pg_catalog.pg_index i INNER JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid INNER JOIN pg_catalog.pg_class tc ON tc.oid = i.indrelid LEFT OUTER JOIN pg_catalog.pg_description dsc ON i.indexrelid = dsc.objoid WHERE i.indrelid = 16385 ORDER BY c.relname`, ""},
		{"triggers", "SELECT x.oid, x.*, p.pronamespace as func_schema_id, d.description FROM pg_catalog.pg_trigger x LEFT OUTER JOIN pg_catalog.pg_proc p ON p.oid = x.tgfoid LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = x.oid AND d.objsubid = 0 WHERE x.tgrelid = 16385 AND NOT x.tgisinternal", ""},
		{"inheritance", "SELECT i.*, c.relnamespace FROM pg_catalog.pg_inherits i, pg_catalog.pg_class c WHERE i.inhrelid = 16385 AND c.oid = i.inhparent ORDER BY i.inhseqno", ""},
		{"view", "SELECT pg_catalog.pg_get_viewdef(c.oid, true) FROM pg_catalog.pg_class c WHERE c.relname = 'generation'", "not shown"},
		{"roles", "SELECT a.oid, a.*, pd.description FROM pg_catalog.pg_roles a LEFT JOIN pg_catalog.pg_shdescription pd ON a.oid = pd.objoid ORDER BY a.rolname", "onegrid"},
		{"keywords", "SELECT word FROM pg_catalog.pg_get_keywords()", "qualify"},
		{"data", `SELECT * FROM public.event x ORDER BY x.event_id LIMIT 200`, "e00000"},
		{"count", "SELECT count(*) FROM public.event", "500"},
	}
}

func metabase() []asked {
	return []asked{
		{"zone", "show timezone", "Asia/Shanghai"},
		{"privileges", `with table_privileges as (select NULL as role, t.schemaname as schema, t.objectname as "table", pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'update') as update,
pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'select') as select
from (select schemaname, tablename as objectname from pg_catalog.pg_tables union select schemaname, viewname as objectname from pg_catalog.pg_views union select schemaname, matviewname as objectname from pg_catalog.pg_matviews) t
where t.schemaname !~ '^pg_' and t.schemaname <> 'information_schema' and pg_catalog.has_schema_privilege(current_user, t.schemaname, 'usage'))
select t.* from table_privileges t order by 3`, "public area false true"},
		{"tables", `SELECT "n"."nspname" AS "schema", "c"."relname" AS "name", CASE "c"."relkind" WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'v' THEN 'VIEW' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE NULL END AS "type",
"d"."description" AS "description", "stat"."n_live_tup" AS "estimated_row_count" FROM "pg_catalog"."pg_class" AS "c" INNER JOIN "pg_catalog"."pg_namespace" AS "n" ON "c"."relnamespace" = "n"."oid"
LEFT JOIN "pg_catalog"."pg_description" AS "d" ON ("c"."oid" = "d"."objoid") AND ("d"."objsubid" = 0) AND ("d"."classoid" = 'pg_class'::regclass)
LEFT JOIN "pg_stat_user_tables" AS "stat" ON ("n"."nspname" = "stat"."schemaname") AND ("c"."relname" = "stat"."relname")
WHERE ("c"."relnamespace" = "n"."oid") AND ("n"."nspname" !~ '^pg_') AND ("n"."nspname" <> 'information_schema') AND c.relkind in ('r', 'p', 'v', 'f', 'm') ORDER BY "type" ASC, "schema" ASC, "name" ASC`, "public event TABLE governance events · 治理事件 500"},
		{"fields", `SELECT "c"."column_name" AS "name", CASE WHEN "c"."udt_schema" IN ('public', 'pg_catalog') THEN FORMAT('%s', "c"."udt_name") ELSE FORMAT('"%s"."%s"', "c"."udt_schema", "c"."udt_name") END AS "database-type",
"c"."ordinal_position" - 1 AS "database-position", "c"."table_schema" AS "table-schema", "c"."table_name" AS "table-name", "pk"."column_name" IS NOT NULL AS "pk?", COL_DESCRIPTION(CAST(CAST(FORMAT('%I.%I', CAST("c"."table_schema" AS TEXT), CAST("c"."table_name" AS TEXT)) AS REGCLASS) AS OID), "c"."ordinal_position") AS "field-comment",
("column_default" IS NULL OR LOWER("column_default") = 'null') AND ("is_nullable" = 'NO') AND NOT ((("column_default" IS NOT NULL) AND ("column_default" LIKE '%nextval(%')) OR ("is_identity" <> 'NO')) AS "database-required"
FROM "information_schema"."columns" AS "c" LEFT JOIN (SELECT "tc"."table_schema", "tc"."table_name", "kc"."column_name" FROM "information_schema"."table_constraints" AS "tc"
INNER JOIN "information_schema"."key_column_usage" AS "kc" ON ("tc"."constraint_name" = "kc"."constraint_name") AND ("tc"."table_schema" = "kc"."table_schema") AND ("tc"."table_name" = "kc"."table_name") WHERE "tc"."constraint_type" = 'PRIMARY KEY') AS "pk"
ON ("c"."table_schema" = "pk"."table_schema") AND ("c"."table_name" = "pk"."table_name") AND ("c"."column_name" = "pk"."column_name") WHERE c.table_schema !~ '^information_schema|catalog_history|pg_' AND ("c"."table_name" = 'event') ORDER BY "table-schema" ASC, "table-name" ASC, "database-position" ASC`, "county_code text 4 public event false county"},
		{"fingerprint", `SELECT "public"."event"."event_id" AS "event_id", "public"."event"."reported_at" AS "reported_at", SUBSTRING("public"."event"."summary", 1, 1234) AS "substring1" FROM "public"."event" LIMIT 10000`, "e00000"},
		{"a question by month", `SELECT DATE_TRUNC('month', "public"."event"."reported_at") AS "reported_at", COUNT(*) AS "count" FROM "public"."event" WHERE "public"."event"."reported_at" >= timestamp with time zone '2026-02-01 00:00:00.000+08:00' GROUP BY DATE_TRUNC('month', "public"."event"."reported_at") ORDER BY DATE_TRUNC('month', "public"."event"."reported_at") ASC`, "500"},
		{"a question by weekday", `SELECT CAST(extract(dow from "public"."event"."reported_at") AS integer) + 1 AS "dow", SUM("public"."event"."cost") AS "sum" FROM "public"."event" GROUP BY 1 ORDER BY 1`, "1 "},
	}
}

func grafana() []asked {
	return []asked{
		{"version", "SELECT current_setting('server_version_num')::int/100 as version", "1500"},
		{"TimescaleDB", "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'", ""},
		{"tables", `select case when quote_ident(table_schema) IN (select CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END from generate_series(array_lower(string_to_array(current_setting('search_path'),','),1),
array_upper(string_to_array(current_setting('search_path'),','),1)) as i, string_to_array(current_setting('search_path'),',') s) then quote_ident(table_name) else quote_ident(table_schema) || '.' || quote_ident(table_name) end as "table"
from information_schema.tables where quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog', '_timescaledb_cache') order by 1`, "event"},
		{"columns", `select quote_ident(column_name) as "column", data_type as "type" from information_schema.columns where quote_ident(table_name) = '"event"' or table_name = 'event' order by 1`, "text"},
		{"time group", `SELECT floor(extract(epoch from reported_at)/3600)*3600 AS "time", source_id AS metric, count(*) AS "value" FROM event WHERE reported_at BETWEEN '2026-02-01T00:00:00Z' AND '2026-02-01T04:00:00Z' GROUP BY 1, 2 ORDER BY 1, 2`, "1769904000 emergency"},
		{"time column", `SELECT reported_at AS "time", cost FROM event WHERE reported_at BETWEEN '2026-02-01T00:00:00Z' AND '2026-02-01T04:00:00Z' ORDER BY 1 LIMIT 2`, "2026-02-01"},
		{"unix epoch filter", `SELECT extract(epoch from reported_at)::bigint AS t FROM event WHERE extract(epoch from reported_at) >= 1769904000 AND extract(epoch from reported_at) <= 1769990400 ORDER BY 1 LIMIT 1`, "1769904000"},
		{"health", "SELECT 1", "1"},
	}
}

func superset() []asked {
	return []asked{
		{"version", "select pg_catalog.version()", "PostgreSQL 15.0"},
		{"schema", "select current_schema()", "public"},
		{"strings", "show standard_conforming_strings", "on"},
		{"table names", `SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p']) AND pg_catalog.pg_class.relpersistence != 't' AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != 'pg_catalog' ORDER BY 1`, "event"},
		{"columns of older versions", `SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef) AS DEFAULT,
a.attnotnull, a.attrelid as table_oid, pgd.description as comment, a.attgenerated as generated FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_description pgd ON (pgd.objoid = a.attrelid AND pgd.objsubid = a.attnum) WHERE a.attrelid = 16385 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`, "reported_at timestamp with time zone"},
		{"a chart", `SELECT DATE_TRUNC('day', reported_at) AS reported_at, source_id AS source_id, COUNT(*) AS count FROM public.event WHERE reported_at >= TO_TIMESTAMP('2026-02-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') AND reported_at < TO_TIMESTAMP('2026-02-02 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
GROUP BY DATE_TRUNC('day', reported_at), source_id ORDER BY count DESC LIMIT 10000`, "2026-02-01"},
		{"explore", `SELECT AVG(cost) AS "AVG(cost)", county_code AS county_code FROM public.event WHERE county_code IN ('990101', '990102') GROUP BY county_code ORDER BY "AVG(cost)" DESC LIMIT 100`, "99010"},
	}
}

// What clients that cannot run here ask is answered as they need it, in the simple and in the extended protocol.
func TestImitatedClients(t *testing.T) {
	r := open(t)
	c := r.pgx(t)
	for client, list := range map[string][]asked{"npgsql, power bi": npgsql(), "dbeaver": dbeaver(), "metabase": metabase(), "grafana": grafana(), "superset": superset()} {
		for _, q := range list {
			for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeDescribeExec} {
				t.Run(fmt.Sprintf("%s/%s/%v", client, q.what, mode), func(t *testing.T) {
					got, err := table(t, c, q.sql, mode)
					if err != nil {
						t.Fatalf("%v\n%s", err, q.sql)
					}
					if !strings.Contains(got, q.want) || (q.want == "") != (got == "") {
						t.Errorf("no %q in\n%s", q.want, got)
					}
				})
			}
		}
	}
}

// table is an answer as lines of values.
func table(t *testing.T, c *pgx.Conn, sql string, mode pgx.QueryExecMode) (string, error) {
	rows, err := c.Query(t.Context(), sql, mode, pgx.QueryResultFormats{0})
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var out strings.Builder
	for rows.Next() {
		for i, v := range rows.RawValues() {
			if i > 0 {
				out.WriteByte(' ')
			}
			s := string(v)
			switch rows.FieldDescriptions()[i].DataTypeOID {
			case 16:
				s = map[string]string{"t": "true", "f": "false"}[s]
			}
			out.WriteString(s)
		}
		out.WriteByte('\n')
	}
	return out.String(), rows.Err()
}
