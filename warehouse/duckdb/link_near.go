package duckdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/uuid"

	"onegrid/event"
	"onegrid/warehouse"
)

var (
	_ warehouse.LinkDecider    = (*Store)(nil)
	_ warehouse.LinkReviewer   = (*Store)(nil)
	_ warehouse.IncidentReader = (*Store)(nil)
)

// Neighbourhood implements warehouse.LinkFinder.
func (s *Store) Neighbourhood(ctx context.Context, events []warehouse.EventRef) (*warehouse.Neighbourhood, error) {
	n := &warehouse.Neighbourhood{}
	if len(events) == 0 {
		return n, nil
	}
	err := s.read(ctx, func(r *reader) error {
		if err := r.ask(ctx, events); err != nil {
			return err
		}
		if err := r.exec(ctx, `CREATE OR REPLACE TEMP TABLE near AS SELECT DISTINCT m.incident_id FROM event_incident m SEMI JOIN asked a ON a.id = m.event_id WHERE m.until_seq IS NULL AND `+spanOf("m.event_day", events)); err != nil {
			return err
		}
		var err error
		if n.Members, err = r.membersOf(ctx, "m SEMI JOIN near i ON i.incident_id = m.incident_id"); err != nil {
			return err
		}
		nodes := events[:len(events):len(events)]
		for _, m := range n.Members {
			nodes = append(nodes, m.Event)
		}
		if err := r.ask(ctx, nodes); err != nil {
			return err
		}
		if err := r.exec(ctx, "CREATE OR REPLACE TEMP TABLE changed AS SELECT l.rowid AS rid FROM event_link l SEMI JOIN asked a ON a.id = l.from_event WHERE "+spanOf("l.from_day", nodes)+
			" UNION SELECT l.rowid FROM event_link l SEMI JOIN asked a ON a.id = l.to_event WHERE "+spanOf("l.to_day", nodes)); err != nil {
			return err
		}
		if n.Links, err = r.ledger(ctx, `(SELECT * FROM event_link WHERE rowid IN (SELECT rid FROM changed)
 QUALIFY row_number() OVER (PARTITION BY least(from_event, to_event), greatest(from_event, to_event) ORDER BY link_seq DESC) = 1) l WHERE action = 'assert' ORDER BY weight DESC, from_event, to_event`); err != nil {
			return err
		}
		n.Decisions, err = r.decisions(ctx, "link_decision_held d WHERE d.from_event IN (SELECT id FROM asked) OR d.to_event IN (SELECT id FROM asked)")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the neighbourhood: %w", err)
	}
	return n, nil
}

// membersOf reads current members; from continues "event_incident ".
func (r *reader) membersOf(ctx context.Context, from string) ([]warehouse.Member, error) {
	var out []warehouse.Member
	err := r.scan(ctx, `SELECT event_id::BLOB, event_day, incident_id::BLOB, incident_role, is_countable, coalesce(alarm, '') FROM (SELECT m.* FROM event_incident `+from+
		`) WHERE until_seq IS NULL ORDER BY incident_id, event_day, event_id`, func(rec arrow.RecordBatch) error {
		id, day, inc := rec.Column(0).(*array.Binary), rec.Column(1).(*array.Date32), rec.Column(2).(*array.Binary)
		role, countable, alarm := rec.Column(3), rec.Column(4).(*array.Boolean), rec.Column(5)
		for i := range id.Len() {
			out = append(out, warehouse.Member{Event: warehouse.EventRef{ID: [16]byte(id.Value(i)), Day: int32(day.Value(i))}, Incident: [16]byte(inc.Value(i)),
				Role: text(role, i), Countable: countable.Value(i), Alarm: text(alarm, i)})
		}
		return nil
	})
	return out, err
}

// text copies a value: what a reader gives lives in memory that the engine takes back.
func text(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return ""
	}
	return string([]byte(a.(*array.String).Value(i)))
}

// ledger reads rows of event_link; from is what follows FROM.
func (r *reader) ledger(ctx context.Context, from string) ([]warehouse.LedgerRow, error) {
	var out []warehouse.LedgerRow
	err := r.scan(ctx, `SELECT link_seq, epoch_us("at"), from_event::BLOB, from_day, to_event::BLOB, to_day, weight, probability, run_id, type, method, rule, band, model, decided_by, action, note,
 levels, gamma, level_bits FROM `+from, func(rec arrow.RecordBatch) error {
		seq, at := rec.Column(0).(*array.Int64), rec.Column(1).(*array.Int64)
		weight, prob := rec.Column(6).(*array.Float64), rec.Column(7).(*array.Float64)
		for i := range int(rec.NumRows()) {
			l := warehouse.LedgerRow{Seq: seq.Value(i), At: time.UnixMicro(at.Value(i)).UTC(), RunID: text(rec.Column(8), i)}
			l.From, l.To = refAt(rec, 2, i), refAt(rec, 4, i)
			l.Weight, l.Probability = weight.Value(i), prob.Value(i)
			for n, to := range []*string{&l.Type, &l.Method, &l.Rule, &l.Band, &l.Model, &l.DecidedBy, &l.Action, &l.Note} {
				*to = text(rec.Column(9+n), i)
			}
			l.Levels = levelsAt(rec, 17, i)
			out = append(out, l)
		}
		return nil
	})
	return out, err
}

func refAt(rec arrow.RecordBatch, col, i int) warehouse.EventRef {
	return warehouse.EventRef{ID: [16]byte(rec.Column(col).(*array.Binary).Value(i)), Day: int32(rec.Column(col + 1).(*array.Date32).Value(i))}
}

// levelsAt reads the three lists of evidence.
func levelsAt(rec arrow.RecordBatch, col, i int) []warehouse.Level {
	names, gamma, bits := rec.Column(col).(*array.List), rec.Column(col+1).(*array.List), rec.Column(col+2).(*array.List)
	if names.IsNull(i) {
		return nil
	}
	from, to := names.ValueOffsets(i)
	g, _ := gamma.ValueOffsets(i)
	b, _ := bits.ValueOffsets(i)
	var out []warehouse.Level
	for k := range to - from {
		out = append(out, warehouse.Level{Name: text(names.ListValues(), int(from+k)), Gamma: gamma.ListValues().(*array.Int8).Value(int(g + k)),
			Bits: bits.ListValues().(*array.Float32).Value(int(b + k))})
	}
	return out
}

// decisions reads rows of link_decision; from is what follows FROM.
func (r *reader) decisions(ctx context.Context, from string) ([]warehouse.Decision, error) {
	var out []warehouse.Decision
	err := r.scan(ctx, `SELECT from_event::BLOB, from_day, to_event::BLOB, to_day, decision_no, epoch_us("at"), says, actor, reason FROM `+from+" ORDER BY decision_no", func(rec arrow.RecordBatch) error {
		for i := range int(rec.NumRows()) {
			out = append(out, warehouse.Decision{From: refAt(rec, 0, i), To: refAt(rec, 2, i), No: rec.Column(4).(*array.Int64).Value(i),
				At: time.UnixMicro(rec.Column(5).(*array.Int64).Value(i)).UTC(), Says: text(rec.Column(6), i), Actor: text(rec.Column(7), i), Reason: text(rec.Column(8), i)})
		}
		return nil
	})
	return out, err
}

// Decide implements warehouse.LinkDecider.
//
// invariant 7: a decision is a row of its own that no run and no rebuild touches.
func (s *Store) Decide(ctx context.Context, decisions []warehouse.Decision) (int64, error) {
	for _, d := range decisions {
		switch {
		case d.Says != warehouse.MustLink && d.Says != warehouse.CannotLink && d.Says != warehouse.Withdrawn:
			return 0, fmt.Errorf("%w: a decision that says %q", warehouse.ErrLinks, d.Says)
		case d.Actor == "":
			return 0, fmt.Errorf("%w: a decision of nobody", warehouse.ErrLinks)
		case d.From.ID == d.To.ID:
			return 0, fmt.Errorf("%w: a decision about an event and itself", warehouse.ErrLinks)
		}
	}
	release, err := s.takeLane(ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	hard := context.WithoutCancel(ctx)
	if err := s.exec(hard, "BEGIN TRANSACTION"); err != nil {
		return 0, fmt.Errorf("storing decisions: %w", err)
	}
	no, err := s.decide(hard, decisions)
	if err == nil {
		if err = s.exec(hard, "COMMIT"); err == nil {
			return no, nil
		}
	}
	s.exec(hard, "ROLLBACK")
	if isFatal(err) {
		err = errors.Join(err, s.reopen(hard))
	}
	return 0, fmt.Errorf("storing decisions: %w", err)
}

func (s *Store) decide(ctx context.Context, decisions []warehouse.Decision) (int64, error) {
	row, err := queryRow(ctx, s.writer, "SELECT coalesce(max(decision_no), 0) FROM link_decision")
	if err != nil {
		return 0, err
	}
	no := row[0].(int64)
	for _, d := range decisions {
		for _, e := range []warehouse.EventRef{d.From, d.To} {
			row, err := queryRow(ctx, s.writer, fmt.Sprintf("SELECT count(*) FROM event_version WHERE event_day = DATE '1970-01-01' + %d AND event_id = '%s'", e.Day, uuid.UUID(e.ID)))
			if err != nil {
				return 0, err
			}
			if row[0].(int64) == 0 {
				return 0, warehouse.ErrNoEvent
			}
		}
		if d.At.IsZero() {
			d.At = time.Now()
		}
		no++
		if err := s.exec(ctx, "INSERT INTO link_decision SELECT ?, ?::UUID, DATE '1970-01-01' + ?::INTEGER, ?::UUID, DATE '1970-01-01' + ?::INTEGER, ?, ?, ?, ?",
			no, uuid.UUID(d.From.ID).String(), d.From.Day, uuid.UUID(d.To.ID).String(), d.To.Day, d.Says, d.Actor, d.Reason, d.At.UTC()); err != nil {
			return 0, err
		}
	}
	return no, nil
}

// Decisions implements warehouse.LinkDecider.
func (s *Store) Decisions(ctx context.Context, after int64) (out []warehouse.Decision, err error) {
	err = s.read(ctx, func(r *reader) error {
		out, err = r.decisions(ctx, fmt.Sprintf("link_decision WHERE decision_no > %d", after))
		return err
	})
	return out, err
}

// Review implements warehouse.LinkReviewer.
func (s *Store) Review(ctx context.Context, limit int) (out []warehouse.LedgerRow, err error) {
	err = s.read(ctx, func(r *reader) error {
		out, err = r.ledger(ctx, fmt.Sprintf("link_review ORDER BY weight DESC, from_event, to_event LIMIT %d", limit))
		return err
	})
	return out, err
}

// History implements warehouse.LinkReviewer.
func (s *Store) History(ctx context.Context, a, b warehouse.EventID) (out []warehouse.LedgerRow, err error) {
	x, y := uuid.UUID(a), uuid.UUID(b)
	err = s.read(ctx, func(r *reader) error {
		out, err = r.ledger(ctx, fmt.Sprintf("event_link WHERE from_event = '%[1]s' AND to_event = '%[2]s' OR from_event = '%[2]s' AND to_event = '%[1]s' ORDER BY link_seq", x, y))
		return err
	})
	return out, err
}

// Incident implements warehouse.IncidentReader.
func (s *Store) Incident(ctx context.Context, id warehouse.EventID) (warehouse.EventID, []warehouse.Member, error) {
	now := id
	var members []warehouse.Member
	err := s.read(ctx, func(r *reader) error {
		first := func(query string) (driver.Value, error) {
			row, err := queryRow(ctx, r.conn, query)
			if err != nil {
				return nil, err
			}
			return row[0], nil
		}
		// max() over one row at most, so that there is always a row.
		v, err := first(fmt.Sprintf("SELECT max(incident_id)::VARCHAR FROM incident_resolved WHERE old_id = '%s'", uuid.UUID(id)))
		if err != nil {
			return err
		}
		if v == nil {
			v, err = first(fmt.Sprintf("SELECT max(incident_id)::VARCHAR FROM event_incident WHERE event_id = '%s' AND until_seq IS NULL", uuid.UUID(id)))
			if err != nil {
				return err
			}
		}
		if v != nil {
			now = [16]byte(uuid.MustParse(v.(string)))
		}
		if members, err = r.membersOf(ctx, fmt.Sprintf("m WHERE m.incident_id = '%s'", uuid.UUID(now))); err != nil || len(members) > 0 {
			return err
		}
		v, err = first(fmt.Sprintf("SELECT max(event_day - DATE '1970-01-01')::BIGINT FROM event_version WHERE event_id = '%s' AND known_to IS NULL", uuid.UUID(now)))
		if err != nil {
			return err
		}
		if v == nil {
			return warehouse.ErrNoEvent
		}
		members = []warehouse.Member{{Event: warehouse.EventRef{ID: now, Day: int32(v.(int64))}, Incident: now, Role: event.IncidentRoles.Values()[0], Countable: true}}
		return nil
	})
	if err != nil {
		return now, nil, fmt.Errorf("looking up the incident: %w", err)
	}
	return now, members, nil
}

// Aliases implements warehouse.IncidentReader.
func (s *Store) Aliases(ctx context.Context, after int64) (out []warehouse.AliasRow, err error) {
	err = s.read(ctx, func(r *reader) error {
		return r.scan(ctx, fmt.Sprintf(`SELECT old_id::BLOB, new_id::BLOB, reason, link_seq, run_id, epoch_us("at") FROM incident_alias WHERE link_seq > %d ORDER BY link_seq, old_id`, after), func(rec arrow.RecordBatch) error {
			for i := range int(rec.NumRows()) {
				out = append(out, warehouse.AliasRow{Alias: warehouse.Alias{Old: [16]byte(rec.Column(0).(*array.Binary).Value(i)), New: [16]byte(rec.Column(1).(*array.Binary).Value(i)), Reason: text(rec.Column(2), i)},
					Seq: rec.Column(3).(*array.Int64).Value(i), RunID: text(rec.Column(4), i), At: time.UnixMicro(rec.Column(5).(*array.Int64).Value(i)).UTC()})
			}
			return nil
		})
	})
	return out, err
}
