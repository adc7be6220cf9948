package normalize

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
)

const (
	celCost  = 20_000 // steps of one evaluation; a mapping expression needs tens
	celCache = 4096   // outcomes kept: most expressions look at codes
)

// newCELEnv declares what expressions see: src["column"], the text of a source column of the same row, "" where it is
// missing.
func newCELEnv() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("src", cel.MapType(cel.StringType, cel.StringType)),
		ext.Strings(ext.StringsVersion(4)),
	)
}

// expression is a compiled CEL expression.
type expression struct {
	prg    cel.Program
	names  []string // columns it reads
	cols   []int
	reject bool // a failing evaluation rejects the record instead of leaving the field empty
	slot   int  // position of its cache in a run
}

// compileCEL parses, type-checks and plans an expression and finds the columns that it reads.
func compileCEL(env *cel.Env, text string) (*expression, error) {
	checked, iss := env.Compile(text)
	if iss.Err() != nil {
		var msgs []string
		for _, e := range iss.Errors() {
			msgs = append(msgs, fmt.Sprintf("at %d:%d: %s", e.Location.Line(), e.Location.Column()+1, e.Message))
		}
		return nil, fmt.Errorf("%s", strings.Join(msgs, "; "))
	}
	switch out := checked.OutputType(); out.Kind() {
	case types.StringKind, types.IntKind, types.UintKind, types.DoubleKind, types.BoolKind, types.TimestampKind, types.DynKind, types.NullTypeKind:
	default:
		return nil, fmt.Errorf("the result is %s, expected a text, number, truth value or timestamp", out)
	}
	x := &expression{}
	var bad error
	// src must be used with a literal column: only then is it known which columns the mapping reads.
	indexed := map[int64]bool{}
	ast.PreOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
			return
		}
		c := e.AsCall()
		var at, key ast.Expr
		switch c.FunctionName() {
		case operators.Index:
			at, key = c.Args()[0], c.Args()[1]
		case operators.In:
			key, at = c.Args()[0], c.Args()[1]
		default:
			return
		}
		if at.Kind() != ast.IdentKind || at.AsIdent() != "src" {
			return
		}
		if key.Kind() != ast.LiteralKind {
			return
		}
		if name, ok := key.AsLiteral().Value().(string); ok {
			indexed[at.ID()] = true
			if !contains(x.names, name) {
				x.names = append(x.names, name)
			}
		}
	}))
	ast.PreOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.IdentKind && e.AsIdent() == "src" && !indexed[e.ID()] {
			bad = fmt.Errorf(`src is used without a literal column`)
		}
	}))
	if bad != nil {
		return nil, bad
	}
	prg, err := env.Program(checked, cel.CostLimit(celCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, err
	}
	x.prg = prg
	return x, nil
}

type celResult struct {
	text string
	o    outcome
}

// eval evaluates the expression for a row. An evaluation depends on the columns it reads and nothing else, so outcomes
// of repeated values are kept.
func (x *expression) eval(r *run, row int) (string, outcome) {
	b := r.scratch[:0]
	for _, c := range x.cols {
		v := &r.cols[c]
		if !v.null(row) {
			b = append(b, v.at(row)...)
		}
		b = append(b, 0x1f)
	}
	r.scratch = b
	cache := r.n.celCaches[x.slot]
	if res, ok := cache[string(b)]; ok {
		return res.text, res.o
	}
	src := make(map[string]string, len(x.cols))
	for i, c := range x.cols {
		v := &r.cols[c]
		s := ""
		if !v.null(row) {
			s = strings.Clone(v.at(row))
		}
		src[x.names[i]] = s
	}
	out, _, err := x.prg.Eval(map[string]any{"src": src})
	res := celResult{o: isError}
	if err == nil {
		res.text, res.o = celText(out)
	}
	if len(cache) >= celCache {
		clear(cache)
	}
	cache[string(b)] = res
	return res.text, res.o
}

func celText(v ref.Val) (string, outcome) {
	switch v := v.(type) {
	case types.String:
		return string(v), isOK
	case types.Int:
		return strconv.FormatInt(int64(v), 10), isOK
	case types.Uint:
		return strconv.FormatUint(uint64(v), 10), isOK
	case types.Double:
		return strconv.FormatFloat(float64(v), 'g', -1, 64), isOK
	case types.Bool:
		return strconv.FormatBool(bool(v)), isOK
	case types.Timestamp:
		return v.UTC().Format(time.RFC3339Nano), isOK
	case types.Null:
		return "", isNull
	}
	return "", isError
}
