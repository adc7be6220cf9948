package httpjson

import (
	"bytes"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// text is a body in UTF-8, as far as it could be read.
type text struct {
	body     []byte
	dubious  bool // holds bytes that are not UTF-8
	replaced bool // decoded from GB18030 with U+FFFD where that failed
}

// decodeCharset brings a body to UTF-8. Valid UTF-8 is taken as such whatever was declared: GB18030 text of any length is
// practically never valid UTF-8, but systems that declare GBK and send UTF-8 are common. It must come before parsing,
// because the second byte of a GBK character can be a quote's neighbour such as a backslash or a bar.
func decodeCharset(body []byte, configured, contentType string) (text, error) {
	declared := configured
	if declared == "" {
		if _, params, err := mime.ParseMediaType(contentType); err == nil {
			declared = strings.ToLower(params["charset"])
		}
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if utf8.Valid(body) {
		return text{body: body}, nil
	}
	switch declared {
	case "", "utf-8", "utf8":
		return text{body: body, dubious: true}, nil
	case "gb18030", "gbk", "gb2312":
		out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(body)
		if err != nil {
			return text{}, fmt.Errorf("decoding %s: %w", declared, err)
		}
		return text{body: out, replaced: bytes.Contains(out, []byte("\uFFFD"))}, nil
	default:
		return text{}, fmt.Errorf("charset %.20q is not supported", declared)
	}
}
