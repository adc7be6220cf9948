package configs_test

import (
	"testing"

	"onegrid/catalog"
	"onegrid/connectors"
	"onegrid/connectors/filedrop"
	"onegrid/connectors/httpjson"
	"onegrid/connectors/sqltable"
	"onegrid/pipelines/enrich"
)

// TestConfigurations: the shipped configurations load, their connections validate and their anchors hold.
func TestConfigurations(t *testing.T) {
	for name, value := range map[string]string{"ONEGRID_CITY_110": "18110", "ONEGRID_CITY_DROP": "drop", "ONEGRID_CITY_DB": "city.db", "ONEGRID_REAL_DATA": "data"} {
		t.Setenv(name, value)
	}
	reg, err := connectors.NewRegistry(filedrop.Kind(), httpjson.Kind(), sqltable.Kind())
	if err != nil {
		t.Fatal(err)
	}
	for dir, sources := range map[string]int{"city": 3, "real": 3} {
		c, err := catalog.Load(dir)
		if err != nil {
			t.Errorf("%s:\n%v", dir, err)
			continue
		}
		for _, p := range c.CheckConnections(reg) {
			t.Errorf("%s/%s", dir, p)
		}
		if len(c.Sources()) != sources {
			t.Errorf("%s has %d sources", dir, len(c.Sources()))
		}
		if _, err := enrich.New(c); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
