package identity

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"go.yaml.in/yaml/v3"

	"onegrid/query"
)

// City is the area of an organisation that sees all counties.
const City = "city"

// Orgs gives organisations their area.
type Orgs struct {
	areas map[string]string
	all   bool // no file: everybody sees the city
}

// WholeCity gives every organisation the city.
func WholeCity() Orgs { return Orgs{all: true} }

// LoadOrgs reads the file of organisations:
//
//	orgs:
//	  "990101-police": "990101" # a county code of six digits
//	  command-centre: city
//
// Anything else in the file is an error that wraps ErrConfig.
func LoadOrgs(file string) (Orgs, error) {
	f, err := os.Open(file)
	if err != nil {
		return Orgs{}, fmt.Errorf("%w: reading organisations: %w", ErrConfig, err)
	}
	defer f.Close()
	var doc struct {
		Orgs map[string]string `yaml:"orgs"`
	}
	dec := yaml.NewDecoder(io.LimitReader(f, 1<<20))
	dec.KnownFields(true)
	if err := dec.Decode(&doc); err != nil {
		return Orgs{}, fmt.Errorf("%w: reading organisations %s: %w", ErrConfig, file, err)
	}
	if len(doc.Orgs) == 0 {
		return Orgs{}, fmt.Errorf("%w: %s: orgs is empty", ErrConfig, file)
	}
	var errs []error
	for org, area := range doc.Orgs {
		if !validArea(area) {
			errs = append(errs, fmt.Errorf("%w: %s: area %q of %q is neither a county code of six digits nor %q", ErrConfig, file, area, org, City))
		}
	}
	return Orgs{areas: doc.Orgs}, errors.Join(errs...)
}

// Area of an organisation; ok is false when it has none, and then it sees nothing.
func (o Orgs) Area(org string) (area string, ok bool) {
	if o.all {
		return City, true
	}
	area, ok = o.areas[org]
	return area, ok
}

func validArea(area string) bool {
	return area == City || regexp.MustCompile(`^[0-9]{6}$`).MatchString(area)
}

// Roles are the roles there are.
func Roles() []query.Role {
	return []query.Role{query.Viewer, query.Analyst, query.SensitiveAnalyst, query.Steward, query.Auditor, query.Admin}
}

// TierOf is the tier that a role reads; ok is false for a role that cannot query. Only the sensitive analyst reads the
// sensitive tier: an administrator can make one, and the audit log shows it, but is none.
func TierOf(r query.Role) (t query.Tier, ok bool) {
	switch r {
	case query.SensitiveAnalyst:
		return query.Sensitive, true
	case query.Viewer, query.Analyst, query.Steward, query.Admin:
		return query.Masked, true
	default:
		return "", false
	}
}

// scopeOf is the scope of a role in an organisation; the zero scope for a role that cannot query and for an organisation
// without an area: such a user may log in and sees nothing.
func (o Orgs) scopeOf(r query.Role, org string) query.Scope {
	t, ok := TierOf(r)
	if !ok {
		return query.Scope{}
	}
	area, ok := o.Area(org)
	if !ok {
		return query.Scope{}
	}
	return query.Scope{Tier: t, Area: area}
}

// narrow returns the part of a scope that a token may see: its own scope if that lies within, else nothing.
func narrow(of query.Scope, to *query.Scope) (query.Scope, bool) {
	if to == nil {
		return of, true
	}
	got := of
	if to.Tier != "" {
		if of.Tier == query.Masked && to.Tier != query.Masked {
			return query.Scope{}, false
		}
		got.Tier = to.Tier
	}
	if to.Area != "" {
		if of.Area != City && to.Area != of.Area {
			return query.Scope{}, false
		}
		got.Area = to.Area
	}
	return got, true
}
