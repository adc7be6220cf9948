package gate

import "onegrid/query"

// Rule names the rule that denied a text. It is what the audit log and the tests know a denial by.
type Rule string

const (
	RuleLimit     Rule = "limit"     // over a size limit: text, nodes, depth, constants of generating functions
	RuleText      Rule = "text"      // not UTF-8, NUL, byte order mark, control or invisible characters
	RuleSyntax    Rule = "syntax"    // the engine's parser does not take it
	RuleStatement Rule = "statement" // not exactly one SELECT
	RuleNode      Rule = "node"      // a part of the syntax tree that is not on the list
	RuleTable     Rule = "table"     // a table, view or file that is not published
	RuleQualified Rule = "qualified" // a database or schema that is not the published one
	RuleFunction  Rule = "function"  // a function that is not on the list
	RuleType      Rule = "type"      // a type that is not on the list
	RuleCollation Rule = "collation" // a collation that is not on the list
	RuleColumn    Rule = "column"    // a column name that the engine reads as a function about its surroundings
	RuleInternal  Rule = "internal"  // the gate could not decide
)

// Verdict is the decision on one text.
type Verdict struct {
	Allowed bool
	Rule    Rule       // "" when allowed
	Code    query.Code // "" when allowed; Syntax, TooLarge, Unsupported or Denied otherwise

	Message, ZH  string
	Hint, HintZH string
	Pos          int // 1-based character position in the text, 0 unknown

	// Tables and Functions are the published tables and the functions that the text names, in lower case, sorted, each
	// once. Of a denied text they hold what was read before the denial. They never hold a name outside our lists.
	Tables, Functions []string
	// Params are the identifiers of its parameters in the order of their first use: "1" for $1 and the first ?, "day" for $day.
	Params []string
	// Redacted is the text without literals and comments: see gate/redact.
	Redacted string
	// Text is the statement to execute: what was given, without semicolons, white space and comments behind it, so that it
	// can stand in parentheses. "" when denied.
	Text  string
	Nodes int // parts of the syntax tree

	check check // that denied, for tests
}

// Err is nil for an allowed text, otherwise the error for the client.
func (v Verdict) Err() *query.Error {
	if v.Allowed {
		return nil
	}
	return &query.Error{Code: v.Code, Rule: string(v.Rule), Message: v.Message, ZH: v.ZH, Hint: v.Hint, HintZH: v.HintZH, Pos: v.Pos}
}
