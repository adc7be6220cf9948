package gate

// check is one reason to deny. Tests switch each off alone and expect a text of the corpus to pass: a check that nothing
// depends on would be no check.
type check string

const (
	checkBytes      check = "bytes"      // length of the text
	checkNUL        check = "nul"        // no NUL: the engine stops reading there
	checkMark       check = "mark"       // no byte order mark, no control of writing direction
	checkLex        check = "lex"        // the text is UTF-8 and understood by gate/internal/lex
	checkExpansion  check = "expansion"  // what the parser copies: CASE operands, named windows, grouping sets
	checkStatements check = "statements" // exactly one
	checkNodes      check = "nodes"
	checkDepth      check = "depth"
	checkUnions     check = "unions"   // set operations: the engine plans thousands of them for minutes
	checkObject     check = "object"   // an object of the tree is on the list
	checkField      check = "field"    // it has exactly the listed fields
	checkWord       check = "word"     // an enumeration has a listed word
	checkEmpty      check = "empty"    // a field that must say nothing says nothing
	checkCatalog    check = "catalog"  // no table of another database
	checkSchema     check = "schema"   // no table of another schema
	checkTable      check = "table"    // the table is published
	checkCTEName    check = "cte_name" // a WITH name is no name of the engine and no file
	checkCall       check = "call"     // the function is on the list
	checkTableCall  check = "table_call"
	checkCallSchema check = "call_schema"
	checkAggregate  check = "aggregate" // a function named in a text is an aggregate on the list
	checkMacros     check = "macros"    // nested built-in macros stay small when they are written out
	checkConstant   check = "constant"  // constants of generating functions
	checkType       check = "type"
	checkNamedType  check = "named_type"
	checkCollation  check = "collation"
	checkColumn     check = "column"
)

// checkUnsupported marks what the parser knows and the engine does not; no check of ours.
const checkUnsupported check = "unsupported"

// checks are all of them.
func checks() []check {
	return []check{checkBytes, checkNUL, checkMark, checkLex, checkExpansion, checkStatements, checkNodes, checkDepth, checkUnions,
		checkObject, checkField, checkWord, checkEmpty, checkCatalog, checkSchema, checkTable, checkCTEName, checkCall,
		checkTableCall, checkCallSchema, checkAggregate, checkMacros, checkConstant, checkType, checkNamedType, checkCollation,
		checkColumn}
}

// denial is why a text is denied.
type denial struct {
	check    check
	rule     Rule
	name     string // of what is denied; shown only when it is harmless
	near     string // an allowed name like it
	reason   string // why a name of the engine is not allowed
	position int    // byte offset in the text, -1 unknown
}
