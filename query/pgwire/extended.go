package pgwire

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgproto3"

	"onegrid/query"
	"onegrid/query/pgcatalog"
)

// Bounds of what one session may keep.
const (
	maxPrepared = 1000
	maxPortals  = 100
)

// prepared is a parsed statement. Its shape is asked for when somebody wants to know it.
type prepared struct {
	sql    string
	canned *canned
	empty  bool
	oids   []uint32 // declared by the client; 0 where it left the type to us
	lists  []int    // parameters that stand in ANY($n)
	shape  *query.Shape
}

// portal is a statement with its parameters, perhaps half read.
type portal struct {
	sql     string
	canned  *canned
	empty   bool
	params  []query.Param
	casts   map[int]string // by number of the parameter, for CastParams
	formats []int16        // of the result columns
	answer  query.Answer
	reader  *rowReader
	cancel  func()
	sent    int64
	done    bool
}

func (x *session) parse(m *pgproto3.Parse) error {
	if m.Name != "" && x.prepared[m.Name] != nil {
		return &query.Error{Code: query.Invalid, Rule: ruleTwice, Message: "a prepared statement of this name exists", ZH: "同名预备语句已存在"}
	}
	if len(x.prepared) >= maxPrepared {
		return &query.Error{Code: query.TooLarge, Message: fmt.Sprintf("a session may keep %d prepared statements", maxPrepared), ZH: "预备语句过多", Hint: "DEALLOCATE ALL"}
	}
	p := &prepared{oids: append([]uint32(nil), m.ParameterOIDs...)}
	switch list := pgcatalog.Split(m.Query); len(list) {
	case 0:
		p.empty = true
	case 1:
		p.sql = list[0]
		p.canned = x.canned(p.sql)
		p.declare(pgcatalog.ParamCasts(p.sql))
	default:
		return &query.Error{Code: query.Syntax, Message: "a prepared statement holds one statement", ZH: "预备语句只能包含一条语句"}
	}
	x.prepared[m.Name] = p
	x.back.Send(&pgproto3.ParseComplete{})
	return nil
}

// maxParams is the most that a message can hold.
const maxParams = 1<<16 - 1

// declare takes the types that casts in the text give to parameters that the client left open.
func (p *prepared) declare(casts map[int]uint32) {
	for n, oid := range casts {
		if n < 1 || n > maxParams {
			continue
		}
		for len(p.oids) < n {
			p.oids = append(p.oids, 0)
		}
		if p.oids[n-1] == 0 || p.oids[n-1] == pgcatalog.OIDUnknown {
			p.oids[n-1] = oid
		}
	}
}

func (x *session) lookup(name string) (*prepared, error) {
	if p := x.prepared[name]; p != nil {
		return p, nil
	}
	return nil, &query.Error{Code: query.Invalid, Rule: ruleNoName, Message: "there is no such prepared statement", ZH: "预备语句不存在"}
}

// shapeOf asks the engine what a statement takes and gives, once.
func (x *session) shapeOf(p *prepared) error {
	if p.shape != nil || p.canned != nil || p.empty {
		return nil
	}
	if x.status == 'E' {
		return errAborted()
	}
	var typed []query.Param
	casts := map[int]string{}
	for i, oid := range p.oids {
		typed = append(typed, query.Param{Type: pgcatalog.ParamType(oid)})
		casts[i+1] = pgcatalog.CastType(oid)
	}
	// A list of undeclared type is asked for by the type of its elements.
	sql, lists := pgcatalog.Scalars(p.sql)
	if lists = slices.DeleteFunc(lists, func(n int) bool { return casts[n] != "" }); len(lists) == 0 {
		sql = p.sql
	}
	text := x.rewrite(pgcatalog.CastParams(sql, casts))
	if _, ok := explained(p.sql); ok {
		// A plan has the engine's two columns whatever is explained.
		p.shape = &query.Shape{Columns: []query.Column{{Name: "explain_key", Type: "VARCHAR"}, {Name: "explain_value", Type: "VARCHAR"}}}
		return nil
	}
	ctx, cancel := context.WithCancel(x.srv.base)
	defer cancel()
	defer x.active(cancel)()
	shape, err := x.srv.run.Describe(ctx, x.who, query.Request{SQL: text, Params: typed, Surface: query.PGWire, Client: x.client})
	if err != nil {
		return translate(p.sql, text, err)
	}
	p.shape, p.lists = &shape, lists
	return nil
}

// paramOIDs are the types of the parameters: the client's where it declared them, else the engine's.
func (p *prepared) paramOIDs() []uint32 {
	out := append([]uint32(nil), p.oids...)
	if p.shape == nil {
		return out
	}
	for i, t := range p.shape.Params {
		if i >= len(out) {
			out = append(out, 0)
		}
		if out[i] == 0 {
			out[i] = pgcatalog.OIDText
			if t != "" {
				out[i] = pgcatalog.TypeOf(t).OID
			}
			if slices.Contains(p.lists, i+1) {
				out[i] = pgcatalog.ArrayOf(out[i])
			}
		}
	}
	return out
}

// isList reports whether a value in text form looks like an array.
func isList(raw []byte) bool { return len(raw) > 1 && raw[0] == '{' && raw[len(raw)-1] == '}' }

func (x *session) bind(m *pgproto3.Bind) error {
	p, err := x.lookup(m.PreparedStatement)
	if err != nil {
		return err
	}
	if x.status == 'E' && p.canned == nil {
		return errAborted()
	}
	if len(m.ParameterFormatCodes) > 1 && len(m.ParameterFormatCodes) != len(m.Parameters) {
		return &query.Error{Code: query.Invalid, Rule: ruleProtocol, Message: "parameters and their formats differ in number", ZH: "参数与格式数量不一致"}
	}
	x.closePortal(m.DestinationPortal)
	if len(x.portals) >= maxPortals {
		return &query.Error{Code: query.TooLarge, Message: fmt.Sprintf("a session may keep %d portals", maxPortals), ZH: "门户过多"}
	}
	binary := func(i int) bool {
		switch len(m.ParameterFormatCodes) {
		case 0:
			return false
		case 1:
			return m.ParameterFormatCodes[0] == 1
		default:
			return m.ParameterFormatCodes[i] == 1
		}
	}
	oids := p.oids
	for i := range m.Parameters {
		// A binary value cannot be read without its type, nor a list that is not known to be one.
		if (binary(i) || p.lists != nil || isList(m.Parameters[i])) && (i >= len(oids) || oids[i] == 0) {
			if err := x.shapeOf(p); err != nil {
				return err
			}
			oids = p.paramOIDs()
			break
		}
	}
	q := &portal{sql: p.sql, canned: p.canned, empty: p.empty, formats: append([]int16(nil), m.ResultFormatCodes...)}
	for i, raw := range m.Parameters {
		var oid uint32
		if i < len(oids) {
			oid = oids[i]
		}
		v, err := decodeParam(raw, oid, binary(i))
		if err != nil {
			return err
		}
		q.params = append(q.params, v)
		if cast := pgcatalog.CastType(oid); cast != "" {
			if q.casts == nil {
				q.casts = map[int]string{}
			}
			q.casts[i+1] = cast
		}
	}
	for _, f := range q.formats {
		if f != 0 && f != 1 {
			return &query.Error{Code: query.Invalid, Rule: ruleProtocol, Message: "unknown format code", ZH: "未知的格式代码"}
		}
	}
	x.portals[m.DestinationPortal] = q
	x.back.Send(&pgproto3.BindComplete{})
	return nil
}

func (x *session) describe(m *pgproto3.Describe) error {
	if m.ObjectType == 'S' {
		p, err := x.lookup(m.Name)
		if err != nil {
			return err
		}
		if err := x.shapeOf(p); err != nil {
			return err
		}
		x.back.Send(&pgproto3.ParameterDescription{ParameterOIDs: p.paramOIDs()})
		switch {
		case p.canned != nil && p.canned.columns != nil:
			x.back.Send(rowDescription(p.canned.columns, nil))
		case p.shape != nil && len(p.shape.Columns) > 0:
			x.back.Send(rowDescription(p.shape.Columns, nil))
		default:
			x.back.Send(&pgproto3.NoData{})
		}
		return nil
	}
	q := x.portals[m.Name]
	if q == nil {
		return &query.Error{Code: query.Invalid, Rule: ruleNoPortal, Message: "there is no such portal", ZH: "门户不存在"}
	}
	switch {
	case q.canned != nil && q.canned.columns != nil:
		x.back.Send(rowDescription(q.canned.columns, q.formats))
	case q.canned != nil || q.empty:
		x.back.Send(&pgproto3.NoData{})
	default:
		// Its columns are those of the answer, so the statement begins here and Execute reads on: one way to the worker
		// instead of two.
		if err := x.start(q); err != nil {
			return err
		}
		x.back.Send(rowDescription(q.answer.Columns(), q.formats))
	}
	return nil
}

func (x *session) execute(m *pgproto3.Execute) error {
	q := x.portals[m.Portal]
	switch {
	case q == nil:
		return &query.Error{Code: query.Invalid, Rule: ruleNoPortal, Message: "there is no such portal", ZH: "门户不存在"}
	case q.empty:
		x.back.Send(&pgproto3.EmptyQueryResponse{})
		return nil
	case q.canned != nil:
		return x.executeCanned(q)
	case q.done:
		x.back.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 0")})
		return nil
	}
	if err := x.start(q); err != nil {
		return err
	}
	finished, err := x.rows(q, int64(m.MaxRows))
	if err != nil || finished {
		x.finish(q)
		q.done = true
	}
	return err
}

// executeCanned answers text whatever form was asked for: the columns of these answers are text, whose two forms are one.
func (x *session) executeCanned(q *portal) error {
	rows, tag, err := q.canned.run()
	if err != nil {
		return err
	}
	for _, r := range rows {
		x.back.Send(&pgproto3.DataRow{Values: r})
	}
	x.back.Send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
	return nil
}
