package connectortest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"onegrid/connectors"
)

// checkSettings: *.good.yaml decode, *.bad.yaml give exactly the message in *.bad.txt, unknown keys are refused.
func checkSettings(_ *testing.T, h Harness) error {
	dir := h.Testdata
	switch dir {
	case "-":
		return fmt.Errorf("no settings in the harness: %w", errNotApplicable)
	case "":
		dir = "testdata"
	}
	reg, err := connectors.NewRegistry(h.Kind)
	if err != nil {
		return fmt.Errorf("registering the kind: %w", err)
	}
	good, err := filepath.Glob(filepath.Join(dir, "*.good.yaml"))
	if err != nil || len(good) == 0 {
		return fmt.Errorf("finding good settings in %s: %d files, error %v", dir, len(good), err)
	}
	var found []error
	for _, file := range good {
		found = append(found, goodSettings(reg, h.Kind.Name, file))
	}
	bad, err := filepath.Glob(filepath.Join(dir, "*.bad.yaml"))
	if err != nil || len(bad) == 0 {
		return fmt.Errorf("finding bad settings in %s: %d files, error %v", dir, len(bad), err)
	}
	for _, file := range bad {
		found = append(found, badSettings(reg, h.Kind.Name, file))
	}
	return errors.Join(found...)
}

func goodSettings(reg *connectors.Registry, kind, file string) error {
	n, err := load(file)
	if err != nil {
		return err
	}
	if err := reg.Validate(kind, n); err != nil {
		return fmt.Errorf("%s is refused:\n%w", filepath.Base(file), err)
	}
	if len(n.Content) == 0 || n.Content[0].Kind != yaml.MappingNode {
		return fmt.Errorf("%s is not a mapping", filepath.Base(file))
	}
	n.Content[0].Content = append(n.Content[0].Content,
		&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "no_such_setting"},
		&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "x"})
	if err := reg.Validate(kind, n); err == nil {
		return fmt.Errorf("%s is accepted with an unknown key added", filepath.Base(file))
	}
	return nil
}

func badSettings(reg *connectors.Registry, kind, file string) error {
	n, err := load(file)
	if err != nil {
		return err
	}
	want, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".txt")
	if err != nil {
		return fmt.Errorf("reading the expected message: %w", err)
	}
	err = reg.Validate(kind, n)
	if err == nil {
		return fmt.Errorf("%s is accepted", filepath.Base(file))
	}
	if got := strings.TrimSpace(err.Error()); got != strings.TrimSpace(string(want)) {
		return fmt.Errorf("%s gives another message.\ngot:\n%s\nwant:\n%s", filepath.Base(file), got, strings.TrimSpace(string(want)))
	}
	return nil
}

func load(file string) (*yaml.Node, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	var n yaml.Node
	if err := yaml.Unmarshal(b, &n); err != nil {
		return nil, fmt.Errorf("parsing %s: %w", filepath.Base(file), err)
	}
	return &n, nil
}
