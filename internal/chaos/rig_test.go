package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"

	"onegrid/connectors"
	"onegrid/internal/hub"
	"onegrid/pipelines/landing"
	"onegrid/pipelines/privacy"
	"onegrid/warehouse/duckdb"
)

// These make the test binary a program that reads the probe source until it ends or is killed: the folders of its
// configuration and of its data.
const (
	childEnv = "ONEGRID_CHAOS_CHILD"
	dataEnv  = "ONEGRID_CHAOS_DATA"
	// dayEnv is the first day of the invented records, the same in parent and children. It is of late, since tokens of
	// old reports are not kept.
	dayEnv = "ONEGRID_CHAOS_DAY"
)

func TestMain(m *testing.M) {
	if os.Getenv(dayEnv) == "" {
		if err := os.Setenv(dayEnv, time.Now().UTC().AddDate(0, 0, -20).Format(time.DateOnly)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if dir := os.Getenv(childEnv); dir != "" {
		if err := child(dir, os.Getenv(dataEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// soak is how long the tests that make soak selects go on; 0 in the everyday suite.
func soak(t testing.TB) time.Duration {
	t.Helper()
	text := os.Getenv("ONEGRID_SOAK")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("ONEGRID_SOAK: %v", err)
	}
	return d
}

// probeID is the invented source of the rig.
const probeID = "probe"

const probeHub = `city: {name: Probe, name_zh: 试验市}
zone: Asia/Shanghai
data: ./data
landing: {recipients: [%s]}
privacy: {key: file:privacy.key}
store: {unit_rows: 24, unit_wait: 30s, memory_limit: 120MB}
`

// The connection is that of the shipped kind filedrop, so that the configuration passes its checks; probe opens a
// scripted source under that name.
const probeSource = `id: probe
title: Probe
title_zh: 试验来源
kind: filedrop
source_kind: hotline_12345
connection: {dir: drop, patterns: ["*.csv"]}
mapping: ../mappings/probe.yaml
errors: {max_percent: 0, max_rejects: 0}
`

const probeCategories = `groups:
  - {code: "99", name: Other, name_zh: 其他, leaves: [{code: "99.99", name: Unmapped, name_zh: 未映射}]}
`

const probeMapping = `version: 1
doc: invented records of the chaos tests
doc_zh: 试验记录
source_kind: hotline_12345
zone: Asia/Shanghai
scheme: {id: probe, version: "1"}
fields:
  source_record_id: {from: id, require: true}
  description: {from: text}
  owner_org_code: {from: org}
  org_code_scheme: {const: local}
  reported_at: {from: reported, require: true}
  closed_at: {from: closed}
  source_updated_at: {from: updated}
  status: {from: status, codes: {"1": received, "2": dispatched, "3": in_progress, "4": resolved, "5": closed}}
  status_src_code: {from: status}
parties:
  - {kind: phone, role: reporter, from: phone}
`

// writeProbe writes the configuration of a hub with the one source probe.
func writeProbe(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	recipient, err := landing.GenerateIdentity(filepath.Join(dir, "identity.txt"))
	if err != nil {
		return err
	}
	if err := privacy.GenerateKeyFile(filepath.Join(dir, "privacy.key")); err != nil {
		return err
	}
	files := map[string]string{"onegrid.yaml": fmt.Sprintf(probeHub, recipient), "sources/probe.yaml": probeSource, "mappings/probe.yaml": probeMapping,
		"catalog/categories.yaml": probeCategories, "drop/.keep": ""}
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			return err
		}
	}
	return nil
}

func newProbe(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "probe")
	if err := writeProbe(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// openProbe opens the hub below dir with src in place of its one source.
func openProbe(ctx context.Context, dir, data string, src connectors.Source, log io.Writer) (*hub.Hub, error) {
	h, err := hub.Open(ctx, hub.Options{Config: dir, Data: data, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		return nil, err
	}
	type settings struct {
		Dir      string   `yaml:"dir"`
		Patterns []string `yaml:"patterns"`
	}
	h.Registry, err = connectors.NewRegistry(connectors.Define("filedrop", "", "", settings{}, func(connectors.Env, settings) (connectors.Source, error) { return src, nil }))
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// syncProbe reads src once into the store below data and closes it.
func syncProbe(t testing.TB, dir, data string, src connectors.Source) {
	t.Helper()
	ctx := context.Background()
	var log bytes.Buffer
	h, err := openProbe(ctx, dir, data, src, &log)
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	if _, err := h.Sync(ctx, probeID, "manual", time.Time{}); err != nil {
		h.Close()
		t.Fatalf("syncing: %v\n%s", err, log.String())
	}
	if err := h.Close(); err != nil {
		t.Fatalf("closing: %v", err)
	}
}

func identity(t testing.TB, dir string) age.Identity {
	t.Helper()
	id, err := landing.ReadIdentity(filepath.Join(dir, "identity.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// openStore opens a store on its own. An error that the caller does not expect ends the test.
func openStore(t testing.TB, opts duckdb.Options) *duckdb.Store {
	t.Helper()
	if opts.MinFree == 0 {
		opts.MinFree = -1
	}
	s, err := duckdb.Open(context.Background(), opts)
	if err != nil {
		t.Fatalf("opening the store: %v", err)
	}
	return s
}

// sound fails the test when a store breaks an invariant.
func sound(t testing.TB, s *duckdb.Store) {
	t.Helper()
	problems, err := duckdb.Invariants(context.Background(), s.DB())
	if err != nil {
		t.Fatalf("checking the invariants: %v", err)
	}
	if len(problems) > 0 {
		t.Fatalf("broken invariants: %v", problems)
	}
}
