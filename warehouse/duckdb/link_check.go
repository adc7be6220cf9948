package duckdb

// check is an invariant: the query counts what breaks it.
type check struct{ what, query string }

// linkChecks are the invariants of linkage and of numbered changes that a consistent store keeps.
func linkChecks() []check {
	return []check{
		{"gaps in numbered changes", "SELECT count(*) FROM (SELECT kind FROM store_change GROUP BY 1 HAVING count(*) <> max(no) OR min(no) <> 1)"},
		{"states with a number that no transaction has", "SELECT count(*) FROM (SELECT max(change_no) AS m FROM event_version) WHERE m > (SELECT coalesce(max(no), 0) FROM store_change WHERE kind = 'state')"},
		{"incidents without exactly one countable member", "SELECT count(*) FROM (SELECT incident_id FROM event_incident WHERE until_seq IS NULL GROUP BY 1 HAVING count(*) FILTER (is_countable) <> 1)"},
		{"events in two incidents", "SELECT count(*) FROM (SELECT event_id FROM event_incident WHERE until_seq IS NULL GROUP BY 1 HAVING count(*) > 1)"},
		{"members that are no events", "SELECT count(*) FROM (SELECT DISTINCT event_id, event_day FROM event_incident) m ANTI JOIN event_version v ON v.event_id = m.event_id AND v.event_day = m.event_day"},
		{"events that do not show the incident they are in", `SELECT count(*) FROM (SELECT event_id, incident_id, incident_role, is_countable FROM event_version WHERE known_to IS NULL AND (incident_id IS NOT NULL OR is_countable IS NOT NULL)) v
 FULL JOIN (SELECT event_id, incident_id, incident_role, is_countable FROM event_incident WHERE until_seq IS NULL) m ON m.event_id = v.event_id
 WHERE (v.event_id, v.incident_id, v.incident_role, v.is_countable) IS DISTINCT FROM (m.event_id, m.incident_id, m.incident_role, m.is_countable)`},
		{"incident ids used again after they were given up", "SELECT count(DISTINCT e.incident_id) FROM event_incident e SEMI JOIN incident_alias a ON a.old_id = e.incident_id WHERE e.until_seq IS NULL"},
		{"incident ids with two successors", "SELECT count(*) FROM (SELECT old_id FROM incident_alias GROUP BY 1 HAVING count(DISTINCT new_id) > 1)"},
		{"links to events that are not stored", `SELECT count(*) FROM (SELECT from_event AS id, from_day AS day FROM event_link UNION SELECT to_event, to_day FROM event_link) l
 ANTI JOIN event_version v ON v.event_id = l.id AND v.event_day = l.day`},
		{"pairs with two rows of one run", "SELECT count(*) FROM (SELECT link_seq FROM event_link GROUP BY link_seq, least(from_event, to_event), greatest(from_event, to_event) HAVING count(*) > 1)"},
		{"gaps in linkage runs", "SELECT count(*) FROM (SELECT count(*) AS n, max(link_seq) AS top FROM link_run) WHERE n <> coalesce(top, 0)"},
		{"linkage runs whose rows do not add up", `SELECT count(*) FROM link_run r
 FULL JOIN (SELECT link_seq, count(*) FILTER (action = 'assert') AS a, count(*) FILTER (action = 'revoke') AS b FROM event_link GROUP BY 1) l ON l.link_seq = r.link_seq
 FULL JOIN (SELECT link_seq, count(*) AS c FROM event_incident GROUP BY 1) m ON m.link_seq = coalesce(r.link_seq, l.link_seq)
 FULL JOIN (SELECT until_seq, count(*) AS d FROM event_incident WHERE until_seq IS NOT NULL GROUP BY 1) e ON e.until_seq = coalesce(r.link_seq, l.link_seq, m.link_seq)
 WHERE (r.n_asserted, r.n_revoked, r.n_joined, r.n_left) IS DISTINCT FROM (coalesce(a, 0), coalesce(b, 0), coalesce(c, 0), coalesce(d, 0))`},
		{"gaps in decisions", "SELECT count(*) FROM (SELECT count(*) AS n, max(decision_no) AS top FROM link_decision) WHERE n <> coalesce(top, 0)"},
		{"events with two features", "SELECT count(*) FROM (SELECT event_id FROM link_feature GROUP BY 1 HAVING count(*) > 1)"},
		{"keys of no feature", "SELECT count(*) FROM (SELECT feature_no, event_day FROM link_key UNION SELECT feature_no, event_day FROM link_ref) k ANTI JOIN link_feature f ON f.feature_no = k.feature_no AND f.event_day = k.event_day"},
	}
}
