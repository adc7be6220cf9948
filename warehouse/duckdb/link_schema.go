package duckdb

// linkDDL makes the tables of incident linkage.
//
// event_link is the ledger: rows are appended and never touched; the latest row of a pair holds. event_incident is
// membership over time: until_seq is null for what holds now and is the one column that is set later. Only events that
// are or were in an incident with another have rows. link_feature, link_key and link_ref are derived and may be dropped and
// made again by a rebuild; keys stand in tables of their own, narrow and in the order of days, so that a window of days is
// read without anything else.
func linkDDL() []string {
	return []string{
		`CREATE TABLE event_link (link_seq BIGINT, run_id VARCHAR, "at" TIMESTAMPTZ, from_event UUID, from_day DATE, to_event UUID, to_day DATE,
  type VARCHAR, method VARCHAR, rule VARCHAR, band VARCHAR, weight DOUBLE, probability DOUBLE, levels VARCHAR[], gamma TINYINT[], level_bits FLOAT[],
  model VARCHAR, decided_by VARCHAR, action VARCHAR, note VARCHAR)`,
		`CREATE TABLE event_incident (event_id UUID, event_day DATE, incident_id UUID, incident_role VARCHAR, is_countable BOOLEAN, alarm VARCHAR,
  link_seq BIGINT, until_seq BIGINT)`,
		`CREATE TABLE incident_alias (old_id UUID, new_id UUID, reason VARCHAR, link_seq BIGINT, run_id VARCHAR, "at" TIMESTAMPTZ)`,
		`CREATE TABLE link_decision (decision_no BIGINT, from_event UUID, from_day DATE, to_event UUID, to_day DATE, says VARCHAR, actor VARCHAR,
  reason VARCHAR, "at" TIMESTAMPTZ)`,
		`CREATE TABLE link_run (link_seq BIGINT, run_id VARCHAR, run_trigger VARCHAR, position_before VARCHAR, position_after VARCHAR, decision_no BIGINT,
  started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ, model VARCHAR, spec VARCHAR, counts VARCHAR, n_asserted BIGINT, n_revoked BIGINT, n_joined BIGINT,
  n_left BIGINT, n_feature BIGINT, status VARCHAR)`,
		`CREATE TABLE link_feature (feature_no BIGINT, event_id UUID, event_day DATE, reported_at TIMESTAMPTZ, digest UBIGINT, data BLOB)`,
		`CREATE TABLE link_key (key UBIGINT, event_day DATE, feature_no BIGINT)`,
		`CREATE TABLE link_ref (key UBIGINT, event_day DATE, feature_no BIGINT)`,
		// What people decided and what holds: the latest about the pair, whichever way round.
		`CREATE VIEW link_decision_held AS SELECT * FROM (SELECT * FROM link_decision
  QUALIFY row_number() OVER (PARTITION BY least(from_event, to_event), greatest(from_event, to_event) ORDER BY decision_no DESC) = 1) WHERE says <> 'withdrawn'`,
		`CREATE VIEW event_link_held AS SELECT * FROM (SELECT * FROM event_link
  QUALIFY row_number() OVER (PARTITION BY least(from_event, to_event), greatest(from_event, to_event) ORDER BY link_seq DESC) = 1) WHERE action = 'assert'`,
		// The review queue: proposed, not superseded, not decided.
		`CREATE VIEW link_review AS SELECT l.* FROM event_link l
  ANTI JOIN event_link n ON least(n.from_event, n.to_event) = least(l.from_event, l.to_event)
    AND greatest(n.from_event, n.to_event) = greatest(l.from_event, l.to_event) AND n.link_seq > l.link_seq
  ANTI JOIN link_decision_held d ON least(d.from_event, d.to_event) = least(l.from_event, l.to_event)
    AND greatest(d.from_event, d.to_event) = greatest(l.from_event, l.to_event)
  WHERE l.band = 'review' AND l.action = 'assert'`,
		// Old ids lead to the id that holds now, over any number of merges. UNION stops at a circle, which no commit makes.
		`CREATE VIEW incident_resolved AS SELECT * FROM (WITH RECURSIVE chain(old_id, incident_id) AS (
  SELECT old_id, new_id FROM incident_alias
  UNION SELECT c.old_id, a.new_id FROM chain c JOIN incident_alias a ON a.old_id = c.incident_id)
SELECT old_id, incident_id FROM chain ANTI JOIN incident_alias a ON a.old_id = chain.incident_id)`,
		`CREATE VIEW incident AS SELECT e.incident_id, arg_max(e.category, e.is_countable) AS category, min(e.reported_at) AS first_reported_at,
  max(e.reported_at) AS last_reported_at, count(*) AS n_reports, count(DISTINCT e.source_id) AS n_sources, arg_max(e.county_code, e.is_countable) AS county_code,
  arg_max(e.status, e.is_countable) AS status, any_value(a.alarm) AS alarm
FROM event e LEFT JOIN (SELECT incident_id, max(alarm) AS alarm FROM event_incident WHERE until_seq IS NULL AND alarm IS NOT NULL GROUP BY incident_id) a
  ON a.incident_id = e.incident_id GROUP BY e.incident_id`,
	}
}
