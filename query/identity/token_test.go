package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xdg-go/scram"

	"onegrid/query"
)

// scramLogin logs in as a PostgreSQL client does: the name in the SCRAM messages is empty.
func scramLogin(ctx context.Context, d *Directory, name, password string, from From) (query.Principal, error) {
	x, err := d.SCRAM(ctx, name, from, scram.ChannelBinding{})
	if err != nil {
		return query.Principal{}, err
	}
	c, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		return query.Principal{}, err
	}
	conv := c.NewConversation()
	in, out := "", ""
	for !x.Done() {
		if out, err = conv.Step(in); err != nil {
			break
		}
		if in, err = x.Step(out); err != nil {
			break
		}
	}
	if err == nil {
		_, err = conv.Step(in) // the client checks the server's proof too
	}
	who, ferr := x.Finish(ctx)
	if ferr == nil && err != nil {
		return query.Principal{}, fmt.Errorf("the client does not believe the server: %w", err)
	}
	return who, ferr
}

func TestSCRAM(t *testing.T) {
	r := start(t, quick(t))
	ctx := t.Context()
	r.add(t, "li", query.Analyst, "county-police")
	who, err := scramLogin(ctx, r.Directory, "li", password, here())
	if err != nil || who.User != "li" || who.Scope.Area != "990101" {
		t.Fatalf("%+v, %v", who, err)
	}
	if _, err := scramLogin(ctx, r.Directory, "li", "wrong password", here()); codeOf(err) != query.Unauthenticated {
		t.Errorf("wrong password: %v", err)
	}
	// Names that do not exist get a salt that stays the same, and the same number of iterations.
	first := func(name string) string {
		x, err := r.SCRAM(ctx, name, From{Address: "198.51.100.9"}, scram.ChannelBinding{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := x.Step("n,,n=,r=clientnonce")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Finish(ctx); codeOf(err) != query.Unauthenticated {
			t.Errorf("an exchange without a proof: %v", err)
		}
		_, saltAndCount, _ := strings.Cut(m, ",s=")
		return saltAndCount
	}
	a, b, c := first("nobody"), first("nobody"), first("somebody")
	if a != b || a == c || !strings.HasSuffix(a, ",i=4096") {
		t.Errorf("decoys %q, %q, %q", a, b, c)
	}
	// A password of another normal form is the same password (RFC 4013).
	if _, err := r.SetPassword(ctx, "test", "li", "\u2460 \u2126 quiet lamps"); err != nil {
		t.Fatal(err)
	}
	if _, err := scramLogin(ctx, r.Directory, "li", "1 \u03a9 quiet lamps", here()); err != nil {
		t.Errorf("SCRAM: %v", err)
	}
	if _, err := r.Password(ctx, "li", "1 \u03a9 quiet lamps", here()); err != nil {
		t.Errorf("password: %v", err)
	}
}

func TestServiceTokens(t *testing.T) {
	c := quick(t)
	r := start(t, c)
	ctx := t.Context()
	r.add(t, "li", query.SensitiveAnalyst, "command-centre")
	secret, tok, err := r.IssueToken(ctx, "admin", NewToken{Owner: "li", Name: "metabase", For: time.Hour, Tier: query.Masked, Area: "990101"})
	if err != nil || tok.Scope.String() != "990101_masked" {
		t.Fatalf("%+v, %v", tok, err)
	}
	want := query.Principal{User: "li", Role: query.Analyst, Org: "command-centre", Scope: tok.Scope, Token: tok.ID}
	who, err := r.Bearer(ctx, secret, here())
	if err != nil || who != want {
		t.Fatalf("bearer: %+v, %v", who, err)
	}
	who, err = scramLogin(ctx, r.Directory, "li/metabase", secret, here())
	if err != nil || who != want {
		t.Fatalf("SCRAM: %+v, %v", who, err)
	}
	for _, wrong := range []string{secret[:len(secret)-1] + "!", "ogt_" + strings.Repeat("0", 12) + "_" + strings.Repeat("a", 52), "", "ogt_", "a.b.c", strings.ToUpper(secret)} {
		if _, err := r.Bearer(ctx, wrong, From{Address: "203.0.113.1"}); codeOf(err) != query.Unauthenticated {
			t.Errorf("%d characters: %v", len(wrong), err)
		}
		r.clock.add(time.Minute / 2)
	}
	if _, err := scramLogin(ctx, r.Directory, "li/metabase", "wrong password", here()); codeOf(err) != query.Unauthenticated {
		t.Errorf("wrong token: %v", err)
	}
	for _, bad := range []NewToken{
		{Owner: "li", Name: "metabase"}, {Owner: "li", Name: "Upper"}, {Owner: "nobody", Name: "x"},
		{Owner: "li", Name: "x", For: 400 * 24 * time.Hour}, {Owner: "li", Name: "x", Area: "9901"},
	} {
		if _, _, err := r.IssueToken(ctx, "admin", bad); err == nil {
			t.Errorf("issued %+v", bad)
		}
	}
	r.add(t, "wang", query.Analyst, "county-police")
	for _, wide := range []NewToken{{Owner: "wang", Name: "x", Area: City}, {Owner: "wang", Name: "x", Area: "990102"}, {Owner: "wang", Name: "x", Tier: query.Sensitive}} {
		if _, _, err := r.IssueToken(ctx, "admin", wide); !errors.Is(err, ErrInvalid) {
			t.Errorf("a token wider than its owner: %v", err)
		}
	}
	// What the owner loses, the token loses, also on a connection that is open.
	if err := r.SetRole(ctx, "admin", "li", query.Analyst, "command-centre"); err != nil {
		t.Fatal(err)
	}
	if err := r.Valid(ctx, who); err != nil {
		t.Errorf("still within the owner's scope: %v", err)
	}
	if err := r.SetRole(ctx, "admin", "li", query.Auditor, ""); err != nil {
		t.Fatal(err)
	}
	if err := r.Valid(ctx, who); codeOf(err) != query.Unauthenticated {
		t.Errorf("the owner cannot query: %v", err)
	}
	if err := r.SetRole(ctx, "admin", "li", query.SensitiveAnalyst, "command-centre"); err != nil {
		t.Fatal(err)
	}
	if err := r.Valid(ctx, who); err != nil {
		t.Errorf("given back: %v", err)
	}
	if err := r.Revoke(ctx, "admin", "li", "metabase"); err != nil {
		t.Fatal(err)
	}
	if err := r.Valid(ctx, who); codeOf(err) != query.Unauthenticated {
		t.Errorf("revoked: %v", err)
	}
	if _, err := r.Bearer(ctx, secret, here()); codeOf(err) != query.Unauthenticated {
		t.Errorf("revoked: %v", err)
	}
	r.clock.add(10 * time.Minute)
	secret, _, err = r.IssueToken(ctx, "admin", NewToken{Owner: "li", Name: "metabase", For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	r.clock.add(time.Hour)
	if _, err := r.Bearer(ctx, secret, here()); codeOf(err) != query.Unauthenticated {
		t.Errorf("expired: %v", err)
	}
}

func TestSessions(t *testing.T) {
	c := quick(t)
	c.Session.PerUser = 2
	r := start(t, c)
	ctx := t.Context()
	r.add(t, "li", query.Analyst, "command-centre")
	who, err := r.Password(ctx, "li", password, here())
	if err != nil {
		t.Fatal(err)
	}
	a, csrf := r.NewSession(who)
	got, gotCSRF, err := r.Session(ctx, a)
	if err != nil || got != who || gotCSRF != csrf {
		t.Fatalf("%+v, %v", got, err)
	}
	r.clock.add(time.Minute)
	b, _ := r.NewSession(who)
	r.clock.add(time.Minute)
	d, _ := r.NewSession(who)
	if _, _, err := r.Session(ctx, a); codeOf(err) != query.Unauthenticated {
		t.Errorf("the oldest of three: %v", err)
	}
	r.clock.add(c.Session.Idle - time.Minute/2)
	if _, _, err := r.Session(ctx, b); codeOf(err) != query.Unauthenticated {
		t.Errorf("idle: %v", err)
	}
	if _, _, err := r.Session(ctx, d); err != nil {
		t.Errorf("in use: %v", err)
	}
	if err := r.EndSession(ctx, d, here()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Session(ctx, d); codeOf(err) != query.Unauthenticated {
		t.Errorf("ended: %v", err)
	}
	e, _ := r.NewSession(who)
	if err := r.Disable(ctx, "admin", "li", true); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Session(ctx, e); codeOf(err) != query.Unauthenticated {
		t.Errorf("disabled: %v", err)
	}
}
