package http

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"onegrid/query"
)

type format string

const (
	formatJSON    format = "json"
	formatNDJSON  format = "ndjson"
	formatCSV     format = "csv"
	formatArrow   format = "arrow"
	formatParquet format = "parquet"
)

// mediaTypes of the formats; the first is the default.
func mediaTypes() []struct {
	format format
	media  string
} {
	return []struct {
		format format
		media  string
	}{
		{formatJSON, "application/json"},
		{formatNDJSON, "application/x-ndjson"},
		{formatCSV, "text/csv"},
		{formatArrow, "application/vnd.apache.arrow.stream"},
		{formatParquet, "application/vnd.apache.parquet"},
	}
}

func (f format) media() string {
	for _, m := range mediaTypes() {
		if m.format == f {
			return m.media
		}
	}
	return ""
}

// negotiate picks the format: the one asked for by name, else the best of Accept (RFC 9110, section 12.5.1).
func negotiate(r *http.Request, name string) (format, error) {
	if name != "" {
		if f := format(name); f.media() != "" {
			return f, nil
		}
		return "", invalid("format", "format must be json, ndjson, csv, arrow or parquet", "format 须为 json、ndjson、csv、arrow 或 parquet")
	}
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if strings.TrimSpace(accept) == "" {
		return formatJSON, nil
	}
	var best format
	bestQ := 0.0
	for _, m := range mediaTypes() {
		if q := accepted(accept, m.media); q > bestQ {
			best, bestQ = m.format, q
		}
	}
	if best == "" {
		return "", &query.Error{Code: query.Unsupported, Rule: "accept", Message: "no format of this server is acceptable to the client", ZH: "不支持所请求的返回格式",
			Hint: "accept application/json, application/x-ndjson, text/csv, application/vnd.apache.arrow.stream or application/vnd.apache.parquet", HintZH: "可用格式: JSON、NDJSON、CSV、Arrow、Parquet"}
	}
	return best, nil
}

// accepted is the weight of a media type in an Accept header: the most specific range counts.
func accepted(accept, media string) float64 {
	main, _, _ := strings.Cut(media, "/")
	q, rank := 0.0, -1
	for part := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		name = strings.ToLower(strings.TrimSpace(name))
		r := -1
		switch name {
		case media:
			r = 2
		case main + "/*":
			r = 1
		case "*/*":
			r = 0
		}
		if r > rank {
			rank, q = r, weight(params)
		}
	}
	return q
}

// weight is the parameter q of a list member, 1 if there is none.
func weight(params string) float64 {
	_, ps, err := mime.ParseMediaType("x/x;" + params)
	if err != nil || ps["q"] == "" {
		return 1
	}
	q, err := strconv.ParseFloat(ps["q"], 64)
	if err != nil || q < 0 || q > 1 {
		return 0
	}
	return q
}
