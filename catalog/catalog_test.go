package catalog_test

import (
	"os"
	"path/filepath"
	"testing"

	"onegrid/catalog"
)

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	p := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMinimal(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "onegrid.yaml", "city: {name: X}\n")
	c, err := catalog.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Hub.Data, filepath.Join(dir, "data"); got != want {
		t.Errorf("data = %q, want %q", got, want)
	}
	if c.Hub.Landing.KeepDays != 30 || c.Hub.Server.Listen != "127.0.0.1:8686" || c.Hub.Store.MemoryLimit != 144e6 {
		t.Errorf("defaults are missing: %+v", c.Hub)
	}
}
