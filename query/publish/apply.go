package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"onegrid/event"
	"onegrid/query/pgcatalog"
)

// stageMasked computes once, for all masked scopes, which rows change: memory.dead are the ids that leave, memory.rows
// are the rows that come. Changed rows are those of the delta and those of the base whose cell has another level now.
func (r *round) stageMasked(ctx context.Context) error {
	key, sensitive := r.p.key, r.p.opts.Sensitive
	for _, q := range []string{
		`CREATE TABLE memory.src AS SELECT * FROM memory.delta UNION ALL
SELECT e.* FROM b.event e WHERE ` + inCells("e", sensitive) + ` AND e.event_day IN (SELECT day FROM memory.moved)
AND EXISTS (FROM memory.moved m WHERE m.category = e.category AND m.county = coalesce(e.county_code, '') AND m.day = e.event_day)
AND e.event_id NOT IN (SELECT event_id FROM memory.delta)`,
		`CREATE TABLE memory.dead AS SELECT event_id, event_id AS real_id, event_day FROM memory.touched UNION ALL SELECT ` + pseudonym("event_id", key) + `, event_id, event_day FROM
(SELECT event_id, event_day FROM memory.touched UNION SELECT event_id, event_day FROM memory.src)`,
		"CREATE TABLE memory.rows AS " + r.maskedRows("memory.src", ""),
	} {
		if err := r.eng.exec(ctx, q); err != nil {
			return fmt.Errorf("masking the changes: %w", err)
		}
	}
	return nil
}

// maskedRows selects the masked rows of a table of base rows. This is where a row loses what its tier must not show.
func (r *round) maskedRows(from, where string) string {
	// invariant 4: nothing but the listed columns passes, and rows of sensitive categories only with a level.
	return "SELECT " + maskSelect(r.p.key) + " FROM " + from + " s LEFT JOIN memory.lvl l ON " + counted("s", r.p.opts.Sensitive) +
		" AND l.category = s.category AND l.county = coalesce(s.county_code, '') AND l.day = s.event_day WHERE (l.level IS NOT NULL OR NOT (" +
		inCells("s", r.p.opts.Sensitive) + "))" + where
}

// updateMasked brings a masked file up to date. It returns true when a withdrawn row may have left bytes in the file: one
// that is gone, left the scope, or is shown coarser now.
func (r *round) updateMasked(ctx context.Context, s *shelf) (residue bool, err error) {
	days := r.days
	if n, err := r.eng.int(ctx, "SELECT count(*) FROM memory.moved"); err != nil {
		return false, err
	} else if n > 0 {
		days = "true"
	}
	scope := ""
	if c := s.county(); c != "" {
		scope = " WHERE county_code = " + quoteText(c)
	}
	incident := "NULL::UUID AS incident_id, NULL AS incident_role"
	if some, err := r.hasIncidents(ctx, "w"); err != nil {
		return false, err
	} else if some {
		incident = "e.incident_id, e.incident_role"
	}
	if err := r.eng.exec(ctx, `CREATE OR REPLACE TABLE memory.old AS SELECT e.rowid AS r, e.event_id, e.event_day, e.category, e.county_code, e.masked, `+incident+`
FROM w.event e SEMI JOIN memory.dead t ON e.event_id = t.event_id WHERE `+days); err != nil {
		return false, fmt.Errorf("finding the rows that change: %w", err)
	}
	n, err := r.eng.int(ctx, `SELECT count(*) FROM memory.old o LEFT JOIN (SELECT * FROM memory.rows`+scope+`) n ON n.event_id = o.event_id
WHERE n.event_id IS NULL OR (o.masked = 'none' AND n.masked <> 'none') OR (o.masked = 'cell' AND (o.category, o.event_day, o.county_code) IS DISTINCT FROM (n.category, n.event_day, n.county_code))`)
	if err != nil {
		return false, fmt.Errorf("comparing the rows that change: %w", err)
	}
	for _, q := range []string{
		"DELETE FROM w.event WHERE rowid IN (SELECT r FROM memory.old)",
		"INSERT INTO w.event SELECT * FROM memory.rows" + scope + " ORDER BY event_day, reported_at, event_id",
	} {
		if err := r.eng.exec(ctx, q); err != nil {
			return false, fmt.Errorf("bringing a snapshot up to date: %w", err)
		}
	}
	return n > 0, nil
}

// rebuild fills a new file of a scope from the attached base, month by month, so that rows lie in the order of time and
// memory stays small.
func (r *round) rebuild(ctx context.Context, s *shelf, base string) error {
	if err := r.eng.exec(ctx, eventDDL("w.event", s.masked())); err != nil {
		return err
	}
	var low, high *time.Time
	if err := r.eng.conn.QueryRowContext(ctx, "SELECT min(event_day), max(event_day) FROM "+base+".event").Scan(&low, &high); err != nil {
		return fmt.Errorf("reading the days of the base: %w", err)
	}
	if low == nil {
		return nil
	}
	started := time.Now()
	if err := r.eng.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	pending := int64(0)
	for m := monthOf(int32(low.Unix() / 86400)); m <= int32(high.Unix()/86400); {
		next := monthOf(m + 31)
		where := fmt.Sprintf(" AND s.event_day >= %s AND s.event_day < %s", dateLiteral(m), dateLiteral(next))
		q := "SELECT * FROM " + base + ".event s WHERE true" + where
		if s.masked() {
			if c := s.county(); c != "" {
				where += " AND s.county_code = " + quoteText(c)
			}
			q = r.maskedRows(base+".event", where)
			if s.county() != "" {
				q = "SELECT * FROM (" + q + ") WHERE county_code IS NOT NULL"
			}
		}
		n, err := r.eng.affected(ctx, "INSERT INTO w.event SELECT * FROM ("+q+") ORDER BY event_day, reported_at, event_id")
		if err != nil {
			return fmt.Errorf("building a snapshot: %w", err)
		}
		// Row groups of a large transaction go to the file as they fill.
		if pending += n; pending >= 1_000_000 {
			pending = 0
			if err := r.eng.exec(ctx, "COMMIT; BEGIN"); err != nil {
				return err
			}
		}
		m = next
	}
	if err := r.eng.exec(ctx, "COMMIT"); err != nil {
		return err
	}
	if n := time.Since(started); n > 10*time.Second {
		r.p.log.Info("snapshot built anew", "scope", s.scope.String(), "seconds", int(n.Seconds()))
	}
	return nil
}

// incidents keeps the table of incidents with several reports. With touched rows known, only their incidents are made anew.
func (r *round) incidents(ctx context.Context, db, before, after string) error {
	const columns = `SELECT incident_id, min(event_day) AS event_day, min(reported_at) AS first_reported_at, max(reported_at) AS last_reported_at, count(*) AS reports,
 count(DISTINCT source_id) AS sources, count(*) FILTER (closed_at IS NULL AND cancelled_at IS NULL) AS open_reports,
 arg_min(category, (reported_at, event_id)) AS category, arg_min(county_code, (reported_at, event_id)) AS county_code, arg_min(town_code, (reported_at, event_id)) AS town_code`
	where := " WHERE incident_role <> 'single' AND incident_id IS NOT NULL"
	if before == "" {
		return r.eng.exec(ctx, "CREATE OR REPLACE TABLE "+db+".incident AS "+columns+" FROM "+db+".event"+where+" GROUP BY incident_id HAVING count(*) > 1 ORDER BY event_day, incident_id")
	}
	if err := r.eng.exec(ctx, "CREATE OR REPLACE TABLE memory.again AS SELECT incident_id FROM "+before+where+" UNION SELECT incident_id FROM "+after+where); err != nil {
		return err
	}
	n, err := r.eng.int(ctx, "SELECT count(*) FROM memory.again")
	if err != nil || n == 0 {
		return err
	}
	if err := r.eng.exec(ctx, "DELETE FROM "+db+".incident WHERE incident_id IN (SELECT incident_id FROM memory.again)"); err != nil {
		return err
	}
	return r.eng.exec(ctx, "INSERT INTO "+db+".incident "+columns+" FROM "+db+".event"+where+" AND incident_id IN (SELECT incident_id FROM memory.again) GROUP BY incident_id HAVING count(*) > 1 ORDER BY event_day, incident_id")
}

// sourcesDDL is the table freshness: what was read, and what of it the file shows.
const sourcesDDL = "(source_id VARCHAR, last_read TIMESTAMPTZ, newest TIMESTAMPTZ, events BIGINT)"

// sources writes the tables freshness and generation (invariant 9).
func (r *round) sources(ctx context.Context, b *built, db string) error {
	if err := r.eng.exec(ctx, "CREATE OR REPLACE TABLE "+db+".freshness "+sourcesDDL); err != nil {
		return err
	}
	if err := r.eng.exec(ctx, "CREATE OR REPLACE TABLE memory.seen AS SELECT source_id, max(reported_at) AS newest, count(*) AS events FROM "+db+".event WHERE source_id IS NOT NULL GROUP BY source_id"); err != nil {
		return err
	}
	for _, w := range r.set.Watermarks {
		if err := r.eng.exec(ctx, "INSERT INTO "+db+".freshness SELECT ?::VARCHAR, ?::TIMESTAMPTZ, (SELECT newest FROM memory.seen WHERE source_id = ?), coalesce((SELECT events FROM memory.seen WHERE source_id = ?), 0)",
			w.Source, w.LastRead.UTC(), w.Source, w.Source); err != nil {
			return fmt.Errorf("writing the freshness: %w", err)
		}
	}
	m := b.m
	if err := r.eng.exec(ctx, "CREATE OR REPLACE TABLE "+db+".generation (generation BIGINT, tier VARCHAR, area VARCHAR, published TIMESTAMPTZ, small_cell_limit INTEGER)"); err != nil {
		return err
	}
	return r.eng.exec(ctx, "INSERT INTO "+db+".generation VALUES (?, ?, ?, ?::TIMESTAMPTZ, ?)", m.Generation, string(m.Scope.Tier), m.Scope.Area, m.Published.In(event.Shanghai), int64(r.p.opts.K))
}

// count reads what the manifest says of the finished tables.
func (r *round) describe(ctx context.Context, b *built, db string) error {
	var err error
	if b.m.Rows, err = r.eng.int(ctx, "SELECT count(*) FROM "+db+".event"); err != nil {
		return err
	}
	rows, err := r.eng.conn.QueryContext(ctx, "SELECT source_id, last_read, newest, events FROM "+db+".freshness ORDER BY source_id")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var f sourceRow
		if err := rows.Scan(&f.source, &f.read, &f.newest, &f.events); err != nil {
			return err
		}
		b.m.Sources = append(b.m.Sources, f.freshness())
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var names string
	if err := r.eng.conn.QueryRowContext(ctx, `SELECT coalesce(string_agg(n, ',' ORDER BY n), '') FROM (SELECT table_name AS n FROM duckdb_tables() WHERE database_name = ?
UNION ALL SELECT view_name FROM duckdb_views() WHERE database_name = ? AND NOT internal)`, db, db).Scan(&names); err != nil {
		return err
	}
	b.m.System, b.m.Macros = pgcatalog.Names(), pgcatalog.Functions()
	for n := range strings.SplitSeq(names, ",") {
		if !slices.Contains(b.m.System, n) {
			b.m.Tables = append(b.m.Tables, n)
		}
	}
	return nil
}
