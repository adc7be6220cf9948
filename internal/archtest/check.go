package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// file is one parsed source file.
type file struct {
	path    string // from the root, with slashes
	dir     string // "" is the root
	test    bool
	ast     *ast.File
	lines   int
	imports map[string]int // import path → line
}

// Check parses every Go file of the tree and returns what breaks the rules, as "path:line: message", sorted. Folders
// named testdata or vendor, or beginning with "." or "_", are no part of the tree.
func Check(tree fs.FS, r Rules) ([]string, error) {
	files, found, err := parse(tree, r)
	if err != nil {
		return nil, err
	}
	docs := map[string]bool{}
	for _, f := range files {
		found = append(found, r.imports(f)...)
		found = append(found, r.shape(f)...)
		found = append(found, r.calls(f)...)
		if !f.test {
			docs[f.dir] = docs[f.dir] || f.ast.Doc != nil
		}
	}
	for dir, has := range docs {
		if !has {
			found = append(found, fmt.Sprintf("%s: the package has no doc comment", dir))
		}
	}
	found = append(found, r.reach(files)...)
	slices.Sort(found)
	return slices.Compact(found), nil
}

func parse(tree fs.FS, r Rules) (files []file, found []string, err error) {
	err = fs.WalkDir(tree, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != "." && (name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
				return fs.SkipDir
			}
			if slices.Contains(r.BadFolders, name) {
				found = append(found, fmt.Sprintf("%s: a folder named %q says nothing about what is inside", p, name))
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
			return nil
		}
		src, err := fs.ReadFile(tree, p)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, p, src, parser.ParseComments)
		if err != nil {
			return fmt.Errorf("parsing %s: %w", p, err)
		}
		f := file{path: p, dir: path.Dir(p), test: strings.HasSuffix(name, "_test.go"), ast: parsed, lines: strings.Count(string(src), "\n"), imports: map[string]int{}}
		if f.dir == "." {
			f.dir = ""
		}
		for _, im := range parsed.Imports {
			ip, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				return fmt.Errorf("parsing %s: %w", p, err)
			}
			f.imports[ip] = set.Position(im.Pos()).Line
		}
		f.ast = relocate(parsed, set)
		files = append(files, f)
		return nil
	})
	return files, found, err
}

// relocate rewrites the identifiers' positions that the checks report to plain line numbers.
func relocate(f *ast.File, set *token.FileSet) *ast.File {
	ast.Inspect(f, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			id.NamePos = token.Pos(set.Position(id.NamePos).Line)
		}
		return true
	})
	return f
}

// under reports whether dir is folder or below it.
func under(dir, folder string) bool {
	return folder == "" || dir == folder || strings.HasPrefix(dir, folder+"/")
}

func underAny(dir string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return under(dir, f) })
}

// local returns the folder of an import of this module.
func (r Rules) local(ip string) (string, bool) { return strings.CutPrefix(ip, r.Module+"/") }

// layer returns the entry that counts for a folder.
func (r Rules) layer(dir string) (l Layer, ok bool) {
	for _, c := range r.Layers {
		if under(dir, c.Folder) && (!ok || len(c.Folder) > len(l.Folder)) {
			l, ok = c, true
		}
	}
	return l, ok
}

// kind returns the kind that a folder belongs to.
func (r Rules) kind(dir string) (string, bool) {
	rest, ok := strings.CutPrefix(dir, r.Kinds+"/")
	if !ok {
		return "", false
	}
	name, _, _ := strings.Cut(rest, "/")
	return name, !slices.Contains(r.NotKinds, name)
}

// imports checks one file's imports against the layers.
func (r Rules) imports(f file) (found []string) {
	bad := func(ip, format string, args ...any) {
		found = append(found, fmt.Sprintf("%s:%d: %s", f.path, f.imports[ip], fmt.Sprintf(format, args...)))
	}
	for _, ip := range slices.Sorted(maps.Keys(f.imports)) {
		if strings.HasPrefix(ip, r.Driver) && !underAny(f.dir, r.DriverIn) {
			bad(ip, "only %s may import the database driver", strings.Join(r.DriverIn, ", "))
		}
		to, ok := r.local(ip)
		if !ok {
			continue
		}
		if under(to, "cmd") && !under(f.dir, "cmd") {
			bad(ip, "nothing imports cmd")
		}
		toKind, isKind := r.kind(to)
		fromKind, inKind := r.kind(f.dir)
		switch {
		case isKind && inKind && toKind != fromKind:
			if slices.Contains(r.Generic, fromKind) || !slices.Contains(r.Generic, toKind) {
				bad(ip, "kind %s must not import kind %s", fromKind, toKind)
			}
		case isKind && !inKind && !f.test && !under(f.dir, r.Kinds+"/builtin") && !underAny(f.dir, r.KindsIn):
			bad(ip, "the core names no connector: only connectors/builtin lists kinds")
		}
		if f.test {
			continue // tests put real parts together
		}
		if l, ok := r.layer(f.dir); ok && !l.allows(to) {
			bad(ip, "%s may import %s of onegrid, not %s", l.Folder, may(l), to)
		}
	}
	return found
}

func (l Layer) allows(to string) bool {
	if under(to, l.Folder) {
		return true
	}
	return slices.ContainsFunc(l.May, func(m string) bool {
		if only, ok := strings.CutSuffix(m, "."); ok {
			return to == only
		}
		return under(to, m)
	})
}

func may(l Layer) string {
	if len(l.May) == 0 {
		return "nothing"
	}
	return strings.ReplaceAll(strings.Join(l.May, ", "), ".", "")
}

// shape checks a file's length and that it has no init function.
func (r Rules) shape(f file) (found []string) {
	if f.lines > r.MaxLines {
		found = append(found, fmt.Sprintf("%s:1: %d lines, more than %d: it has a second reason to change", f.path, f.lines, r.MaxLines))
	}
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			found = append(found, fmt.Sprintf("%s:%d: no init functions: wiring is visible in cmd", f.path, fn.Name.NamePos))
		}
	}
	return found
}

// calls checks a file for names of other packages that it must not use.
func (r Rules) calls(f file) (found []string) {
	local := map[string]string{} // name in the file → import path
	for _, im := range f.ast.Imports {
		ip, _ := strconv.Unquote(im.Path.Value) // unquoted once already
		name := path.Base(ip)
		if im.Name != nil {
			name = im.Name.Name
		}
		local[name] = ip
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		id, ok := sel.X.(*ast.Ident)
		if !ok || id.Obj != nil { // Obj is set for names of the file, which hide the package
			return true
		}
		name := local[id.Name] + "." + sel.Sel.Name
		for _, c := range r.Calls {
			if c.Name == name && c.Tests == f.test && under(f.dir, c.Folder) &&
				!(c.Main && f.ast.Name.Name == "main") && !(len(c.Exempts) > 0 && underAny(f.dir, c.Exempts)) {
				found = append(found, fmt.Sprintf("%s:%d: %s is not used here: %s", f.path, id.NamePos, name, c.Why))
			}
		}
		return true
	})
	return found
}

// reach checks that the folders without cgo do not reach the driver through other packages.
func (r Rules) reach(files []file) (found []string) {
	edges := map[string][]string{}
	driver := map[string]bool{}
	for _, f := range files {
		if f.test {
			continue
		}
		for ip := range f.imports {
			if to, ok := r.local(ip); ok {
				edges[f.dir] = append(edges[f.dir], to)
			}
			driver[f.dir] = driver[f.dir] || strings.HasPrefix(ip, r.Driver)
		}
	}
	seen := map[string]string{} // folder → the way to the driver, "" = none
	var way func(dir string) string
	way = func(dir string) string {
		if w, ok := seen[dir]; ok {
			return w
		}
		seen[dir] = ""
		if driver[dir] {
			seen[dir] = dir
			return dir
		}
		for _, to := range edges[dir] {
			if w := way(to); w != "" {
				seen[dir] = dir + " → " + w
				break
			}
		}
		return seen[dir]
	}
	for _, f := range files {
		if !underAny(f.dir, r.NoCGO) {
			continue
		}
		for ip, line := range f.imports {
			to, ok := r.local(ip)
			if !ok || to == f.dir {
				continue
			}
			if w := way(to); w != "" {
				found = append(found, fmt.Sprintf("%s:%d: must build without cgo, but reaches the database driver: %s", f.path, line, w))
			}
		}
	}
	return found
}
