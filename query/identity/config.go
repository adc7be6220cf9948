package identity

import (
	"errors"
	"fmt"
	"time"

	"onegrid/query"
)

// Config of a Directory.
type Config struct {
	// Dir holds users.json, attempts.log and the one-time secret of the first administrator; mode 0700.
	Dir string `yaml:"dir"`
	// Orgs is the file that gives every organisation its area (see LoadOrgs); without it every local user sees the city.
	Orgs     string         `yaml:"orgs"`
	Password PasswordConfig `yaml:"password"`
	Lockout  LockoutConfig  `yaml:"lockout"`
	Session  SessionConfig  `yaml:"session"`
	OIDC     *OIDCConfig    `yaml:"oidc"` // nil: no provider, and no outbound connection
}

// PasswordConfig holds the cost of a password. Stored hashes keep the cost they were made with; one below these is made
// anew when its user logs in.
type PasswordConfig struct {
	MemoryKiB  uint32 `yaml:"memory_kib"` // argon2id m
	Passes     uint32 `yaml:"passes"`     // argon2id t
	Lanes      uint8  `yaml:"lanes"`      // argon2id p
	Iterations int    `yaml:"iterations"` // PBKDF2 of SCRAM-SHA-256
	MinLength  int    `yaml:"min_length"` // characters
	Parallel   int    `yaml:"parallel"`   // hashes computed at the same time; each needs MemoryKiB
}

// LockoutConfig holds how failed logins slow down further ones: after Free failures the wait is First, and doubles with
// every failure up to Max. A failure is forgotten after Forget.
type LockoutConfig struct {
	UserFree    int           `yaml:"user_free"`
	AddressFree int           `yaml:"address_free"`
	First       time.Duration `yaml:"first"`
	Max         time.Duration `yaml:"max"`
	Forget      time.Duration `yaml:"forget"`
}

// SessionConfig holds how long a browser session lives.
type SessionConfig struct {
	Idle    time.Duration `yaml:"idle"`
	Max     time.Duration `yaml:"max"`
	PerUser int           `yaml:"per_user"` // the oldest ends when there is one more
}

// OIDCConfig names an OpenID Connect provider whose bearer tokens are accepted. The issuer's host, and KeysHost where the
// keys lie elsewhere, are the only addresses that are called (invariant 10).
type OIDCConfig struct {
	Issuer     string       `yaml:"issuer"`
	Audience   string       `yaml:"audience"`
	KeysHost   string       `yaml:"keys_host"`  // host or host:port, if not the issuer's
	CAFile     string       `yaml:"ca_file"`    // PEM, instead of the system's
	Algorithms []string     `yaml:"algorithms"` // default RS256, ES256, PS256, EdDSA
	UserClaim  string       `yaml:"user_claim"` // default preferred_username, then sub
	RoleClaim  string       `yaml:"role_claim"` // "roles" or a path such as realm_access.roles
	OrgClaim   string       `yaml:"org_claim"`
	Roles      []ClaimRole  `yaml:"roles"` // the first that matches counts; no match is a refusal
	Orgs       []ClaimOrg   `yaml:"orgs"`  // empty: the claim is the organisation code itself
	HTTP       HTTPDeadline `yaml:"http"`
}

// ClaimRole makes a value of the role claim a role.
type ClaimRole struct {
	Claim string     `yaml:"claim"`
	Role  query.Role `yaml:"role"`
}

// ClaimOrg makes a value of the organisation claim an organisation code.
type ClaimOrg struct {
	Claim string `yaml:"claim"`
	Org   string `yaml:"org"`
}

// HTTPDeadline bounds calls to the provider.
type HTTPDeadline struct {
	Timeout time.Duration `yaml:"timeout"`
}

// Defaults returns the configuration to decode over. The password cost is that of RFC 9106, section 4, second choice
// (64 MiB), with one lane and two passes for a machine of two cores.
func Defaults() Config {
	return Config{
		Password: PasswordConfig{MemoryKiB: 64 << 10, Passes: 2, Lanes: 1, Iterations: 20000, MinLength: 10, Parallel: 2},
		Lockout:  LockoutConfig{UserFree: 3, AddressFree: 30, First: time.Second, Max: 15 * time.Minute, Forget: time.Hour},
		Session:  SessionConfig{Idle: 30 * time.Minute, Max: 12 * time.Hour, PerUser: 10},
	}
}

// Validate reports every problem of a configuration; the error wraps ErrConfig.
func (c Config) Validate() error {
	var errs []error
	bad := func(cond bool, key, why string) {
		if cond {
			errs = append(errs, fmt.Errorf("%w: %s: %s", ErrConfig, key, why))
		}
	}
	bad(c.Dir == "", "dir", "is missing")
	p := c.Password
	bad(p.MemoryKiB < 8*uint32(max(p.Lanes, 1)), "password.memory_kib", "must be at least 8 per lane")
	bad(p.Passes < 1, "password.passes", "must be at least 1")
	bad(p.Lanes < 1, "password.lanes", "must be at least 1")
	bad(p.Iterations < 4096, "password.iterations", "must be at least 4096 (RFC 7677)")
	bad(p.MinLength < 10, "password.min_length", "must be at least 10")
	bad(p.Parallel < 1, "password.parallel", "must be at least 1")
	l := c.Lockout
	bad(l.UserFree < 1, "lockout.user_free", "must be at least 1")
	bad(l.AddressFree < 1, "lockout.address_free", "must be at least 1")
	bad(l.First <= 0 || l.Max < l.First, "lockout.first, lockout.max", "must be 0 < first ≤ max")
	bad(l.Forget < l.Max, "lockout.forget", "must not be below lockout.max")
	s := c.Session
	bad(s.Idle <= 0 || s.Max < s.Idle, "session.idle, session.max", "must be 0 < idle ≤ max")
	bad(s.PerUser < 1, "session.per_user", "must be at least 1")
	if c.OIDC != nil {
		errs = append(errs, c.OIDC.validate()...)
	}
	return errors.Join(errs...)
}
