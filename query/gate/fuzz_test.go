package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"onegrid/query/gate/internal/lex"
)

// plan is a node of EXPLAIN (FORMAT json).
type plan struct {
	Name     string         `json:"name"`
	Children []plan         `json:"children"`
	Extra    map[string]any `json:"extra_info"`
}

// reads lists what the engine itself would read for a text: tables behind views, and table functions. It is no part of
// the gate and knows nothing of its lists.
func (c city) reads(ctx context.Context, text string) ([]string, error) {
	rows, err := c.rows(ctx, "EXPLAIN (FORMAT json) SELECT * FROM ("+text+"\n) LIMIT 1", nil, nil)
	if err != nil {
		return nil, err
	}
	var out []string
	var walk func(p plan)
	walk = func(p plan) {
		for _, key := range []string{"Table", "Function"} {
			if s, ok := p.Extra[key].(string); ok {
				out = append(out, strings.ToLower(key+" "+s))
			}
		}
		for _, child := range p.Children {
			walk(child)
		}
	}
	for _, row := range rows {
		for _, cell := range row {
			var plans []plan
			if s, ok := cell.(string); ok && strings.HasPrefix(s, "[") {
				if err := json.Unmarshal([]byte(s), &plans); err != nil {
					return nil, err
				}
				for _, p := range plans {
					walk(p)
				}
			}
		}
	}
	return out, nil
}

// mayRead reports whether a published view or an allowed table function reads this.
func mayRead(what string) bool {
	switch what {
	case "table memory.main.event_base", "table memory.main.incident", "table memory.main.area", "table memory.main.category", "table memory.main.org",
		"table memory.main.event_transition", "table memory.main.freshness", "table memory.bi.daily",
		"function range", "function generate_series", "function unnest", "function json_each", "function json_tree":
		return true
	}
	return false
}

// The oracle sees what the gate would have to stop; otherwise the fuzz target could not fail.
func TestOracleSeesReads(t *testing.T) {
	db := openCity(t)
	for _, q := range []string{"FROM secret_token", "SELECT (SELECT count(*) FROM hidden_view)", "SELECT * FROM duckdb_settings()", "FROM pg_class", "FROM query('FROM secret_token')"} {
		got, err := db.reads(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		bad := false
		for _, r := range got {
			bad = bad || !mayRead(r)
		}
		if !bad {
			t.Errorf("%s: the oracle sees only %v", q, got)
		}
	}
}

// TestHonestPlans holds the oracle and the gate together: what passes reads only what is published.
func TestHonestPlans(t *testing.T) {
	g, c, db := openGate(t), published(t), openCity(t)
	for _, h := range honestQueries(t) {
		judge(t, g, c, db, h.text)
	}
}

// judge fails when a text passes and the engine's plan reads something that is not published.
func judge(t *testing.T, g *Gate, c Catalog, db city, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	v, err := g.Check(ctx, text, c)
	if err != nil || !v.Allowed {
		return
	}
	got, err := db.reads(ctx, v.Text)
	if err != nil {
		return // it would not run
	}
	for _, r := range got {
		if !mayRead(r) {
			t.Fatalf("%q passes and reads %s", text, r)
		}
	}
}

// FuzzCheck mixes tokens of the corpus: names of tables, functions and whole clauses move into other queries.
func FuzzCheck(f *testing.F) {
	var pool []string
	for i, a := range attacks(f) {
		f.Add(a.text, uint64(i))
		if tokens, ok := lex.Tokens(a.text); ok {
			for _, t := range tokens {
				pool = append(pool, a.text[t.Start:t.End])
			}
			pool = append(pool, "("+a.text+")")
		}
	}
	for i, h := range honestQueries(f) {
		f.Add(h.text, uint64(i))
		f.Add(h.text, uint64(0))
	}
	g, c, db := openGate(f), published(f), openCity(f)
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		judge(t, g, c, db, mix(text, pool, seed))
	})
}

// mix replaces a few tokens by others of the pool; seed 0 leaves the text.
func mix(text string, pool []string, seed uint64) string {
	tokens, ok := lex.Tokens(text)
	if !ok || seed == 0 {
		return text
	}
	r := rand.New(rand.NewPCG(seed, 1))
	var words []int
	for i, t := range tokens {
		if t.Kind == lex.Ident || t.Kind == lex.Quoted || t.Kind == lex.String || t.Kind == lex.Number {
			words = append(words, i)
		}
	}
	changed := map[int]string{}
	for range 1 + r.IntN(3) {
		if len(words) > 0 {
			changed[words[r.IntN(len(words))]] = pool[r.IntN(len(pool))]
		}
	}
	var b strings.Builder
	for i, t := range tokens {
		if with, ok := changed[i]; ok {
			b.WriteString(with)
		} else {
			b.WriteString(text[t.Start:t.End])
		}
	}
	return b.String()
}

// The same mixing over every honest query, a fixed number of times, so that each run of the tests has it.
func TestMixedQueries(t *testing.T) {
	g, c, db := openGate(t), published(t), openCity(t)
	var pool []string
	for name := range c.tables {
		pool = append(pool, name)
	}
	pool = append(pool, []string{"secret_token", "hidden_view", "read_text", "read_csv('x')", "duckdb_settings()", "(FROM secret_token)", "pg_class", "main", "system", "query('FROM secret_token')",
		"query_table", "sqlite_master", "information_schema.tables", "recurring", "error", "WITH secret_token AS (SELECT 1) SELECT * FROM secret_token", "EXISTS (FROM hidden_view)"}...)
	passed := 0
	for n, h := range honestQueries(t) {
		for seed := range uint64(12) {
			text := mix(h.text, pool, seed+1+uint64(n)*100)
			if v, err := g.Check(context.Background(), text, c); err == nil && v.Allowed {
				passed++
			}
			judge(t, g, c, db, text)
		}
	}
	if passed == 0 {
		t.Error(fmt.Errorf("no mixed text passes: the test says nothing"))
	}
}
