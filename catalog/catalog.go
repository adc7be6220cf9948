package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"onegrid/connectors"
)

// Catalog is a checked configuration folder. It does not change after Load and is safe for concurrent use.
type Catalog struct {
	Hub *Hub
	Dir string // absolute

	sources    []*Source
	categories []Category
	crosswalks []*Crosswalk
	codes      []*codeList
	areas      *Areas
	areaShapes []Shape
	gridShapes []Shape
	orgs       []Org
	calendar   *Calendar
	digest     string
}

// Load reads a configuration folder. When anything is wrong it returns an *Error with every problem found.
func Load(dir string) (*Catalog, error) {
	cat, problems := Inspect(dir)
	if len(problems) > 0 {
		return nil, &Error{Dir: dir, Problems: problems}
	}
	var err error
	if cat.digest, err = digest(cat.Dir); err != nil {
		return nil, fmt.Errorf("reading configuration: %w", err)
	}
	return cat, nil
}

// Inspect reads a configuration folder as far as it can be read and returns every problem found, ordered by file and
// line. The catalog is for further checks only: with problems, parts of it are missing (Hub may be nil), and it has no
// Digest. It is nil where dir is no folder.
func Inspect(dir string) (*Catalog, []Problem) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		var st fs.FileInfo
		if st, err = os.Stat(abs); err == nil && !st.IsDir() {
			err = fs.ErrInvalid
		}
	}
	if err != nil {
		return nil, []Problem{{File: filepath.ToSlash(dir), Message: "is not a folder", MessageZH: "不是目录",
			Hint: "name the folder that holds onegrid.yaml", HintZH: "请指定 onegrid.yaml 所在目录"}}
	}
	var c collector
	cat := &Catalog{Dir: abs}
	cat.Hub = loadHub(&c, abs)
	cat.sources = loadSources(&c, abs)
	cat.categories = loadCategories(&c, abs)
	cat.crosswalks = loadCrosswalks(&c, abs, cat.categories)
	cat.codes = loadCodes(&c, abs)
	cat.areas = loadAreas(&c, abs)
	cat.areaShapes = loadAreaShapes(&c, abs, cat.areas)
	cat.gridShapes = loadGridShapes(&c, abs, cat.areas)
	cat.orgs = loadOrgs(&c, abs, cat.areas)
	cat.calendar = loadCalendar(&c, abs)
	if cat.Hub != nil {
		for _, s := range cat.sources {
			s.inherit(cat.Hub)
		}
	}
	return cat, c.sorted()
}

// inherit fills what a source leaves to the hub.
func (s *Source) inherit(h *Hub) {
	if s.Landing.KeepDays == 0 {
		s.Landing.KeepDays = h.Landing.KeepDays
	}
	if s.RetentionDays == 0 {
		s.RetentionDays = h.Retention.EventDays
	}
	if len(s.Area.BBox) == 0 {
		s.Area.BBox = h.City.BBox
	}
}

// CheckConnections validates the kind and the connection settings of every source against the connectors of this
// program. Catalog cannot do it in Load: it does not know the connectors.
func (c *Catalog) CheckConnections(reg *connectors.Registry) []Problem {
	var out []Problem
	for _, s := range c.sources {
		out = append(out, s.problemsOf(reg.Validate(s.Kind, &s.Connection))...)
	}
	return out
}

func (s *Source) problemsOf(err error) []Problem {
	if err == nil {
		return nil
	}
	ps, ok := err.(connectors.Problems)
	if !ok {
		return []Problem{{File: s.File, Line: s.Connection.Line, Path: "connection", Message: err.Error()}}
	}
	if len(ps) == 1 && ps[0].Path == "kind" {
		return FromConnectors(s.File, "", ps)
	}
	return FromConnectors(s.File, "connection", ps)
}

// Sources returns the sources ordered by id. The slice is a copy; the sources are shared.
func (c *Catalog) Sources() []*Source { return slices.Clone(c.sources) }

// Source returns the source with that id.
func (c *Catalog) Source(id string) (*Source, bool) {
	i := slices.IndexFunc(c.sources, func(s *Source) bool { return s.ID == id })
	if i < 0 {
		return nil, false
	}
	return c.sources[i], true
}

// Codes returns a code list of catalog/codes: source code to value. The map is shared and must not be changed.
func (c *Catalog) Codes(name string) (map[string]string, bool) {
	for _, l := range c.codes {
		if l.name == name {
			return l.m, true
		}
	}
	return nil, false
}

// Crosswalk returns the category crosswalk of a scheme and version.
func (c *Catalog) Crosswalk(scheme, version string) (*Crosswalk, bool) {
	for _, x := range c.crosswalks {
		if x.Scheme == scheme && x.Version == version {
			return x, true
		}
	}
	return nil, false
}

// Crosswalks returns every crosswalk ordered by file name.
func (c *Catalog) Crosswalks() []*Crosswalk { return slices.Clone(c.crosswalks) }

// Categories returns the hub taxonomy in file order.
func (c *Catalog) Categories() []Category { return slices.Clone(c.categories) }

// Areas returns the division table; it may be empty.
func (c *Catalog) Areas() *Areas { return c.areas }

// AreaShapes and GridShapes return the polygon layers. The slices are shared and must not be changed.
func (c *Catalog) AreaShapes() []Shape { return c.areaShapes }

// GridShapes returns the grid layer.
func (c *Catalog) GridShapes() []Shape { return c.gridShapes }

// Orgs returns the organisations.
func (c *Catalog) Orgs() []Org { return slices.Clone(c.orgs) }

// Calendar returns the working calendar, nil where there is none.
func (c *Catalog) Calendar() *Calendar { return c.calendar }

// Digest identifies the configuration as it stands in its files: SHA-256 in hex over the paths and contents of
// onegrid.yaml, sources, catalog and mappings. Environment variables are not part of it, so no secret is.
func (c *Catalog) Digest() string { return c.digest }

func digest(dir string) (string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		rel = filepath.ToSlash(rel)
		top, _, _ := strings.Cut(rel, "/")
		switch {
		case d.IsDir() && rel != "." && top != "sources" && top != "catalog" && top != "mappings":
			return fs.SkipDir
		case d.Type().IsRegular() && !strings.HasPrefix(d.Name(), ".") && (rel == "onegrid.yaml" || rel != top):
			files = append(files, rel)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	slices.Sort(files)
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%d:%s", len(f), f)
		r, err := os.Open(filepath.Join(dir, filepath.FromSlash(f)))
		if err != nil {
			return "", err
		}
		st, err := r.Stat()
		if err == nil {
			fmt.Fprintf(h, "%d:", st.Size())
			_, err = io.Copy(h, r)
		}
		r.Close()
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
