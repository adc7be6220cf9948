package hub

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"

	"onegrid/pipelines"
	"onegrid/pipelines/landing"
	"onegrid/pipelines/normalize"
	"onegrid/warehouse"
	"onegrid/warehouse/duckdb"
)

// ErrNoReject means that no reject has the id.
var ErrNoReject = errors.New("no such reject")

// ErrNotLanded means that the record of a reject cannot be had from the landing.
var ErrNotLanded = errors.New("the record is not in the landing")

// Reject is a stored reject. It holds no value of the record; the record lies sealed at Landed, batch Segment, row Row.
type Reject struct {
	ID        uuid.UUID `json:"id"`
	Source    string    `json:"source"`
	RunID     string    `json:"run"`
	Seq       int64     `json:"seq"` // unit
	Stream    string    `json:"stream,omitempty"`
	Position  string    `json:"position"`
	Stage     string    `json:"stage"` // decode, map, privacy, quality
	Rule      string    `json:"rule"`
	Column    string    `json:"column,omitempty"`
	Message   string    `json:"message"`
	MessageZH string    `json:"message_zh,omitempty"`
	Landed    string    `json:"landed,omitempty"` // file below the landing folder, "" where landing was off
	Segment   int32     `json:"segment"`
	Row       int32     `json:"row"` // -1 where the connector could not decode the record
	At        time.Time `json:"at"`
	Action    string    `json:"action,omitempty"` // replayed, discarded; "" while it is open
	Actor     string    `json:"actor,omitempty"`
	Note      string    `json:"note,omitempty"`
}

// RejectFilter chooses rejects. Empty fields choose all.
type RejectFilter struct {
	IDs    []uuid.UUID
	Source string
	Rule   string
	Since  time.Time
	Closed bool // closed ones as well
	Limit  int  // 0 for no limit
}

// Rejects lists rejects, the newest first, and says how many match in all.
func (h *Hub) Rejects(ctx context.Context, f RejectFilter) (out []Reject, total int64, err error) {
	var where []string
	var args []any
	cond := func(text string, arg ...any) { where, args = append(where, text), append(args, arg...) }
	if len(f.IDs) > 0 {
		marks := make([]string, len(f.IDs))
		for i, id := range f.IDs {
			marks[i] = "?::UUID"
			args = append(args, id.String())
		}
		where = append(where, "r.reject_id IN ("+strings.Join(marks, ",")+")")
	}
	if f.Source != "" {
		cond("r.source_id = ?", f.Source)
	}
	if f.Rule != "" {
		cond("r.rule = ?", f.Rule)
	}
	if !f.Since.IsZero() {
		cond("r.rejected_at >= ?", f.Since.UTC())
	}
	if !f.Closed {
		cond("a.action IS NULL")
	}
	from := ` FROM reject r LEFT JOIN (SELECT reject_id, arg_max(action, acted_at) AS action, arg_max(actor, acted_at) AS actor, arg_max(note, acted_at) AS note
 FROM reject_action GROUP BY 1) a USING (reject_id)`
	if len(where) > 0 {
		from += " WHERE " + strings.Join(where, " AND ")
	}
	db := h.Store.DB()
	if err := db.QueryRowContext(ctx, "SELECT count(*)"+from, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("reading rejects: %w", err)
	}
	query := `SELECT r.reject_id::VARCHAR, r.source_id, r.run_id, r.unit_seq, r.stream, r.position, r.stage, r.rule, r.column_name, r.message, r.message_zh,
 coalesce(r.landed_path, ''), r.landed_segment, r.source_row, r.rejected_at, coalesce(a.action, ''), coalesce(a.actor, ''), coalesce(a.note, '')` + from +
		" ORDER BY r.rejected_at DESC, r.source_id, r.landed_segment, r.source_row, r.position"
	if f.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	err = each(ctx, db, query, func(rows *sql.Rows) error {
		var r Reject
		var id string
		if err := rows.Scan(&id, &r.Source, &r.RunID, &r.Seq, &r.Stream, &r.Position, &r.Stage, &r.Rule, &r.Column, &r.Message, &r.MessageZH,
			&r.Landed, &r.Segment, &r.Row, &r.At, &r.Action, &r.Actor, &r.Note); err != nil {
			return err
		}
		var err error
		r.ID, err = uuid.Parse(id)
		r.At = r.At.UTC()
		out = append(out, r)
		return err
	}, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("reading rejects: %w", err)
	}
	return out, total, nil
}

// Reject returns one reject, open or closed.
func (h *Hub) Reject(ctx context.Context, id uuid.UUID) (Reject, error) {
	rs, _, err := h.Rejects(ctx, RejectFilter{IDs: []uuid.UUID{id}, Closed: true, Limit: 1})
	if err != nil {
		return Reject{}, err
	}
	if len(rs) == 0 {
		return Reject{}, fmt.Errorf("%w: %s", ErrNoReject, id)
	}
	return rs[0], nil
}

// Discard closes open rejects without their records.
func (h *Hub) Discard(ctx context.Context, ids []uuid.UUID, actor, reason string) error {
	var settled []warehouse.Settled
	for _, id := range ids {
		r, err := h.Reject(ctx, id)
		if err != nil {
			return err
		}
		if r.Action != "" {
			return fmt.Errorf("reject %s is closed already: %s", id, r.Action)
		}
		settled = append(settled, warehouse.Settled{Reject: id, Action: "discarded", Actor: actor, Note: reason})
	}
	return h.Store.Settle(ctx, settled)
}

// unit names the landed unit of a reject: its digest stands in the resume point that was stored with it.
func (h *Hub) unit(ctx context.Context, path string) (landing.Ref, error) {
	ref := landing.Ref{Path: path}
	if path == "" {
		return ref, fmt.Errorf("%w: landing was off when it was read", ErrNotLanded)
	}
	err := h.Store.DB().QueryRowContext(ctx, "SELECT landed_sha256, landed_rows, landed_bytes FROM checkpoint WHERE landed_path = ? LIMIT 1", path).Scan(&ref.SHA256, &ref.Rows, &ref.Bytes)
	if errors.Is(err, sql.ErrNoRows) {
		return ref, fmt.Errorf("%w: no stored unit names %s", ErrNotLanded, path)
	}
	return ref, err
}

// openSealed opens the landing for reading, whatever the store was opened for.
func (h *Hub) openSealed() (*landing.Landing, error) {
	rs, err := h.recipients()
	if err != nil {
		return nil, err
	}
	if len(rs) == 0 {
		return nil, fmt.Errorf("%w: landing.recipients is empty: nothing was landed", ErrNotLanded)
	}
	return landing.Open(h.LandingDir(), rs, landing.Options{})
}

// RejectedRecord decrypts the record of a reject and carries it through the pipeline as it is now, storing nothing. Its
// values are masked as in a preview.
func (h *Hub) RejectedRecord(ctx context.Context, r Reject, id age.Identity) (pipelines.PreviewRecord, error) {
	var out pipelines.PreviewRecord
	ref, err := h.unit(ctx, r.Landed)
	if err != nil {
		return out, err
	}
	if r.Row < 0 {
		return out, fmt.Errorf("%w: the connector could not decode it, so there are no columns to show", ErrNotLanded)
	}
	p, mask, err := h.masked(r.Source)
	if err != nil {
		return out, err
	}
	l, err := h.openSealed()
	if err != nil {
		return out, err
	}
	defer l.Close()
	no := int32(0)
	for s, err := range l.Replay(ref, id) {
		if err != nil {
			return out, gone(err)
		}
		if no != r.Segment {
			no++
			if s.Records != nil {
				s.Records.Release()
			}
			continue
		}
		if s.Records == nil {
			break
		}
		defer s.Records.Release()
		if int64(r.Row) >= s.Records.NumRows() {
			break
		}
		one := s.Records.NewSlice(int64(r.Row), int64(r.Row)+1)
		defer one.Release()
		recs, err := p.Look(ctx, s.Batch(), one, s.ReadAt, mask)
		if err != nil {
			return out, err
		}
		recs[0].Position = r.Position
		return recs[0], nil
	}
	return out, fmt.Errorf("%w: %s holds no such row", ErrNotLanded, r.Landed)
}

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: its file is gone; landing.keep_days has passed, or it was removed", ErrNotLanded)
	}
	return err
}

// masked is a source's pipeline without its connector, and what its mapping lets a person see.
func (h *Hub) masked(source string) (*pipelines.Pipeline, pipelines.Mask, error) {
	src, err := h.Source(source)
	if err != nil {
		return nil, nil, err
	}
	p, err := h.Replay(src)
	if err != nil {
		return nil, nil, err
	}
	m, err := normalize.Load(h.MappingPath(src))
	if err != nil {
		return nil, nil, err
	}
	return p, p.MaskFor(m.Items()), nil
}

// ReplayResult says what became of replayed rejects.
type ReplayResult struct {
	Asked    int              `json:"asked"`
	Replayed int              `json:"replayed"` // closed: their records are events now
	Counts   warehouse.Counts `json:"counts"`
	Open     []StillOpen      `json:"open"` // as they were
}

// StillOpen is a reject that a replay could not close.
type StillOpen struct {
	ID     uuid.UUID `json:"id"`
	Source string    `json:"source"`
	Rule   string    `json:"rule"` // that rejects it now, or not_landed, not_decoded
	Why    string    `json:"why"`
	WhyZH  string    `json:"why_zh,omitempty"`
}

// ReplayRejects carries the landed records of open rejects through the mapping as it is now. What becomes an event is
// stored and its reject closed in one unit per landed file; the rest stays open. progress is told after each file.
func (h *Hub) ReplayRejects(ctx context.Context, f RejectFilter, id age.Identity, actor, note string, progress func(done, total int)) (ReplayResult, error) {
	f.Closed, f.Limit = false, 0
	res := ReplayResult{Open: []StillOpen{}}
	rs, _, err := h.Rejects(ctx, f)
	if err != nil {
		return res, err
	}
	for _, want := range f.IDs {
		if !slices.ContainsFunc(rs, func(r Reject) bool { return r.ID == want }) {
			return res, fmt.Errorf("%w that is open: %s", ErrNoReject, want)
		}
	}
	res.Asked = len(rs)
	if len(rs) == 0 {
		return res, nil
	}
	l, err := h.openSealed()
	if err != nil {
		return res, err
	}
	defer l.Close()
	// Oldest file first: of two states of one record the later one must win.
	slices.SortStableFunc(rs, func(a, b Reject) int {
		if a.Source != b.Source {
			return strings.Compare(a.Source, b.Source)
		}
		return int(a.Seq - b.Seq)
	})
	pipes := map[string]*pipelines.Pipeline{}
	for i := 0; i < len(rs); {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		j := i
		for j < len(rs) && rs[j].Source == rs[i].Source && rs[j].Landed == rs[i].Landed {
			j++
		}
		file := rs[i:j]
		i = j
		p, ok := pipes[file[0].Source]
		if !ok {
			src, err := h.Source(file[0].Source)
			if err != nil {
				return res, err
			}
			if p, err = h.Replay(src); err != nil {
				return res, err
			}
			pipes[file[0].Source] = p
		}
		if err := h.replayFile(ctx, l, p, file, id, actor, note, &res); err != nil {
			return res, fmt.Errorf("replaying rejects of %s: %w", file[0].Source, err)
		}
		if progress != nil {
			progress(i, len(rs))
		}
	}
	return res, nil
}

func (h *Hub) replayFile(ctx context.Context, l *landing.Landing, p *pipelines.Pipeline, file []Reject, id age.Identity, actor, note string, res *ReplayResult) error {
	open := func(r Reject, rule, why, zh string) {
		res.Open = append(res.Open, StillOpen{ID: r.ID, Source: r.Source, Rule: rule, Why: why, WhyZH: zh})
	}
	bySegment := map[int32][]pipelines.Retry{}
	byID := map[uuid.UUID]Reject{}
	for _, r := range file {
		if r.Row < 0 {
			open(r, "not_decoded", "the connector could not decode it; mend the source or the connector's settings and read it again", "连接器无法解码该记录;请修正来源或连接器设置后重新读取")
			continue
		}
		byID[r.ID] = r
		bySegment[r.Segment] = append(bySegment[r.Segment], pipelines.Retry{ID: r.ID, Row: r.Row})
	}
	if len(byID) == 0 {
		return nil
	}
	missing := func(err error) error {
		if !errors.Is(err, ErrNotLanded) {
			return err
		}
		for _, r := range file {
			if _, ok := byID[r.ID]; ok {
				open(r, "not_landed", err.Error(), "落地目录中没有该记录")
			}
		}
		return nil
	}
	ref, err := h.unit(ctx, file[0].Landed)
	if err != nil {
		return missing(err)
	}
	var batches []pipelines.RetryBatch
	defer func() {
		for _, b := range batches {
			b.Batch.Records.Release()
		}
	}()
	no := int32(0)
	for s, err := range l.Replay(ref, id) {
		if err != nil {
			return missing(gone(err))
		}
		if want := bySegment[no]; len(want) > 0 && s.Records != nil {
			batches = append(batches, pipelines.RetryBatch{Batch: s.Batch(), Rejects: want})
		} else if s.Records != nil {
			s.Records.Release()
		}
		no++
	}
	run, started := uuid.Must(uuid.NewV7()).String(), time.Now()
	done, counts, err := h.Runner.Retry(ctx, p, run, batches, actor, note)
	if err != nil {
		return err
	}
	res.Counts.Add(counts)
	if counts.Read > 0 {
		if err := h.Store.EndRun(ctx, duckdb.RunEnd{RunID: run, Source: p.ID, Trigger: "replay", Status: "ok", Step: 2, Started: started, Notes: note}); err != nil {
			return err
		}
	}
	for _, d := range done {
		if d.Rule == "" {
			res.Replayed++
			continue
		}
		open(byID[d.ID], d.Rule, d.Message, d.ZH)
	}
	return nil
}
