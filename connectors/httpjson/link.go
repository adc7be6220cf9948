package httpjson

import "strings"

// nextLink finds the target of rel="next" in Link header fields (RFC 8288); "" if there is none. It reads quoted
// parameters with escapes, several relations in one parameter and several links in one field.
func nextLink(fields []string) string {
	for _, f := range fields {
		for f != "" {
			open := strings.IndexByte(f, '<')
			if open < 0 {
				break
			}
			end := strings.IndexByte(f[open:], '>')
			if end < 0 {
				break
			}
			target := f[open+1 : open+end]
			rest, isNext := linkParams(f[open+end+1:])
			if isNext && target != "" {
				return strings.TrimSpace(target)
			}
			f = rest
		}
	}
	return ""
}

// linkParams reads the parameters up to the comma that ends the link, and reports whether rel holds "next". Only the
// first rel counts (RFC 8288 §3.3).
func linkParams(f string) (rest string, isNext bool) {
	seen := false
	for {
		f = strings.TrimLeft(f, " \t")
		if f == "" || f[0] == ',' {
			return strings.TrimPrefix(f, ","), isNext
		}
		if f[0] == ';' {
			f = f[1:]
			continue
		}
		i := strings.IndexAny(f, "=;,")
		if i < 0 {
			return "", isNext
		}
		name := strings.ToLower(strings.TrimSpace(f[:i]))
		if f[i] != '=' {
			f = f[i:]
			continue
		}
		var value string
		value, f = linkValue(strings.TrimLeft(f[i+1:], " \t"))
		if name == "rel" && !seen {
			seen = true
			for _, r := range strings.Fields(value) {
				isNext = isNext || strings.EqualFold(r, "next")
			}
		}
	}
}

func linkValue(f string) (value, rest string) {
	if !strings.HasPrefix(f, `"`) {
		i := strings.IndexAny(f, ";,")
		if i < 0 {
			i = len(f)
		}
		return strings.TrimSpace(f[:i]), f[i:]
	}
	var b strings.Builder
	for i := 1; i < len(f); i++ {
		switch f[i] {
		case '\\':
			if i++; i < len(f) {
				b.WriteByte(f[i])
			}
		case '"':
			return b.String(), f[i+1:]
		default:
			b.WriteByte(f[i])
		}
	}
	return b.String(), ""
}
