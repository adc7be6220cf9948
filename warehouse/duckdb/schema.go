package duckdb

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/event"
)

// layoutVersion is the version of the tables below; a store of another version is refused, never altered silently.
//
// 2: change_no and the columns of incident linkage in event_version, the tables of linkage, newest_reported in checkpoint.
const layoutVersion = 2

// linkColumns are the columns of an event that linkage decides, as the view answers them. They are stored beside the
// current state and null until the event is in an incident with another: it is then its own incident.
var linkColumns = map[string]string{
	"incident_id":   "coalesce(v.incident_id, v.event_id)",
	"incident_role": "coalesce(v.incident_role, 'single')",
	"is_countable":  "coalesce(v.is_countable, true)",
}

// sqlType is the DuckDB type of an event column. Ids are stored as UUID: 16 bytes, fixed width, joined 3 times faster
// than text and shown as the same text.
func sqlType(c event.Column) string {
	if c.Name == "event_id" {
		return "UUID"
	}
	switch c.Type.ID() {
	case arrow.DATE32:
		return "DATE"
	case arrow.INT8:
		return "TINYINT"
	case arrow.INT16:
		return "SMALLINT"
	case arrow.INT32:
		return "INTEGER"
	case arrow.UINT64:
		return "UBIGINT"
	case arrow.FLOAT32:
		return "FLOAT"
	case arrow.FLOAT64:
		return "DOUBLE"
	case arrow.BOOL:
		return "BOOLEAN"
	case arrow.TIMESTAMP:
		return "TIMESTAMPTZ"
	case arrow.LIST:
		return "VARCHAR[]"
	case arrow.MAP:
		return "MAP(VARCHAR, VARCHAR)"
	case arrow.FIXED_SIZE_BINARY:
		return "BLOB"
	default:
		return "VARCHAR"
	}
}

// storedColumns are the event columns that event_version holds.
func storedColumns() []event.Column {
	var out []event.Column
	for _, c := range event.Columns() {
		if _, link := linkColumns[c.Name]; !link {
			out = append(out, c)
		}
	}
	return out
}

// ddl makes an empty store. No table has an index, key or constraint: see docs/adr/20261122-no-primary-keys.md.
//
// event_version holds every state once. known_to is null for the current one; superseding a state sets that one narrow
// column, so the wide row is written once and never rewritten (docs/adr/20261122-one-wide-table.md). hash_head is the
// first eight bytes of content_hash: a lookup that compares states reads fixed-width columns only.
//
// change_no numbers the transaction that stored a state or last moved its source_updated_at; link_no the linkage run that
// last set its incident. Row groups of which neither is new are skipped, so that what changed is found at its own price.
// event_incident is the truth about incidents; the columns here repeat it for the current state
// (docs/adr/20261122-incident-beside-the-state.md).
func ddl() []string {
	var wide, view []string
	for _, c := range storedColumns() {
		wide = append(wide, "  "+c.Name+" "+sqlType(c))
	}
	for _, c := range event.Columns() {
		if expr, link := linkColumns[c.Name]; link {
			view = append(view, expr+" AS "+c.Name)
		} else {
			view = append(view, "v."+c.Name)
		}
	}
	wide = append(wide,
		"  valid_from TIMESTAMPTZ", "  known_from TIMESTAMPTZ", "  known_to TIMESTAMPTZ", "  unit_seq BIGINT", "  source_fp UBIGINT", "  hash_head UBIGINT",
		"  change_no BIGINT", "  incident_id UUID", "  incident_role VARCHAR", "  is_countable BOOLEAN", "  link_no BIGINT")
	return append([]string{
		"CREATE TABLE store_meta (layout INTEGER, store_id UUID, created_at TIMESTAMPTZ)",
		"CREATE TABLE event_version (\n" + strings.Join(wide, ",\n") + "\n)",
		"CREATE VIEW event AS SELECT " + strings.Join(view, ", ") + " FROM event_version v WHERE v.known_to IS NULL",
		"CREATE VIEW event_key AS SELECT source_id, source_record_id, event_id, event_day FROM event_version WHERE version = 1",
		`CREATE TABLE event_transition (event_id UUID, event_day DATE, source_id VARCHAR, seq INTEGER, "at" TIMESTAMPTZ, from_status VARCHAR,
  to_status VARCHAR, stage TINYINT, action VARCHAR, org_code VARCHAR, src_action VARCHAR, inferred BOOLEAN, ingested_at TIMESTAMPTZ)`,
		`CREATE TABLE event_party_token (event_id UUID, event_day DATE, kind VARCHAR, role VARCHAR, kid VARCHAR, epoch INTEGER, token BLOB, expires DATE)`,
		`CREATE TABLE checkpoint (source_id VARCHAR, point VARCHAR, seq BIGINT, base_seq BIGINT, version INTEGER, data BLOB, run_id VARCHAR, unit_no INTEGER,
  n_read BIGINT, n_new BIGINT, n_updated BIGINT, n_unchanged BIGINT, n_stale BIGINT, n_rejected BIGINT, n_transitions BIGINT,
  landed_path VARCHAR, landed_sha256 VARCHAR, landed_rows BIGINT, landed_bytes BIGINT, mapping VARCHAR, read_at TIMESTAMPTZ, committed_at TIMESTAMPTZ,
  newest_reported TIMESTAMPTZ)`,
		`CREATE TABLE store_change (kind VARCHAR, no BIGINT, mark UBIGINT, "at" TIMESTAMPTZ)`,
		`CREATE TABLE event_gone (event_id UUID, event_day DATE, change_no BIGINT, reason VARCHAR)`,
		`CREATE TABLE run_step (run_id VARCHAR, source_id VARCHAR, run_trigger VARCHAR, run_window VARCHAR, step INTEGER, status VARCHAR, slot TIMESTAMPTZ, started_at TIMESTAMPTZ,
  step_at TIMESTAMPTZ, n_read BIGINT, n_new BIGINT, n_updated BIGINT, n_unchanged BIGINT, n_stale BIGINT, n_rejected BIGINT,
  error_class VARCHAR, error VARCHAR, hint VARCHAR, notes VARCHAR)`,
		`CREATE VIEW run AS SELECT run_id, any_value(source_id) AS source_id, any_value(run_trigger) AS run_trigger, any_value(run_window) AS run_window,
  max(slot) AS slot, min(started_at) AS started_at, max(step_at) AS ended_at, arg_max(status, step) AS status, coalesce(sum(n_read), 0)::BIGINT AS n_read, coalesce(sum(n_new), 0)::BIGINT AS n_new,
  coalesce(sum(n_updated), 0)::BIGINT AS n_updated, coalesce(sum(n_unchanged), 0)::BIGINT AS n_unchanged, coalesce(sum(n_stale), 0)::BIGINT AS n_stale,
  coalesce(sum(n_rejected), 0)::BIGINT AS n_rejected, arg_max(error_class, step) AS error_class, arg_max(error, step) AS error,
  arg_max(hint, step) AS hint, arg_max(notes, step) AS notes FROM run_step GROUP BY run_id`,
		`CREATE TABLE breaker (source_id VARCHAR, state VARCHAR, saved_at TIMESTAMPTZ)`,
		`CREATE TABLE reject (reject_id UUID, source_id VARCHAR, run_id VARCHAR, unit_seq BIGINT, stream VARCHAR, source_row INTEGER, position VARCHAR, stage VARCHAR,
  rule VARCHAR, column_name VARCHAR, message VARCHAR, message_zh VARCHAR, landed_path VARCHAR, landed_segment INTEGER, rejected_at TIMESTAMPTZ)`,
		`CREATE TABLE reject_action (reject_id UUID, action VARCHAR, actor VARCHAR, note VARCHAR, acted_at TIMESTAMPTZ)`,
		`CREATE VIEW reject_open AS SELECT r.* FROM reject r WHERE NOT EXISTS (SELECT 1 FROM reject_action a WHERE a.reject_id = r.reject_id)`,
		`CREATE VIEW freshness AS SELECT source_id, max(committed_at) AS last_commit, max(read_at) AS last_read, sum(n_read)::BIGINT AS n_read,
  sum(n_new)::BIGINT AS n_event, sum(n_rejected)::BIGINT AS n_rejected FROM checkpoint GROUP BY source_id`,
	}, linkDDL()...)
}

// quoteIdent quotes an identifier for SQL text.
func quoteIdent(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// quoteText quotes a text literal for SQL text; used only for values that the program itself makes.
func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
