package archtest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Whoever forgets the build tag is told so by the compiler.
func TestBuildWithoutTheTagSaysSo(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("no C compiler here: the driver does not build at all")
	}
	cmd := exec.Command("go", "build", "-tags=", "./warehouse/duckdb")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatal("the store built without the tag duckdb_arrow")
	}
	if !strings.Contains(string(out), "build_onegrid_with_the_tag_duckdb_arrow__use_make_build") {
		t.Fatalf("the message is lost in:\n%s", out)
	}
}
