package gate

import (
	"context"
	"strings"
	"testing"
)

// large are attacks that are too long for a file.
func large() []attack {
	window := strings.Repeat("(1), ", 120) + "a"
	deep := "1"
	for range 8 {
		deep = "round_even(" + deep + ", 1)"
	}
	return []attack{
		{rule: RuleLimit, text: "SELECT 1 /* " + strings.Repeat("x", MaxText) + " */"},
		{rule: RuleLimit, text: "SELECT '" + strings.Repeat("x", MaxText) + "'"},
		{rule: RuleLimit, text: "SELECT a IN (" + strings.Repeat("1,", 20_100) + "1)"},
		{rule: RuleLimit, text: "SELECT a IN (" + strings.Repeat("(1),", 12_900) + "1)"},
		{rule: RuleLimit, text: "SELECT 1" + strings.Repeat("+1", 450)},
		{rule: RuleLimit, text: "SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", 3_400)},
		{rule: RuleLimit, text: "SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", 501)},
		{rule: RuleLimit, bomb: true, text: "SELECT " + strings.Repeat("CASE ", 25) + "x" + strings.Repeat(" WHEN 1 THEN 1 WHEN 2 THEN 2 END", 25)},
		{rule: RuleLimit, bomb: true, text: "SELECT " + strings.Repeat("sum(1) OVER w, ", 2_000) + "1 FROM event WINDOW w AS (PARTITION BY " + window + ")"},
		{rule: RuleLimit, bomb: true, text: "SELECT 1 FROM event GROUP BY ROLLUP (" + strings.Repeat("a,", 5_000) + "a)"},
		{rule: RuleLimit, text: "SELECT " + deep},
		{rule: RuleSyntax, text: "SELECT " + strings.Repeat("(", 20_000) + "1" + strings.Repeat(")", 20_000)},
		{rule: RuleSyntax, text: "SELECT " + strings.Repeat("NOT ", 12_000) + "1"},
		{rule: RuleSyntax, text: "SELECT " + strings.Repeat("[", 4_000) + strings.Repeat("]", 4_000)},
		{rule: RuleSyntax, text: "SELECT * FROM " + strings.Repeat("(", 2_000) + "event" + strings.Repeat(")", 2_000)},
	}
}

// Every check is switched off in turn: some attack must then pass. A check whose loss nobody would notice is useless or
// untested.
func TestEveryCheckIsNeeded(t *testing.T) {
	g, c := openGate(t), published(t)
	for _, off := range checks() {
		passes := 0
		all := attacks(t)
		switch off {
		case checkBytes, checkExpansion, checkNodes, checkDepth, checkUnions, checkMacros:
			all = large()
		}
		for _, a := range all {
			if a.bomb && off == checkExpansion {
				continue // the parser would not come back
			}
			if v, err := g.check(context.Background(), a.text, c, map[check]bool{off: true}); err == nil && v.Allowed {
				passes++
			}
		}
		for _, f := range forgeries(t, g) {
			if f.check == off && f.passes(g, c, map[check]bool{off: true}) {
				passes++
			}
		}
		if passes == 0 {
			t.Errorf("nothing passes without the check %q", off)
		}
	}
}

// forgery is a syntax tree that this engine does not write: what another version could.
type forgery struct {
	check  check
	answer string
}

func (f forgery) passes(g *Gate, c Catalog, off map[check]bool) bool {
	w := &walk{grammar: g.grammar, lists: &g.lists, published: c, off: off, expansion: 1, tables: map[string]struct{}{}, calls: map[string]struct{}{}}
	return w.answer("", f.answer) && w.denied == nil
}

func forgeries(t *testing.T, g *Gate) []forgery {
	t.Helper()
	answer, err := g.serialize(context.Background(), "SELECT a + 1, sum(b) OVER (ORDER BY c) FROM event e JOIN area USING (x) WHERE EXISTS (SELECT NULL::INT[])")
	if err != nil {
		t.Fatal(err)
	}
	var out []forgery
	for _, f := range []struct {
		check    check
		old, new string
	}{
		{checkField, `"where_clause":`, `"extra":null,"where_clause":`},
		{checkField, `"where_clause":`, `"filter_clause":`},
		{checkField, `"having":null,`, ``},
		{checkField, `"having":null,"sample":null`, `"sample":null,"having":null`},
		{checkField, `"schema_name":""`, `"schema_name":{}`},
		{checkField, `"is_null":false`, `"is_null":false,"more":1`},
		{checkField, `"select_list":[`, `"select_list":7,"x":[`},
		{checkField, `"cte_map":{"map":[]}`, `"cte_map":{"map":[],"more":[]}`},
		{checkField, `"cte_map":{"map":[]}`, `"cte_map":null`},
		{checkField, `"group_sets":[]`, `"group_sets":[["a"]]`},
		{checkField, `"column_names":["a"]`, `"column_names":["a",{}]`},
		{checkField, `"distinct":false`, `"distinct":null`},
		{checkField, `"named_param_map":[]`, `"named_param_map":[{"key":"a","value":"b"}]`},
		{checkWord, `"STANDARD_HANDLING"`, `"OTHER_HANDLING"`},
		{checkWord, `"REGULAR"`, `"DEPENDENT"`},
		{checkWord, `"subquery_type":"EXISTS"`, `"subquery_type":"TABLE"`},
		{checkWord, `"WINDOW_AGGREGATE"`, `"WINDOW_READ"`},
		{checkEmpty, `"delim_flipped":false`, `"delim_flipped":true`},
		{checkEmpty, `"export_state":false`, `"export_state":true`},
		{checkEmpty, `"at_clause":null`, `"at_clause":{"unit":"VERSION"}`},
		{checkEmpty, `"extension_info":null`, `"extension_info":{}`},
		{checkObject, `"type":"BASE_TABLE"`, `"type":"COLUMN_DATA"`},
		{checkObject, `"type":"SELECT_NODE"`, `"type":"INSERT_NODE"`},
		{checkObject, `"class":"WINDOW"`, `"class":"BOUND_WINDOW"`},
		{checkObject, `{"class":"COLUMN_REF"`, `{"claß":"COLUMN_REF"`},
		{checkType, `"id":"INTEGER"`, `"id":"POINTER"`},
	} {
		forged := strings.Replace(answer, f.old, f.new, 1)
		if forged == answer {
			t.Fatalf("%s is not in the tree", f.old)
		}
		out = append(out, forgery{f.check, forged})
	}
	return out
}

func TestForgedTreesAreDenied(t *testing.T) {
	g, c := openGate(t), published(t)
	for _, f := range forgeries(t, g) {
		if f.passes(g, c, nil) {
			t.Errorf("passes: %s", f.answer)
		}
	}
	for _, answer := range []string{"", "null", "[]", "{}", `{"error":false}`, `{"error":null,"statements":[]}`, `{"error":false,"statements":[]}`,
		`{"error":false,"statements":[{}]}`, `{"error":false,"statements":[null]}`, `{"error":false,"statements":[{"node":null,"named_param_map":[]}]}`,
		`{"error":false,"error":true,"statements":[]}`, `{"error":false,"statements":[`, `{"error":false,"statements":[]} `} {
		if (forgery{answer: answer}).passes(g, c, nil) {
			t.Errorf("passes: %s", answer)
		}
	}
}
