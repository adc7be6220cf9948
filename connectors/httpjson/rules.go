package httpjson

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// verdict is what an answer means.
type verdict struct {
	then      string // ok, empty, retry, throttle, fail, auth
	message   string
	messageZH string
}

// judge finds the meaning of an answer: the first rule whose conditions all hold, then the standard meaning of the
// status. env is nil while the body is not JSON; then rules with a JSON path do not hold.
func judge(rules []Rule, status int, contentType string, body []byte, env *envelope) verdict {
	for _, r := range rules {
		if r.When.holds(status, contentType, body, env) {
			return verdict{then: r.Then, message: r.Message, messageZH: r.MessageZH}
		}
	}
	return verdict{then: standard(status)}
}

func standard(status int) string {
	switch {
	case status == http.StatusNoContent:
		return "empty"
	case status >= 200 && status < 300:
		return "ok"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return "auth"
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return "throttle"
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500:
		return "retry"
	default:
		return "fail"
	}
}

func (w When) holds(status int, contentType string, body []byte, env *envelope) bool {
	if len(w.Status) > 0 && !slices.ContainsFunc(w.Status, func(s string) bool {
		lo, hi, err := statusRange(s)
		return err == nil && status >= lo && status <= hi
	}) {
		return false
	}
	if w.ContentType != "" && !strings.Contains(strings.ToLower(contentType), strings.ToLower(w.ContentType)) {
		return false
	}
	if w.BodyContains != "" && !bytes.Contains(body, []byte(w.BodyContains)) {
		return false
	}
	if w.JSON == "" {
		return true
	}
	if env == nil {
		return false
	}
	v, there := scalar(env.values[w.JSON])
	switch {
	case w.Exists != nil && *w.Exists != there,
		len(w.Equals) > 0 && !(there && slices.Contains(w.Equals, v)),
		len(w.Not) > 0 && (!there || slices.Contains(w.Not, v)):
		return false
	}
	return true
}

// statusRange reads "404", "5xx" or "500-503".
func statusRange(s string) (lo, hi int, err error) {
	if len(s) == 3 && strings.HasSuffix(s, "xx") && s[0] >= '1' && s[0] <= '5' {
		lo = int(s[0]-'0') * 100
		return lo, lo + 99, nil
	}
	a, b, found := strings.Cut(s, "-")
	if !found {
		b = a
	}
	lo, err1 := strconv.Atoi(a)
	hi, err2 := strconv.Atoi(b)
	if err1 != nil || err2 != nil || lo < 100 || hi > 599 || lo > hi {
		return 0, 0, errors.New("is not a status")
	}
	return lo, hi, nil
}
