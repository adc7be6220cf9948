package feature_test

import (
	"slices"
	"strings"
	"testing"

	"onegrid/configs"
	"onegrid/pipelines/link/spec"
)

// The shipped rules parse, and leaves of the taxonomy have the class that the policy means for it.
func TestShippedEventRules(t *testing.T) {
	text, err := configs.FS.ReadFile("link/events.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.Parse("events.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	class := func(leaf string) string {
		for _, m := range s.Classes.Map {
			if slices.Contains(m.Exact, leaf) || slices.ContainsFunc(m.Prefix, func(p string) bool { return strings.HasPrefix(leaf, p) }) {
				return m.Class
			}
		}
		return s.Classes.Default
	}
	for leaf, want := range map[string]string{
		"05.01": "point", "05.02": "point", "06.05": "point", "01.03": "address", "10.01": "address", "11.02": "address", "06.03": "object", "06.09": "object", "01.10": "object",
		"07.02": "police", "07.06": "police", "13.02": "person", "16.01": "person", "16.07": "person", "06.01": "passing", "08.01": "rescue", "15.01": "private", "14.01": "private",
		"": "unknown",
	} {
		if got := class(leaf); got != want {
			t.Errorf("%s is of class %s, want %s", leaf, got, want)
		}
	}
	p := s.Classes.Policy
	if p["person"].Mode != "never" || !p["person"].SuppressPlace {
		t.Error("persons are linked by weight, or their place is shown")
	}
	for _, c := range []string{"police", "object", "unknown"} {
		if p[c].Mode != "review" {
			t.Errorf("class %s is %s, want review", c, p[c].Mode)
		}
	}
	// No feature of a person: neither a telephone nor a token nor a name is a column.
	for name := range s.Columns {
		for _, src := range s.Sources(name) {
			for _, bad := range []string{"phone", "token", "party", "contact", "caller", "name"} {
				if strings.Contains(src, bad) {
					t.Errorf("column %s comes from %s", name, src)
				}
			}
		}
	}
}
