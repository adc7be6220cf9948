package duckdb

import (
	"context"
	"fmt"

	"onegrid/warehouse"
)

// pairOf joins two tables of links by their pair, whichever way round.
func pairOf(a, b string) string {
	return fmt.Sprintf(`least(%[1]s.from_event, %[1]s.to_event) = least(%[2]s.from_event, %[2]s.to_event)
 AND greatest(%[1]s.from_event, %[1]s.to_event) = greatest(%[2]s.from_event, %[2]s.to_event)`, a, b)
}

// days gives a condition with literal bounds that holds for every day of a temporary table; the engine skips what lies
// outside. A rebuild looks at everything.
func (t *linkTx) days(ctx context.Context, column, source string) (string, error) {
	if t.u.Whole {
		return "true", nil
	}
	row, err := queryRow(ctx, t.s.writer, "SELECT coalesce(min(day - DATE '1970-01-01'), 0)::BIGINT, coalesce(max(day - DATE '1970-01-01'), -1)::BIGINT FROM ("+source+")")
	if err != nil {
		return "", err
	}
	return between(column, int32(row[0].(int64)), int32(row[1].(int64))), nil
}

// between bounds a column of days; an empty range holds for no day.
func between(column string, from, to int32) string {
	if from > to {
		return "false"
	}
	return fmt.Sprintf("%s BETWEEN DATE '1970-01-01' + %d AND DATE '1970-01-01' + %d", column, from, to)
}

// steps runs statements in order.
func (t *linkTx) steps(ctx context.Context, queries ...string) error {
	for _, q := range queries {
		if err := t.s.exec(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// ledger appends what is new about pairs. A row that says what the latest of its pair says already is not stored again.
//
// invariant 7: the ledger is only ever appended to.
func (t *linkTx) ledger(ctx context.Context) error {
	n, err := t.count(ctx, "SELECT count(*) FROM in_link")
	if err != nil || n == 0 && !t.u.Whole {
		return err
	}
	if err := t.none(ctx, "pairs that are in the unit twice", `SELECT count(*) FROM (SELECT least(from_event, to_event) AS a, greatest(from_event, to_event) AS b FROM in_link
 GROUP BY a, b HAVING count(*) > 1)`); err != nil {
		return err
	}
	ends := "SELECT from_event AS id, from_day AS day FROM in_link UNION SELECT to_event, to_day FROM in_link"
	days, err := t.days(ctx, "event_day", ends)
	if err != nil {
		return err
	}
	if err := t.none(ctx, "links to events that are not stored", `SELECT count(*) FROM (`+ends+`) e ANTI JOIN (SELECT event_id, event_day FROM event_version WHERE `+days+`) v
 ON v.event_id = e.id AND v.event_day = e.day`); err != nil {
		return err
	}
	if days, err = t.days(ctx, "l.from_day", ends); err != nil {
		return err
	}
	of := " SEMI JOIN in_link i ON " + pairOf("l", "i") + " WHERE " + days
	if t.u.Whole {
		of = ""
	}
	if err := t.steps(ctx,
		`CREATE OR REPLACE TEMP TABLE stored_link AS SELECT * FROM (SELECT l.* EXCLUDE (levels, gamma, level_bits, note) FROM event_link l`+of+`)
 QUALIFY row_number() OVER (PARTITION BY least(from_event, to_event), greatest(from_event, to_event) ORDER BY link_seq DESC) = 1`,
		`CREATE OR REPLACE TEMP TABLE new_link AS SELECT i.* FROM in_link i LEFT JOIN stored_link s ON `+pairOf("i", "s")+`
 WHERE CASE WHEN i.action = 'revoke' THEN coalesce(s.action = 'assert', false)
  ELSE s.action IS DISTINCT FROM 'assert' OR (i.from_event, i.type, i.method, i.rule, i.band, i.weight, i.probability, i.decided_by)
   IS DISTINCT FROM (s.from_event, s.type, s.method, s.rule, s.band, s.weight, s.probability, s.decided_by) END`); err != nil {
		return err
	}
	if t.rec.Revoked, err = t.count(ctx, "SELECT count(*) FROM new_link WHERE action = 'revoke'"); err != nil {
		return err
	}
	if n, err = t.s.execN(ctx, `INSERT INTO event_link (link_seq, run_id, "at", from_event, from_day, to_event, to_day, type, method, rule, band, weight, probability, levels, gamma, level_bits, model, decided_by, action, note)
 SELECT ?, ?, ?, from_event, from_day, to_event, to_day, type, method, rule, band, weight, probability, levels, gamma, level_bits, model, decided_by, action, note FROM new_link`,
		t.seq, t.u.RunID, t.now); err != nil {
		return err
	}
	t.rec.Asserted = n - t.rec.Revoked
	if !t.u.Whole {
		return nil
	}
	// What a rebuild did not find again no longer holds; a link that a person made is left to decisions.
	n, err = t.s.execN(ctx, `INSERT INTO event_link (link_seq, run_id, "at", from_event, from_day, to_event, to_day, type, method, rule, band, weight, probability, model, decided_by, action, note)
 SELECT ?, ?, ?, from_event, from_day, to_event, to_day, type, method, rule, band, weight, probability, ?, 'engine', 'revoke', 'not found again'
 FROM stored_link s ANTI JOIN in_link i ON `+pairOf("s", "i")+` WHERE s.action = 'assert' AND s.method <> 'manual'`, t.seq, t.u.RunID, t.now, t.u.Model)
	t.rec.Revoked += n
	return err
}

// membership ends and begins rows of event_incident by difference, and repeats them beside the current states.
func (t *linkTx) membership(ctx context.Context) error {
	n, err := t.count(ctx, "SELECT count(*) FROM in_member")
	if err != nil || n == 0 && !t.u.Whole {
		return err
	}
	if err := t.none(ctx, "events that are in the unit twice", "SELECT count(*) FROM (SELECT event_id FROM in_member GROUP BY 1 HAVING count(*) > 1)"); err != nil {
		return err
	}
	days, err := t.days(ctx, "e.event_day", "SELECT event_day AS day FROM in_member")
	if err != nil {
		return err
	}
	touched := " SEMI JOIN in_member i ON i.event_id = e.event_id"
	if t.u.Whole {
		touched = ""
	}
	same := `(e.incident_id, e.incident_role, e.is_countable, e.alarm) IS NOT DISTINCT FROM (i.incident_id, i.incident_role, i.is_countable, i.alarm)`
	if err := t.steps(ctx,
		"CREATE OR REPLACE TEMP TABLE member_now AS SELECT e.rowid AS rid, e.event_id, e.event_day, e.incident_id, e.incident_role, e.is_countable, e.alarm FROM event_incident e"+
			touched+" WHERE e.until_seq IS NULL AND "+days,
		"CREATE OR REPLACE TEMP TABLE ended AS SELECT e.* FROM member_now e ANTI JOIN in_member i ON i.event_id = e.event_id AND "+same,
		"CREATE OR REPLACE TEMP TABLE begun AS SELECT i.* FROM in_member i ANTI JOIN member_now e ON i.event_id = e.event_id AND "+same+" WHERE i.incident_id IS NOT NULL"); err != nil {
		return err
	}
	if t.rec.Left, err = t.s.execN(ctx, fmt.Sprintf("UPDATE event_incident SET until_seq = %d WHERE rowid IN (SELECT rid FROM ended)", t.seq)); err != nil {
		return err
	}
	if t.rec.Joined, err = t.s.execN(ctx, `INSERT INTO event_incident (event_id, event_day, incident_id, incident_role, is_countable, alarm, link_seq)
 SELECT event_id, event_day, incident_id, incident_role, is_countable, alarm, ? FROM begun`, t.seq); err != nil {
		return err
	}
	if t.rec.Left+t.rec.Joined == 0 {
		return nil
	}
	if err := t.beside(ctx); err != nil {
		return err
	}
	return t.verify(ctx)
}

// beside sets the columns of incidents beside the current states: narrow columns, by row id. What a source said is not
// touched (invariant 7).
func (t *linkTx) beside(ctx context.Context) error {
	if err := t.steps(ctx, `CREATE OR REPLACE TEMP TABLE moved AS SELECT event_id, event_day, incident_id, incident_role, is_countable FROM begun
 UNION ALL SELECT event_id, event_day, NULL, NULL, NULL FROM ended e ANTI JOIN begun b ON b.event_id = e.event_id`); err != nil {
		return err
	}
	days, err := t.days(ctx, "v.event_day", "SELECT event_day AS day FROM moved")
	if err != nil {
		return err
	}
	if err := t.steps(ctx, `CREATE OR REPLACE TEMP TABLE beside AS SELECT v.rowid AS rid, m.incident_id, m.incident_role, m.is_countable
 FROM (SELECT rowid, event_id, event_day FROM event_version v WHERE v.known_to IS NULL AND `+days+`) v JOIN moved m ON m.event_id = v.event_id AND m.event_day = v.event_day`); err != nil {
		return err
	}
	n, err := t.s.execN(ctx, fmt.Sprintf(`UPDATE event_version SET incident_id = u.incident_id, incident_role = u.incident_role, is_countable = u.is_countable, link_no = %d
 FROM beside u WHERE event_version.rowid = u.rid`, t.seq))
	if err != nil {
		return err
	}
	want, err := t.count(ctx, "SELECT count(*) FROM moved")
	if err == nil && n != want {
		err = fmt.Errorf("%w: %d members are events, of %d", warehouse.ErrLinks, n, want)
	}
	return err
}

// verify checks the incidents that this unit touched, as stored.
func (t *linkTx) verify(ctx context.Context) error {
	if err := t.steps(ctx, "CREATE OR REPLACE TEMP TABLE touched AS SELECT incident_id FROM begun UNION SELECT incident_id FROM ended",
		`CREATE OR REPLACE TEMP TABLE incident_now AS SELECT e.incident_id, e.event_id, e.is_countable FROM event_incident e SEMI JOIN touched USING (incident_id) WHERE e.until_seq IS NULL`); err != nil {
		return err
	}
	for _, c := range []struct{ what, query string }{
		{"incidents without exactly one countable member", "SELECT count(*) FROM (SELECT incident_id FROM incident_now GROUP BY 1 HAVING count(*) FILTER (is_countable) <> 1)"},
		{"events in two incidents", "SELECT count(*) FROM (SELECT e.event_id FROM event_incident e SEMI JOIN begun b ON b.event_id = e.event_id WHERE e.until_seq IS NULL GROUP BY 1 HAVING count(*) > 1)"},
		// An event that is its own again answers with its own id, which must then be nobody else's.
		{"incidents with the id of an event that left them", `SELECT count(*) FROM event_incident m SEMI JOIN (SELECT event_id FROM ended ANTI JOIN begun USING (event_id)) s
 ON s.event_id = m.incident_id WHERE m.until_seq IS NULL`},
	} {
		if err := t.none(ctx, c.what, c.query); err != nil {
			return err
		}
	}
	return nil
}

// aliases appends what ids became. Ids are never used again: an old id has no members, then or later.
func (t *linkTx) aliases(ctx context.Context) error {
	if _, err := t.s.execN(ctx, `INSERT INTO incident_alias SELECT i.old_id, i.new_id, i.reason, ?, ?, ? FROM in_alias i ANTI JOIN incident_alias a ON a.old_id = i.old_id AND a.new_id = i.new_id`,
		t.seq, t.u.RunID, t.now); err != nil {
		return err
	}
	n, err := t.count(ctx, "SELECT count(*) FROM in_alias")
	if err != nil || n+t.rec.Joined == 0 {
		return err
	}
	for _, c := range []struct{ what, query string }{
		{"incident ids with two successors", "SELECT count(*) FROM (SELECT old_id FROM incident_alias GROUP BY 1 HAVING count(DISTINCT new_id) > 1)"},
		{"incident ids that succeed themselves", `WITH RECURSIVE chain(old_id, id, depth) AS (SELECT old_id, new_id, 1 FROM incident_alias SEMI JOIN in_alias i USING (old_id)
 UNION ALL SELECT c.old_id, a.new_id, c.depth + 1 FROM chain c JOIN incident_alias a ON a.old_id = c.id WHERE c.depth < 1000 AND c.id <> c.old_id) SELECT count(*) FROM chain WHERE id = old_id`},
		{"incident ids used again after they were given up", "SELECT count(DISTINCT e.incident_id) FROM event_incident e SEMI JOIN incident_alias a ON a.old_id = e.incident_id WHERE e.until_seq IS NULL"},
	} {
		if err := t.none(ctx, c.what, c.query); err != nil {
			return err
		}
	}
	return nil
}

// features stores what the engine keeps of events, and their keys, replacing what is there.
func (t *linkTx) features(ctx context.Context, from int32) error {
	n, err := t.count(ctx, "SELECT count(*) FROM in_feature")
	if err != nil {
		return err
	}
	if t.u.Whole {
		if err := t.steps(ctx, "DELETE FROM link_feature", "DELETE FROM link_key", "DELETE FROM link_ref"); err != nil {
			return err
		}
	} else if n > 0 {
		if err := t.replaceFeatures(ctx); err != nil {
			return err
		}
	}
	if n > 0 {
		if err := t.none(ctx, "events with two features", "SELECT count(*) FROM (SELECT event_id FROM in_feature GROUP BY 1 HAVING count(*) > 1)"); err != nil {
			return err
		}
		last, err := t.count(ctx, "SELECT coalesce(max(feature_no), 0) FROM link_feature")
		if err != nil {
			return err
		}
		if err := t.steps(ctx, fmt.Sprintf("CREATE OR REPLACE TEMP TABLE new_feature AS SELECT %d + row_number() OVER () AS feature_no, i.* FROM in_feature i", last)); err != nil {
			return err
		}
		if t.rec.Features, err = t.s.execN(ctx, "INSERT INTO link_feature SELECT feature_no, event_id, event_day, reported_at, digest, data FROM new_feature"); err != nil {
			return err
		}
		if err := t.steps(ctx, "INSERT INTO link_key SELECT unnest(keys), event_day, feature_no FROM new_feature",
			"INSERT INTO link_ref SELECT unnest(refs), event_day, feature_no FROM new_feature"); err != nil {
			return err
		}
	}
	if from <= 0 {
		return nil
	}
	old := fmt.Sprintf(" WHERE event_day < DATE '1970-01-01' + %d", from)
	return t.steps(ctx, "DELETE FROM link_feature"+old, "DELETE FROM link_key"+old, "DELETE FROM link_ref"+old)
}

// replaceFeatures drops from the unit what is stored as it is, and from the store what the unit has anew.
func (t *linkTx) replaceFeatures(ctx context.Context) error {
	days, err := t.days(ctx, "event_day", "SELECT event_day AS day FROM in_feature")
	if err != nil {
		return err
	}
	if err := t.steps(ctx,
		"CREATE OR REPLACE TEMP TABLE old_feature AS SELECT f.rowid AS rid, f.feature_no, f.event_id, f.digest FROM (SELECT rowid, feature_no, event_id, digest FROM link_feature WHERE "+days+") f SEMI JOIN in_feature i ON i.event_id = f.event_id",
		"DELETE FROM in_feature WHERE (event_id, digest) IN (SELECT event_id, digest FROM old_feature)",
		"DELETE FROM old_feature WHERE event_id NOT IN (SELECT event_id FROM in_feature)"); err != nil {
		return err
	}
	n, err := t.count(ctx, "SELECT count(*) FROM old_feature")
	if err != nil || n == 0 {
		return err
	}
	return t.steps(ctx, "DELETE FROM link_feature WHERE rowid IN (SELECT rid FROM old_feature)",
		"DELETE FROM link_key WHERE "+days+" AND feature_no IN (SELECT feature_no FROM old_feature)",
		"DELETE FROM link_ref WHERE "+days+" AND feature_no IN (SELECT feature_no FROM old_feature)")
}
