package gate

import "strings"

// namedType decides on a type that the parser left to be looked up by name. JSON is the only one of the engine's that
// an honest query needs, ENUM with its words the only one with arguments; quoted names of plain types come as well.
func (w *walk) namedType(v value) bool {
	name := fold(v.at("name").text)
	ok := v.at("catalog").text == "" && v.at("schema").text == ""
	arguments := v.at("user_type_modifiers").items
	switch name {
	case "json", "bool", "boolean", "tinyint", "smallint", "integer", "int", "bigint", "hugeint", "float", "real", "double", "varchar", "text", "string",
		"date", "time", "timestamp", "timestamptz", "timestamp with time zone", "interval", "uuid", "blob":
		ok = ok && len(arguments) == 0
	case "enum":
		for _, a := range arguments {
			ok = ok && a.at("value").kind == isText
		}
	default:
		ok = false
	}
	if !ok {
		return w.deny(denial{check: checkNamedType, rule: RuleType, name: name, position: -1})
	}
	return true
}

// collationAllowed takes one collation or several joined by points.
func collationAllowed(name string) bool {
	for _, part := range strings.Split(fold(name), ".") {
		switch part {
		case "c", "posix", "binary", "nocase", "noaccent", "nfc", "icu_noaccent", "zh", "zh_cn", "zh_hk", "zh_tw", "en", "en_us":
		default:
			return false
		}
	}
	return true
}
