package surface

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"onegrid/catalog"
	"onegrid/query"
	"onegrid/query/front"
	"onegrid/query/identity"
	"onegrid/query/publish"
	"onegrid/query/worker"
)

// Folders below the data directory.
func snapDir(data string) string     { return filepath.Join(data, "snap") }
func identityDir(data string) string { return filepath.Join(data, "users") }
func auditDir(data string) string    { return filepath.Join(data, "audit") }
func tlsDir(data string) string      { return filepath.Join(data, "tls") }

// cliAudit is the chain of `onegrid query`: the doors' chain has one writer, and it is theirs.
func cliAudit(data string) string { return filepath.Join(data, "audit-cli") }

// publishAudit is the chain of the process that publishes.
func publishAudit(data string) string { return filepath.Join(data, "audit-publish") }

// AuditDirs are the folders of all audit chains of a data directory.
func AuditDirs(data string) []string {
	return []string{auditDir(data), cliAudit(data), publishAudit(data)}
}

// SnapDir is the folder of the published snapshots.
func SnapDir(data string) string { return snapDir(data) }

// scopes are the scopes that the configuration publishes.
func scopes(c *catalog.Catalog) ([]query.Scope, error) {
	var out []query.Scope
	for _, s := range c.Hub.Query.Publish.Scopes {
		area, tier, ok := strings.Cut(s, "_")
		if !ok {
			return nil, fmt.Errorf("scope %q", s)
		}
		out = append(out, query.Scope{Area: area, Tier: query.Tier(tier)})
	}
	if len(out) == 0 {
		out = publish.DefaultScopes(c)
	}
	return out, nil
}

func identityConfig(c *catalog.Catalog, data string) identity.Config {
	cfg := identity.Defaults()
	cfg.Dir = identityDir(data)
	cfg.Orgs = c.Hub.Query.Users.Orgs
	if o := c.Hub.Query.Users.OIDC; o.Issuer != "" {
		oidc := &identity.OIDCConfig{Issuer: o.Issuer, Audience: o.Audience, CAFile: o.CAFile, UserClaim: o.UserClaim, RoleClaim: o.RoleClaim, OrgClaim: o.OrgClaim,
			HTTP: identity.HTTPDeadline{Timeout: 10 * time.Second}}
		// Of several roles of a user the first of this list counts: the order of a map must not decide.
		for _, claim := range slices.Sorted(maps.Keys(o.Roles)) {
			oidc.Roles = append(oidc.Roles, identity.ClaimRole{Claim: claim, Role: query.Role(o.Roles[claim])})
		}
		cfg.OIDC = oidc
	}
	return cfg
}

func workerConfig(c *catalog.Catalog) worker.Config {
	w := c.Hub.Query.Workers
	return worker.Config{Workers: w.PerScope, Threads: w.Threads, Memory: int64(w.Memory), AddressSpace: int64(w.AddressSpace), User: w.User, Nice: w.Nice,
		Timeout: c.Hub.Query.Limits.Timeout.Std()}
}

func frontConfig(c *catalog.Catalog) front.Config {
	l := c.Hub.Query.Limits
	cfg := front.Defaults()
	cfg.Rows, cfg.Bytes, cfg.ExportRows, cfg.Timeout, cfg.Concurrent, cfg.Rate = l.Rows, int64(l.Bytes), l.ExportRows, l.Timeout.Std(), l.Concurrent, l.Rate
	cfg.ExportBytes = max(cfg.ExportBytes, cfg.Bytes)
	// A BI tool asks 30 to 60 questions of the catalog when it connects.
	cfg.Burst = max(cfg.Burst, 200, int(l.Rate))
	return cfg
}
