package archtest

// Layer says what the packages of one folder may import of onegrid, besides packages of the same folder entry.
// The longest matching Folder counts.
type Layer struct {
	Folder string
	May    []string // folders, with everything below; a name with a final "." means this package only
}

// Call is a call or value that a folder must not use.
type Call struct {
	Folder  string // "" = everywhere
	Name    string // "net/http.Get"
	Why     string
	Tests   bool // also, and only, in tests
	Main    bool // main packages may
	Exempts []string
}

// Rules are all rules of the tree.
type Rules struct {
	Module     string
	Layers     []Layer
	Driver     string   // import path prefix of the database driver
	DriverIn   []string // the only folders that may import it
	NoCGO      []string // folders that must never reach the driver, directly or through others, tests included
	Kinds      string   // folder whose sub-folders do not import each other
	Generic    []string // kinds that named kinds may use
	NotKinds   []string // sub-folders of Kinds that are no kind
	KindsIn    []string // the only other folders that may import kinds
	BadFolders []string
	Calls      []Call
	MaxLines   int
}

// Onegrid are the rules of this tree, after the folder list of the architecture. The main program and internal/bench
// put everything together and are therefore free to import what they need.
func Onegrid() Rules {
	const direct = "outbound connections are configured: proxy, address check, limits and time limits (invariant 10)"
	return Rules{
		Module: "onegrid",
		Layers: []Layer{
			{Folder: "event"}, // a leaf
			{Folder: "connectors", May: []string{"event", "connectors", "internal"}},
			{Folder: "connectors/builtin", May: []string{"connectors"}},
			{Folder: "catalog", May: []string{"event", "connectors.", "internal"}},
			{Folder: "pipelines", May: []string{"event", "connectors.", "catalog", "warehouse.", "internal"}},
			{Folder: "warehouse", May: []string{"event", "internal"}},
			{Folder: "warehouse/duckdb", May: []string{"event", "warehouse.", "internal"}},
			{Folder: "query", May: []string{"event", "catalog", "warehouse.", "internal"}},
			{Folder: "console", May: []string{"event", "catalog", "query", "internal"}},
			{Folder: "configs"},
			{Folder: "internal/archtest"},
			{Folder: "internal/faultpoint"},
			{Folder: "internal/service"},
			{Folder: "internal/ops", May: []string{"internal/service"}},
		},
		Driver:   "github.com/duckdb/",
		DriverIn: []string{"warehouse/duckdb", "query", "cmd", "internal/bench"},
		NoCGO:    []string{"event", "connectors", "catalog", "pipelines"},
		Kinds:    "connectors",
		Generic:  []string{"httpjson", "sqltable", "filedrop"},
		NotKinds: []string{"builtin", "connectortest", "internal"},
		KindsIn:  []string{"cmd", "internal"},
		// Names that say nothing about what is inside; what they collect belongs beside its user.
		BadFolders: []string{"util", "utils", "common", "helper", "helpers", "types", "pkg", "misc", "lib"},
		Calls: []Call{
			{Name: "net/http.Get", Why: direct},
			{Name: "net/http.Head", Why: direct},
			{Name: "net/http.Post", Why: direct},
			{Name: "net/http.PostForm", Why: direct},
			{Name: "net/http.DefaultClient", Why: direct},
			{Name: "net/http.DefaultTransport", Why: direct},
			{Name: "net/http.DefaultServeMux", Why: "any imported package can add paths to it"},
			{Name: "net/http.HandleFunc", Why: "it adds to the mux of the whole process"},
			{Name: "net/http.ListenAndServe", Why: "it has no time limits and no graceful end: see internal/ops"},
			{Name: "context.TODO", Why: "say which context"},
			{Name: "os.Exit", Why: "deferred work is lost: return an error", Main: true, Exempts: []string{"internal/faultpoint"}},
			{Name: "log.Fatal", Why: "deferred work is lost: return an error"},
			{Name: "log.Fatalf", Why: "deferred work is lost: return an error"},
			{Name: "log.Print", Why: "a *slog.Logger is passed in"},
			{Name: "log.Printf", Why: "a *slog.Logger is passed in"},
			{Name: "log.Println", Why: "a *slog.Logger is passed in"},
			{Name: "log/slog.Default", Why: "a *slog.Logger is passed in"},
			{Folder: "event", Name: "fmt.Println", Why: "a leaf prints nothing"},
			{Folder: "connectors", Name: "fmt.Println", Why: "connectors print nothing; use Env.Logger"},
			{Folder: "pipelines", Name: "fmt.Println", Why: "records must not reach the output (invariant 4)"},
			{Folder: "pipelines", Name: "fmt.Printf", Why: "records must not reach the output (invariant 4)"},
			{Folder: "connectors/filedrop", Name: "os.Open", Why: "dropped files are opened through os.Root only"},
			{Folder: "connectors/filedrop", Name: "os.OpenFile", Why: "dropped files are opened through os.Root only"},
			{Folder: "connectors/filedrop", Name: "os.ReadFile", Why: "dropped files are opened through os.Root only"},
			{Folder: "query", Name: "os.ReadFile", Why: "a second opening of a live store drops its lock (invariant 5)"},
			{Name: "time.Sleep", Tests: true, Why: "tests observe signals or use testing/synctest"},
		},
		MaxLines: 800,
	}
}
