package httpjson

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"onegrid/connectors"
)

// scrubbed is an error whose text has lost what must not be shown; errors.Is still sees through to the sentinels.
type scrubbed struct {
	text string
	err  error
}

func (s scrubbed) Error() string        { return s.text }
func (s scrubbed) Is(target error) bool { return errors.Is(s.err, target) }

// scrub removes addresses with their query strings (url.Error) and known secrets from the text of an error.
func scrub(err error, secrets []string) error {
	// invariant 4: no secret and no value in an error
	text := stripURL(err).Error()
	for _, s := range secrets {
		if len(s) < 4 {
			continue // replacing such a short text would only tell it
		}
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s)} {
			text = strings.ReplaceAll(text, form, "***")
		}
	}
	return scrubbed{text: text, err: err}
}

// stripURL takes off the wrapping that quotes the whole address.
func stripURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// secret resolves a reference; the error names the reference's kind, never its value.
func secret(env connectors.Env, ref string) (string, error) {
	if env.Secret == nil {
		return "", errors.New("resolving a secret: this program resolves none")
	}
	v, err := env.Secret(ref)
	if err != nil {
		return "", fmt.Errorf("resolving the secret %s: %w", ref, err)
	}
	if v == "" {
		return "", fmt.Errorf("resolving the secret %s: it is empty", ref)
	}
	return v, nil
}
