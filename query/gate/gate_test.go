package gate

import (
	"context"
	"strings"
	"testing"
)

func TestAttacksAreDenied(t *testing.T) {
	g, c := openGate(t), published(t)
	all := attacks(t)
	if len(all) < 200 {
		t.Fatalf("only %d attacks", len(all))
	}
	for _, a := range append(all, large()...) {
		v, err := g.Check(context.Background(), a.text, c)
		if err != nil {
			t.Errorf("attacks.txt:%d: %q: %v", a.line, a.text, err)
			continue
		}
		if v.Allowed || v.Rule != a.rule {
			t.Errorf("attacks.txt:%d: %.200q: allowed %v, rule %q (%s), want %q", a.line, a.text, v.Allowed, v.Rule, v.Message, a.rule)
		}
		if v.Text != "" || v.Message == "" || v.ZH == "" || v.Hint == "" || v.HintZH == "" || v.Code == "" || v.Err() == nil {
			t.Errorf("attacks.txt:%d: incomplete denial %+v", a.line, v)
		}
	}
}

func TestHonestQueriesPassAndRun(t *testing.T) {
	g, c, db := openGate(t), published(t), openCity(t)
	all := honestQueries(t)
	if len(all) < 40 {
		t.Fatalf("only %d queries", len(all))
	}
	for _, h := range all {
		v, err := g.Check(context.Background(), h.text, c)
		if err != nil {
			t.Errorf("honest.sql:%d: %v", h.line, err)
			continue
		}
		if !v.Allowed {
			t.Errorf("honest.sql:%d: %s: %s (%s) %q at %d", h.line, v.Rule, v.Message, v.Hint, h.text, v.Pos)
			continue
		}
		if len(v.Params) != len(h.params) {
			t.Errorf("honest.sql:%d: parameters %v, want %d", h.line, v.Params, len(h.params))
		}
		if v.Redacted == "" || strings.HasPrefix(v.Redacted, "<") {
			t.Errorf("honest.sql:%d: redacted %q", h.line, v.Redacted)
		}
		// In parentheses and with a limit, as the worker executes it.
		if _, err := db.rows(context.Background(), "SELECT * FROM ("+v.Text+"\n) LIMIT 1001", h.params, v.Params); err != nil {
			t.Errorf("honest.sql:%d: does not run: %v", h.line, err)
		}
	}
	t.Logf("%d queries", len(all))
}
