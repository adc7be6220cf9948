package publish

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"onegrid/event"
)

// mask says how a column is shown in the masked tier.
type mask uint8

const (
	absent mask = iota // not in the masked tier
	plain              // as stored
	place              // as stored, but not for events with a sensitive cue
	point              // degrees rounded to 3 decimals (about 100 m), but not for events with a sensitive cue
	office             // as stored; for events with a sensitive cue only offices of a whole county or the city
	link               // as stored, but not for events with a sensitive cue: their other reports would tell the place
	cell               // computed by the small-cell rule (cells.go)
)

// published is one column of the table event in the snapshots. Every column of event.Columns is either here or in
// withheld; one that is in neither (a new one) is in no snapshot, and a test asks for a decision.
//
// An event of a small or sensitive cell shows cell columns only, whatever its other columns are.
type published struct {
	name   string
	masked mask
	why    string
}

// columns are the columns of table event in order. All are in the sensitive tier; the masked tier has those that are
// not absent.
func columns() []published {
	return []published{
		{"event_day", cell, "P0; the month of a small cell"},
		{"event_id", cell, "P1; names the row, a keyed pseudonym in a small cell"},
		{"source_id", plain, "P0"},
		{"source_kind", plain, "P0"},
		{"source_record_id", absent, "P1, quasi-identifying: the number that the reporter and the department hold"},
		{"record_purpose", cell, "P0; always actual in a small cell"},
		{"validity", plain, "P0"},
		{"event_kind", plain, "P0"},
		{"channel", plain, "P0"},
		{"category_src_code", absent, "P1; tells the leaf of a coarsened category"},
		{"category_src_name", absent, "P1; tells the leaf of a coarsened category"},
		{"category", cell, "P0; coarsened in a small cell"},
		{"urgency", plain, "P0"},
		{"severity_level", plain, "P0"},
		{"title", absent, "P2 free text: redaction finds what it knows, so text is for the sensitive tier"},
		{"description", absent, "P2 free text: as title"},
		{"address_masked", absent, "P2; finer than 100 m"},
		{"lon", point, "P2, coarsened"},
		{"lat", point, "P2, coarsened"},
		{"coord_quality", plain, "P0"},
		{"county_code", cell, "P0; dropped in a small cell of the city"},
		{"town_code", place, "P0"},
		{"community_code", place, "P0"},
		{"grid_id", place, "P0"},
		{"unit_grid_code", place, "P0"},
		{"accept_org_code", office, "P0; a station tells its town"},
		{"owner_org_code", office, "P0; a station tells its town"},
		{"owner_org_name", absent, "text as received; the masked tier has the names of table org"},
		{"occurred_at", absent, "P2: the time of the occurrence, not of the work"},
		{"reported_at", cell, "P1; the day or month of a small cell"},
		{"accepted_at", plain, "P1, measures the work"},
		{"filed_at", plain, "P1, measures the work"},
		{"dispatched_at", plain, "P1, measures the work"},
		{"signed_at", plain, "P1, measures the work"},
		{"arrived_at", plain, "P1, measures the work"},
		{"contacted_at", plain, "P1, measures the work"},
		{"resolved_at", plain, "P1, measures the work"},
		{"checked_at", plain, "P1, measures the work"},
		{"closed_at", plain, "P1, measures the work"},
		{"cancelled_at", plain, "P1, measures the work"},
		{"due_at", plain, "P1, measures the work"},
		{"due_bundle_at", plain, "P1, measures the work"},
		{"respond_due_at", plain, "P1, measures the work"},
		{"sla_clock", plain, "P0"},
		{"sla_limit_min", plain, "P0"},
		{"extension_count", plain, "P0"},
		{"suspended_min", plain, "P0"},
		{"overtime_src", plain, "P0"},
		{"status", plain, "P0"},
		{"status_stage", plain, "P0"},
		{"closure_type", plain, "P0"},
		{"result_code", plain, "P0"},
		{"dispatch_count", plain, "P0"},
		{"return_count", plain, "P0"},
		{"rework_count", plain, "P0"},
		{"urge_count", plain, "P0"},
		{"supervise_count", plain, "P0"},
		{"satisfaction_service", plain, "P1, measures the work"},
		{"satisfaction_result", plain, "P1, measures the work"},
		{"reporter_type", absent, "P1: with place and time it narrows down who called, and no figure of the masked tier needs it"},
		{"has_sensitive", absent, "P1: the cue itself; column masked says what it led to"},
		{"incident_id", link, "P1; names the incident"},
		{"incident_role", link, "P1"},
		{"is_countable", cell, "P0; always true in a small cell"},
		{"source_updated_at", plain, "P0"},
		{"first_seen_at", plain, "P0"},
		{"ingested_at", plain, "P0"},
		{"source_state", plain, "P0"},
		{"quality_flags", plain, "P0"},
	}
}

// withheld are the columns of no snapshot, with the reason.
func withheld() map[string]string {
	return map[string]string{
		"version":             "internal to the store; content is what counts",
		"source_record_alt":   "P1: a second number of the record; nobody asks by it",
		"parent_record_id":    "P1: a number of another record; incidents say what belongs together",
		"upstream_kind":       "P1: as upstream_record_id",
		"upstream_record_id":  "P1: a number of another record",
		"channel_src":         "text as received; channel is its code",
		"category_scheme":     "describes category_src_code; cat_source and category_map are the reference",
		"category_scheme_ver": "describes category_src_code",
		"category_end_code":   "P1, as received",
		"category_map_method": "about the mapping, for the operator",
		"category_conf":       "about the mapping, for the operator",
		"component_code":      "names one lamp post or cover: finer than 100 m",
		"redaction_ver":       "about the redaction, for the operator",
		"redaction_hits":      "tells that a text held personal data",
		"text_simhash":        "P1: links texts",
		"address_std":         "P2: as address_masked, which suffices",
		"coord_src_x":         "P2: the raw point",
		"coord_src_y":         "P2: the raw point",
		"coord_src_crs":       "describes the raw point",
		"coord_origin":        "about the raw point",
		"coord_accuracy_m":    "about the raw point",
		"area_method":         "about the mapping, for the operator",
		"geohash6":            "P1: lon and lat are coarsened otherwise, two grids together are finer than one",
		"org_code_scheme":     "table org has it",
		"co_org_codes":        "a list; no question of the duty room needs it",
		"extension_min":       "extension_count suffices",
		"status_src_code":     "text as received",
		"status_src_name":     "text as received",
		"survey_method":       "no question of the duty room needs it",
		"content_hash":        "P1: would confirm a guessed text",
		"schema_ver":          "internal to the store",
		"ext":                 "P1: source extras have no reviewed meaning here",
		"purge_after":         "for the operator",
	}
}

// maskedName is the column that says what was coarsened: none, place (sensitive cue) or cell (small-cell rule). It is
// none in the sensitive tier.
const maskedName = "masked"

// baseColumns are the names of the columns that the publisher reads, in order.
func baseColumns() []string {
	var out []string
	for _, c := range columns() {
		out = append(out, c.name)
	}
	return out
}

// sqlType is the DuckDB type of a published column.
func sqlType(name string) string {
	switch name {
	case "event_id", "incident_id":
		return "UUID"
	case "lon", "lat":
		return "DOUBLE"
	}
	c, _ := event.Lookup(name)
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
	case arrow.BOOL:
		return "BOOLEAN"
	case arrow.TIMESTAMP:
		return "TIMESTAMPTZ"
	default:
		return "VARCHAR"
	}
}

// eventDDL is the table event of a tier.
func eventDDL(table string, masked bool) string {
	var cols []string
	for _, c := range columns() {
		if !masked || c.masked != absent {
			cols = append(cols, c.name+" "+sqlType(c.name))
		}
	}
	return "CREATE TABLE " + table + " (" + strings.Join(append(cols, maskedName+" VARCHAR"), ", ") + ")"
}

// maskSelect is the select list that turns a row s of the base, with its level l.level of the small-cell rule (null
// outside of it), into a row of the masked tier. key is the key of the pseudonyms as a hex literal's digits.
func maskSelect(key string) string {
	open := func(expr string) string { return "CASE WHEN l.level IS NULL THEN " + expr + " END" }
	hide := func(expr string) string {
		return "CASE WHEN l.level IS NULL AND NOT s.has_sensitive THEN " + expr + " END"
	}
	var out []string
	for _, c := range columns() {
		e := "s." + c.name
		switch c.masked {
		case absent:
			continue
		case plain:
			e = open(e)
		case place, link:
			e = hide(e)
		case point:
			e = hide("round(" + e + ", 3)")
		case office:
			e = "CASE WHEN l.level IS NULL AND (NOT s.has_sensitive OR " + e + " IN (SELECT org_code FROM wide_org)) THEN " + e + " END"
		case cell:
			e = cellExpr(c.name, key)
		}
		out = append(out, e+" AS "+c.name)
	}
	return strings.Join(append(out, "CASE WHEN l.level IS NOT NULL THEN 'cell' WHEN s.has_sensitive THEN 'place' ELSE 'none' END AS "+maskedName), ",\n  ")
}

func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func textList(s []string) string {
	if len(s) == 0 {
		return "('')"
	}
	q := make([]string, len(s))
	for i, v := range s {
		q[i] = quoteText(v)
	}
	return "(" + strings.Join(q, ", ") + ")"
}
