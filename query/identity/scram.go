package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/xdg-go/scram"

	"onegrid/query"
)

// verifier is what a SCRAM-SHA-256 server keeps of a password (RFC 5802, section 3).
type verifier struct {
	Salt       []byte `json:"salt"`
	Iterations int    `json:"iterations"`
	StoredKey  []byte `json:"stored_key"`
	ServerKey  []byte `json:"server_key"`
}

// newVerifier derives the keys of a password that prepare has normalised.
func newVerifier(password string, iterations int) (verifier, error) {
	c, err := scram.SHA256.NewClientUnprepped("", password, "")
	if err != nil {
		return verifier{}, fmt.Errorf("deriving SCRAM keys: %w", err)
	}
	salt := random(saltBytes)
	s, err := c.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: iterations})
	if err != nil {
		return verifier{}, fmt.Errorf("deriving SCRAM keys: %w", err)
	}
	return verifier{Salt: salt, Iterations: iterations, StoredKey: s.StoredKey, ServerKey: s.ServerKey}, nil
}

func (v verifier) credentials() scram.StoredCredentials {
	return scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(v.Salt), Iters: v.Iterations},
		StoredKey:  v.StoredKey, ServerKey: v.ServerKey,
	}
}

// decoy is the verifier of a user that does not exist: the same salt whenever it is asked for, and keys that no password
// has. It keeps an attacker from learning who exists (RFC 5802, section 9).
func decoy(key []byte, name string, iterations int) verifier {
	part := func(what string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(what))
		m.Write([]byte{0})
		m.Write([]byte(name))
		return m.Sum(nil)
	}
	return verifier{Salt: part("salt")[:saltBytes], Iterations: iterations, StoredKey: part("stored"), ServerKey: part("server")}
}

// Exchange is one SCRAM-SHA-256 exchange on the server's side. Its caller feeds the client's messages to Step until Done,
// and must then call Finish, which counts and records the outcome. An exchange that is given up must be finished as well.
type Exchange struct {
	dir      *Directory
	name     string
	from     From
	conv     *scram.ServerConversation
	accept   func() (query.Principal, error)
	finished bool
}

// SCRAM begins an exchange for the user name of a startup message: a local user ("li"), or a service token of one
// ("li/metabase": the token is the password). binding is scram.ChannelBinding{} without SCRAM-SHA-256-PLUS. A name that is
// locked out is refused here; any other error is an *query.Error as well.
func (d *Directory) SCRAM(ctx context.Context, name string, from From, binding scram.ChannelBinding) (*Exchange, error) {
	if err := d.admit(ctx, name, from); err != nil {
		return nil, err
	}
	v, accept, err := d.verifierOf(ctx, name, from)
	if err != nil {
		return nil, err
	}
	// The name inside the SCRAM messages is ignored, as PostgreSQL does.
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return v.credentials(), nil })
	if err != nil {
		return nil, errUnavailable(err)
	}
	x := &Exchange{dir: d, name: name, from: from, accept: accept}
	if binding.IsSupported() {
		x.conv = server.NewConversationWithChannelBinding(binding)
	} else {
		x.conv = server.NewConversation()
	}
	return x, nil
}

// Step answers one message of the client. An error ends the exchange; out may then still hold a SCRAM error message.
func (x *Exchange) Step(in string) (out string, err error) {
	out, err = x.conv.Step(in)
	if err != nil {
		return out, fmt.Errorf("SCRAM exchange: %w", err)
	}
	return out, nil
}

// Done reports whether no further message is expected.
func (x *Exchange) Done() bool { return x.conv.Done() }

// Finish says who it was; the error is an *query.Error that tells nothing of the reason. A second call is an error.
func (x *Exchange) Finish(ctx context.Context) (query.Principal, error) {
	if x.finished {
		return query.Principal{}, errUnavailable(errors.New("exchange finished twice"))
	}
	x.finished = true
	if !x.conv.Valid() || x.accept == nil {
		return query.Principal{}, x.dir.fail(ctx, x.name, x.from, reasonWrong)
	}
	who, err := x.accept()
	if err != nil {
		return query.Principal{}, x.dir.settle(ctx, x.name, x.from, err)
	}
	return who, x.dir.succeed(ctx, x.name, x.from, who)
}
