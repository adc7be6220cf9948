package gate

import (
	"strings"
)

// table looks a table name up: first among the names of WITH, then among what is published. There is no third place.
func (w *walk) table(v value, sc *scope) bool {
	name, schema := fold(v.at("table_name").text), fold(v.at("schema_name").text)
	if v.at("catalog_name").text != "" {
		if !w.deny(denial{check: checkCatalog, rule: RuleQualified, name: v.at("catalog_name").text, position: location(v)}) {
			return false
		}
	}
	switch schema {
	case "":
		if sc.find(name) != nil {
			return true
		}
		schema = "main"
	case "recurring":
		if s := sc.find(name); s != nil && s.keyed {
			return true
		}
	}
	key := schema + "." + name
	if _, ok := w.published.tables[key]; ok {
		w.tables[strings.TrimPrefix(key, "main.")] = struct{}{}
		return true
	}
	if schema != "main" && !w.published.hasSchema(schema) {
		return w.deny(denial{check: checkSchema, rule: RuleQualified, name: schema, position: location(v)})
	}
	return w.deny(denial{check: checkTable, rule: RuleTable, name: name, near: nearest(name, w.published.tables), position: location(v)})
}

// cteName denies names of WITH that would mean something to the engine if it ever looked for them elsewhere: its own
// views, and files.
func (w *walk) cteName(name string) bool {
	name = fold(name)
	ok := name != "" && !strings.ContainsAny(name, "./\\*?:[]{}") && !engineView(name)
	if !ok {
		return w.deny(denial{check: checkCTEName, rule: RuleTable, name: name, position: -1})
	}
	return true
}

// engineView reports whether a name in lower case is or could be one of the engine's own views.
func engineView(name string) bool {
	for _, prefix := range []string{"duckdb_", "sqlite_", "pragma_", "pg_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// column denies names that the engine calls as functions when no column has them.
func (w *walk) column(v value) bool {
	names := v.at("column_names")
	if len(names.items) != 1 {
		return true
	}
	name := fold(names.items[0].text)
	switch name {
	case "current_catalog", "current_schema", "current_role", "current_user", "session_user", "user":
		if _, ok := w.published.macros["main."+name]; !ok {
			return w.deny(denial{check: checkColumn, rule: RuleColumn, name: name, reason: w.lists.denied[name], position: location(v)})
		}
	}
	return true
}

// reservedSchema are the schemas and databases that the engine brings.
func reservedSchema(name string) bool {
	switch name {
	case "system", "temp", "pg_catalog", "information_schema":
		return true
	}
	return false
}

// callName decides on the name of a call in an expression and returns it in lower case.
func (w *walk) callName(v value) (name string, ok bool) {
	name = fold(v.at("function_name").text)
	schema, catalog := fold(v.at("schema").text), v.at("catalog").text
	if catalog != "" || reservedSchema(schema) {
		if !w.deny(denial{check: checkCallSchema, rule: RuleQualified, name: schema, position: location(v)}) {
			return name, false
		}
	}
	if schema == "" || schema == "main" {
		if _, ok := w.published.macros["main."+name]; ok {
			w.calls[name] = struct{}{}
			return name, true
		}
	} else if _, ok := w.published.macros[schema+"."+name]; ok {
		w.calls[schema+"."+name] = struct{}{}
		return name, true
	}
	// With any other schema it is x.name(...), the call of a method: name(x, ...).
	if _, ok := w.lists.calls[name]; ok {
		w.calls[name] = struct{}{}
		return name, true
	}
	return name, w.deny(denial{check: checkCall, rule: RuleFunction, name: name, reason: w.lists.denied[name],
		near: w.nearestCall(name), position: location(v)})
}

// call visits a function call; inTable tells that it stands where a table would.
func (w *walk) call(v value, sc *scope, inTable bool) bool {
	s := w.grammar["expr"]["FUNCTION"]
	if inTable {
		if v.kind != isObject || len(v.names) != len(s.fields) || v.items[0].text != "FUNCTION" {
			return w.deny(denial{check: checkObject, rule: RuleNode, name: "table function", position: location(v)})
		}
		for i := range s.fields {
			if v.names[i] != s.fields[i].name {
				return w.deny(denial{check: checkField, rule: RuleNode, name: "table function", position: location(v)})
			}
		}
		if !w.tableCallName(v) {
			return false
		}
		return w.constants(v, fold(v.at("function_name").text), true) && w.fields(s, v, sc)
	}
	name, ok := w.callName(v)
	if !ok || !w.namedAggregate(v, name) || !w.constants(v, name, false) {
		return false
	}
	outer := w.expansion
	defer func() { w.expansion = outer }()
	if w.lists.calls[name] == "macro" {
		w.expansion *= copiesOf(name)
		if w.expansion > maxCopies && !w.deny(denial{check: checkMacros, rule: RuleLimit, name: name, position: location(v)}) {
			return false
		}
	}
	return w.fields(s, v, sc)
}

// tableCallName decides on a function in FROM.
func (w *walk) tableCallName(v value) bool {
	name, schema := fold(v.at("function_name").text), fold(v.at("schema").text)
	if schema == "" {
		schema = "main"
	}
	if v.at("catalog").text != "" || reservedSchema(schema) {
		if !w.deny(denial{check: checkCallSchema, rule: RuleQualified, name: schema, position: location(v)}) {
			return false
		}
	}
	if _, ok := w.published.tableMacros[schema+"."+name]; ok {
		w.calls[strings.TrimPrefix(schema+"."+name, "main.")] = struct{}{}
		return true
	}
	if _, ok := w.lists.tables[name]; ok && schema == "main" {
		w.calls[name] = struct{}{}
		return true
	}
	return w.deny(denial{check: checkTableCall, rule: RuleFunction, name: name, reason: w.lists.denied[name],
		near: nearest(name, w.lists.tables), position: location(v)})
}

// namedAggregate looks at functions that call another one, named by a text.
func (w *walk) namedAggregate(v value, name string) bool {
	switch name {
	case "list_aggr", "list_aggregate", "array_aggr", "array_aggregate", "aggregate":
	default:
		return true
	}
	args := v.at("children").items
	at := 1
	if schema := fold(v.at("schema").text); schema != "" && schema != "main" {
		at = 0 // l.list_aggr('sum'): the list is before the point
	}
	if at < len(args) {
		if lit := args[at].at("value"); args[at].at("class").text == "CONSTANT" && lit.at("value").kind == isText {
			if _, ok := w.lists.aggregates[fold(lit.at("value").text)]; ok {
				return true
			}
		}
	}
	return w.deny(denial{check: checkAggregate, rule: RuleFunction, name: name, reason: "its second argument must be the name of an aggregate|第二个参数必须是聚合函数名", position: location(v)})
}
