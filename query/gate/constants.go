package gate

import (
	"math"
	"strconv"
)

const (
	maxCopies    = 4096       // of one argument by nested built-in macros
	maxGenerated = 10_000_000 // rows of range() and generate_series() in FROM
	maxElements  = 1_000_000  // characters or list elements made by one call
)

// copiesOf is how often the body of a built-in macro names its arguments at most.
func copiesOf(name string) int {
	switch name {
	case "round_even", "roundbankers":
		return 4
	case "weighted_avg", "wavg", "split_part", "json_group_object":
		return 3
	case "nullif", "fmod", "array_pop_back", "array_to_string", "array_to_string_comma_default", "json_group_array", "json_group_structure":
		return 2
	default:
		return 1
	}
}

// constants denies what is visibly a bomb. Anything that is computed is the worker's to stop: its memory and time end.
func (w *walk) constants(v value, name string, inTable bool) bool {
	args := v.at("children").items
	limit := float64(maxElements)
	switch name {
	case "range", "generate_series":
		if inTable {
			limit = maxGenerated
		}
		if rows, ok := generated(args); ok && rows > limit {
			return w.deny(denial{check: checkConstant, rule: RuleLimit, name: name, position: location(v)})
		}
		return true
	case "repeat", "lpad", "rpad", "list_resize", "array_resize", "bitstring", "to_base", "bar", "equi_width_bins":
		for _, a := range args {
			if n, ok := number(a); ok && math.Abs(n) > limit {
				return w.deny(denial{check: checkConstant, rule: RuleLimit, name: name, position: location(v)})
			}
		}
	case "printf", "format":
		for _, a := range args {
			if lit := a.at("value").at("value"); lit.kind == isText && wideFormat(lit.text) {
				return w.deny(denial{check: checkConstant, rule: RuleLimit, name: name, position: location(v)})
			}
		}
	}
	return true
}

// generated is the number of values of range(to), range(from, to) or range(from, to, step) with constant numbers.
func generated(args []value) (float64, bool) {
	n := make([]float64, len(args))
	for i, a := range args {
		var ok bool
		if n[i], ok = number(a); !ok {
			return 0, false
		}
	}
	switch {
	case len(n) == 1:
		return n[0], true
	case len(n) == 2:
		return n[1] - n[0], true
	case len(n) == 3 && n[2] != 0:
		return (n[1] - n[0]) / n[2], true
	}
	return 0, false
}

// number is the value of a constant number, or of one that is cast, negated, added, multiplied, raised or shifted.
func number(v value) (float64, bool) {
	switch v.at("class").text {
	case "CONSTANT":
		lit := v.at("value")
		if wide := lit.at("value"); wide.kind == isObject { // HUGEINT: {upper, lower}
			return math.MaxFloat64, true
		} else if wide.kind == isNumber {
			n, err := strconv.ParseFloat(wide.text, 64)
			if err != nil {
				return 0, false
			}
			if info := lit.at("type").at("type_info"); info.at("type").text == "DECIMAL_TYPE_INFO" {
				scale, _ := strconv.Atoi(info.at("scale").text)
				n /= math.Pow10(scale)
			}
			return n, true
		} else if wide.kind == isText {
			n, err := strconv.ParseFloat(wide.text, 64)
			return n, err == nil
		}
	case "CAST":
		return number(v.at("child"))
	case "FUNCTION":
		args := v.at("children").items
		n := make([]float64, len(args))
		for i, a := range args {
			var ok bool
			if n[i], ok = number(a); !ok {
				return 0, false
			}
		}
		switch op := v.at("function_name").text; {
		case op == "-" && len(n) == 1:
			return -n[0], true
		case op == "-" && len(n) == 2:
			return n[0] - n[1], true
		case op == "+" && len(n) == 2:
			return n[0] + n[1], true
		case op == "*" && len(n) == 2:
			return n[0] * n[1], true
		case (op == "**" || op == "^" || op == "pow" || op == "power") && len(n) == 2:
			return math.Pow(n[0], n[1]), true
		case op == "<<" && len(n) == 2:
			return n[0] * math.Pow(2, n[1]), true
		}
	}
	return 0, false
}

// wideFormat reports whether a format has a field of a million characters or more: seven digits behind % or inside {}.
func wideFormat(format string) bool {
	digits, inside := 0, false
	for i := 0; i < len(format); i++ {
		switch c := format[i]; {
		case c == '%' || c == '{':
			inside, digits = true, 0
		case c == '}' || inside && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'):
			inside = false
		case inside && '0' <= c && c <= '9':
			if digits++; digits > 6 {
				return true
			}
		default:
			digits = 0
		}
	}
	return false
}
