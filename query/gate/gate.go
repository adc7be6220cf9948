package gate

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/duckdb/duckdb-go/v2"

	"onegrid/query/gate/internal/lex"
	"onegrid/query/gate/redact"
)

// Limits of a text, checked before and while the syntax tree is read.
const (
	MaxText  = 64 << 10 // bytes
	MaxNodes = 20_000   // objects of the syntax tree
	MaxDepth = 400      // nested objects
	// MaxUnions bounds UNION, EXCEPT and INTERSECT: planning takes more than linear time.
	MaxUnions = 500
)

// Gate holds an engine instance of its own: in memory, empty, locked. It is safe for concurrent use; checks run one at a
// time.
type Gate struct {
	mu        sync.Mutex
	connector *duckdb.Connector
	conn      driver.Conn
	stmt      driver.Stmt
	grammar   grammar
	lists     lists
}

// lockDown is executed in this order: the file system is taken away after external access, and nothing can be set after
// the last line (docs/invariants.md, invariant 10: nothing is loaded or fetched).
func lockDown() []string {
	return []string{
		"SET temp_directory=''",
		"SET threads=1", "PRAGMA disable_optimizer",
		"SET memory_limit='256MB'",
		"SET autoinstall_known_extensions=false",
		"SET autoload_known_extensions=false",
		"SET allow_community_extensions=false",
		"SET enable_external_file_cache=false",
		"SET enable_external_access=false",
		"SET disabled_filesystems='LocalFileSystem'",
		"SET lock_configuration=true",
	}
}

// Open starts the instance. It returns ErrEngine when the linked engine is not one whose functions were reviewed.
func Open(ctx context.Context) (*Gate, error) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, fmt.Errorf("opening the gate's engine: %w", err)
	}
	g := &Gate{connector: connector}
	all, err := parseFunctions(functionText)
	if err == nil {
		g.lists = all.lists()
		g.grammar, err = parseGrammar(astText)
	}
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	if err := g.start(ctx); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

func (g *Gate) start(ctx context.Context) error {
	conn, err := g.connector.Connect(ctx)
	if err != nil {
		return fmt.Errorf("opening the gate's engine: %w", err)
	}
	g.conn = conn
	for _, q := range lockDown() {
		if _, err := conn.(driver.ExecerContext).ExecContext(ctx, q, nil); err != nil {
			return fmt.Errorf("locking the gate's engine: %w", err)
		}
	}
	if err := g.version(ctx); err != nil {
		return err
	}
	// Prepare takes one statement only and executes nothing; the text of the user is bound, never spliced.
	if g.stmt, err = conn.Prepare("SELECT json_serialize_sql(?::VARCHAR)::VARCHAR"); err != nil {
		return fmt.Errorf("preparing the gate's engine: %w", err)
	}
	return nil
}

// version refuses an engine that nobody has looked at.
func (g *Gate) version(ctx context.Context) error {
	rows, err := g.conn.(driver.QueryerContext).QueryContext(ctx, "SELECT version()", nil)
	if err != nil {
		return fmt.Errorf("asking the engine's version: %w", err)
	}
	defer rows.Close()
	row := make([]driver.Value, 1)
	if err := rows.Next(row); err != nil {
		return fmt.Errorf("asking the engine's version: %w", err)
	}
	if row[0] != engineVersion {
		return fmt.Errorf("%w: %v, reviewed is %s", ErrEngine, row[0], engineVersion)
	}
	return nil
}

// Close ends the instance.
func (g *Gate) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var err error
	for _, c := range []io.Closer{g.stmt, g.conn} {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	g.stmt, g.conn = nil, nil
	if g.connector != nil {
		err = errors.Join(err, g.connector.Close())
		g.connector = nil
	}
	return err
}

// Check decides on one text. A denial is a Verdict, not an error; an error means that nothing was decided, and the text
// must not be executed.
func (g *Gate) Check(ctx context.Context, text string, published Catalog) (Verdict, error) {
	return g.check(ctx, text, published, nil)
}

// check is Check without the checks in off, which only tests give.
func (g *Gate) check(ctx context.Context, text string, published Catalog, off map[check]bool) (Verdict, error) {
	w := &walk{grammar: g.grammar, lists: &g.lists, published: published, off: off, expansion: 1,
		tables: map[string]struct{}{}, calls: map[string]struct{}{}}
	statement, err := g.decide(ctx, text, w)
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{Allowed: true, Text: statement}
	if w.denied != nil {
		v = w.denied.verdict(text)
		v.check = w.denied.check
	}
	v.Tables, v.Functions = slices.Sorted(maps.Keys(w.tables)), slices.Sorted(maps.Keys(w.calls))
	v.Params, v.Nodes = w.params, w.nodes
	v.Redacted = redact.Whole
	if len(text) <= MaxText {
		v.Redacted = redact.SQL(text)
	}
	return v, nil
}

// decide runs the checks in their order: the text, the parser's answer, the tree. It returns the statement to execute.
func (g *Gate) decide(ctx context.Context, text string, w *walk) (string, error) {
	body, ok := w.text(text)
	if !ok {
		return "", nil
	}
	// What is checked is, byte for byte, what will be executed.
	answer, err := g.serialize(ctx, body)
	if err != nil {
		return "", err
	}
	if !w.answer(text, answer) {
		return "", nil
	}
	return body, nil
}

// answer decides on what the parser says of the text.
func (w *walk) answer(text, answer string) bool {
	// A quote inside a literal is escaped there, so this counts expressions only. It saves reading a tree that is too large.
	if strings.Count(answer, `"class":"`) > MaxNodes && !w.deny(denial{check: checkNodes, rule: RuleLimit, position: -1}) {
		return false
	}
	tree, err := parseJSON(answer)
	if errors.Is(err, errDeep) {
		w.denied = &denial{check: checkDepth, rule: RuleLimit, position: -1}
		return false
	}
	if err != nil {
		w.denied = &denial{rule: RuleInternal, position: -1}
		return false
	}
	if failed := tree.at("error"); failed.kind != isBool || failed.yes {
		w.denied = parserDenial(text, tree)
		return false
	}
	statements := tree.at("statements")
	if statements.kind != isList || !slices.Equal(tree.names, []string{"error", "statements"}) {
		w.denied = &denial{rule: RuleInternal, position: -1}
		return false
	}
	if len(statements.items) != 1 && !w.deny(denial{check: checkStatements, rule: RuleStatement, position: -1}) {
		return false
	}
	for _, statement := range statements.items {
		if !w.object("statement", statement, nil) {
			return false
		}
	}
	return true
}

// text checks what can be seen without a parser. It returns the text without semicolons, white space and comments at its end.
func (w *walk) text(text string) (string, bool) {
	ok := true
	if len(text) > MaxText {
		ok = w.deny(denial{check: checkBytes, rule: RuleLimit, position: -1})
	}
	if i := strings.IndexByte(text, 0); ok && i >= 0 {
		ok = w.deny(denial{check: checkNUL, rule: RuleText, position: i})
	}
	if i := strings.IndexFunc(text, misleading); ok && i >= 0 {
		ok = w.deny(denial{check: checkMark, rule: RuleText, position: i})
	}
	if !ok {
		return "", false
	}
	tokens, understood := lex.Tokens(text)
	if !understood {
		return text, w.deny(denial{check: checkLex, rule: RuleText, position: -1})
	}
	if expanded(text, tokens) > maxExpansion && !w.deny(denial{check: checkExpansion, rule: RuleLimit, position: -1}) {
		return "", false
	}
	end := 0
	for _, t := range tokens {
		if t.Kind != lex.Space && t.Kind != lex.Comment && t.Kind != lex.Semicolon {
			end = t.End
		}
	}
	return text[:end], true
}

// misleading are characters that make a text read differently from what it says: byte order mark, direction controls.
func misleading(r rune) bool {
	return r == 0xFEFF || 0x202A <= r && r <= 0x202E || 0x2066 <= r && r <= 0x2069
}

// parserDenial turns the engine's error into ours. Its text is never passed on.
func parserDenial(text string, answer value) *denial {
	d := &denial{rule: RuleSyntax, position: -1}
	if answer.at("error_type").text == "not implemented" {
		d.check = checkUnsupported
		if strings.HasPrefix(answer.at("error_message").text, "Only SELECT") {
			d.rule, d.check = RuleStatement, checkStatements
		}
		return d
	}
	// The position counts characters from 0.
	if n, err := strconv.Atoi(answer.at("position").text); err == nil && n >= 0 {
		for i := range text {
			if n--; n < 0 {
				d.position = i
				break
			}
		}
		if n >= 0 {
			d.position = len(text)
		}
	}
	return d
}

// serialize asks the engine for the syntax tree.
func (g *Gate) serialize(ctx context.Context, text string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stmt == nil {
		return "", ErrClosed
	}
	rows, err := g.stmt.(driver.StmtQueryContext).QueryContext(ctx, []driver.NamedValue{{Ordinal: 1, Value: text}})
	if err != nil {
		// The engine's message may repeat the text.
		return "", fmt.Errorf("parsing the query: %w", errors.Join(errEngineFailed, ctx.Err()))
	}
	defer rows.Close()
	row := make([]driver.Value, 1)
	if err := rows.Next(row); err != nil {
		return "", fmt.Errorf("parsing the query: %w", errors.Join(errEngineFailed, ctx.Err()))
	}
	answer, ok := row[0].(string)
	if !ok {
		return "", errJSON
	}
	return answer, nil
}
