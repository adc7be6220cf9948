package pgwire_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// driver is the newest pgjdbc of the local Maven repository; the test downloads nothing.
func driver(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"java", "javac"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is absent: install a JDK to run this test", tool)
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Skipf("no home folder, so no Maven repository: %v", err)
	}
	jars, _ := filepath.Glob(filepath.Join(home, ".m2", "repository", "org", "postgresql", "postgresql", "*", "postgresql-*.jar"))
	jars = slices.DeleteFunc(jars, func(p string) bool {
		return strings.HasSuffix(p, "-sources.jar") || strings.HasSuffix(p, "-javadoc.jar")
	})
	if len(jars) == 0 {
		t.Skip("pgjdbc is absent: mvn dependency:get -Dartifact=org.postgresql:postgresql:42.7.4")
	}
	slices.Sort(jars)
	return jars[len(jars)-1]
}

// The Java driver under what DBeaver, Metabase and many reports stand on: metadata, server-side prepared statements, portals
// with a fetch size, cancelling, transactions. testdata/Browse.java says what it expects.
func TestJDBC(t *testing.T) {
	jar := driver(t)
	r := open(t)
	ctx, end := context.WithTimeout(t.Context(), 3*time.Minute)
	defer end()
	classes := t.TempDir()
	if out, err := exec.CommandContext(ctx, "javac", "-cp", jar, "-d", classes, filepath.Join("testdata", "Browse.java")).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(ctx, "java", "-Xmx256m", "-cp", classes+string(os.PathListSeparator)+jar, "Browse",
		"jdbc:postgresql://"+r.host+":"+r.port+"/onegrid?sslmode=verify-full&channelBinding=require&sslrootcert="+r.roots, user, password)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || !strings.HasSuffix(out.String(), "DONE\n") {
		t.Fatalf("java: %v\n%s", err, out.String())
	}
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "FAIL") {
			t.Error(line)
		}
	}
	r.idle(t)
}
