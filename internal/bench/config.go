package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"onegrid/configs"
	"onegrid/pipelines/landing"
	"onegrid/pipelines/privacy"
)

const apiKey = "bench-key"

// dropDir is the folder of dropped files below the configuration.
func dropDir(dir string) string { return filepath.Join(dir, "drop") }

// configure writes the example city's configuration with keys of its own. Landing is on. more are further replacements in
// its files: old, new.
func configure(j job, more ...string) error {
	dir := j.Dir
	if j.Store != "" {
		more = append(more, "\nserver:\n", "\nstore: "+j.Store+"\nserver:\n")
	}
	recipient, err := landing.GenerateIdentity(filepath.Join(dir, "landing-identity.txt"))
	if err != nil {
		return err
	}
	if err := privacy.GenerateKeyFile(filepath.Join(dir, "privacy.key")); err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "secret.key"), []byte(apiKey+"\n"), 0o400), os.MkdirAll(dropDir(dir), 0o750)); err != nil {
		return err
	}
	replace := strings.NewReplacer(append(more, "${ONEGRID_CITY_110}", "1", "${ONEGRID_CITY_DROP}", "drop", "${ONEGRID_CITY_DB}", "urban.db",
		"env:ONEGRID_CITY_KEY", "file:secret.key", "env:ONEGRID_PRIVACY_KEY", "file:privacy.key", "recipients: []", "recipients: ["+recipient+"]")...)
	sub, err := fs.Sub(configs.FS, "city")
	if err != nil {
		return err
	}
	return fs.WalkDir(sub, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || strings.HasPrefix(path, "layout") {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(path))
		if e.IsDir() {
			return os.MkdirAll(to, 0o750)
		}
		b, err := fs.ReadFile(sub, path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".yaml") {
			b = []byte(replace.Replace(string(b)))
		}
		return os.WriteFile(to, b, 0o640)
	})
}
