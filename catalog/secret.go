package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Secret resolves a reference to a secret: env:NAME, file:path (absolute, or relative to the working folder) or
// systemd:name (a file of $CREDENTIALS_DIRECTORY). It refuses a file that the group or others can read. One line break
// at the end is dropped. Errors name the reference, never the value.
func Secret(ref string) (string, error) {
	if err := checkSecretRef(ref); err != nil {
		return "", err
	}
	scheme, name, _ := strings.Cut(ref, ":")
	switch scheme {
	case "env":
		v := os.Getenv(name)
		if v == "" {
			return "", fmt.Errorf("resolving secret: environment variable %s is not set", name)
		}
		return v, nil
	case "systemd":
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return "", fmt.Errorf("resolving secret %s: CREDENTIALS_DIRECTORY is not set; start the program as a systemd service with LoadCredential=%s", ref, name)
		}
		return readSecret(filepath.Join(dir, name), ref)
	default:
		return readSecret(name, ref)
	}
}

func readSecret(path, ref string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return "", fmt.Errorf("resolving secret %s: %w", ref, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("resolving secret %s: %w", ref, err)
	}
	if !st.Mode().IsRegular() {
		return "", fmt.Errorf("resolving secret %s: not a regular file", ref)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("resolving secret %s: others may read the file (mode %04o): run chmod 600", ref, st.Mode().Perm())
	}
	const limit = 64 << 10
	if st.Size() > limit {
		return "", fmt.Errorf("resolving secret %s: larger than 64 KiB", ref)
	}
	b := make([]byte, st.Size())
	if _, err := f.ReadAt(b, 0); err != nil && len(b) > 0 {
		return "", fmt.Errorf("resolving secret %s: %w", ref, err)
	}
	v := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if v == "" {
		return "", fmt.Errorf("resolving secret %s: the file is empty", ref)
	}
	return v, nil
}

// checkSecretRef checks the form of a reference. The message never quotes it: it may be a secret written in by mistake.
func checkSecretRef(ref string) error {
	scheme, name, ok := strings.Cut(ref, ":")
	switch {
	case ok && scheme == "vault":
		return errors.New("vault: references are not supported; let the agent write a file and name it as file:path")
	case !ok || name == "" || (scheme != "env" && scheme != "file" && scheme != "systemd"):
		return errors.New("a secret is named as env:NAME, file:path or systemd:name, never written into a configuration file")
	case scheme == "env" && !envName.MatchString(name):
		return errors.New("env: needs the name of an environment variable")
	case scheme == "systemd" && (strings.ContainsAny(name, "/\\") || name == ".."):
		return errors.New("systemd: needs the name of a credential, not a path")
	}
	return nil
}

// resolveSecretRef makes the path of a file: reference absolute.
func resolveSecretRef(base, ref string) string {
	if p, ok := strings.CutPrefix(ref, "file:"); ok && p != "" {
		return "file:" + resolvePath(base, p)
	}
	return ref
}

// Secrets returns a resolver for references that stand in files of dir: a relative file: path resolves against dir.
func Secrets(dir string) func(ref string) (string, error) {
	return func(ref string) (string, error) { return Secret(resolveSecretRef(dir, ref)) }
}
