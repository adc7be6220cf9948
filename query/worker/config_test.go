package worker_test

import (
	"strings"
	"testing"
	"time"

	"onegrid/query/worker"
)

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []struct {
		cfg  worker.Config
		says string
	}{
		{worker.Config{Workers: -1}, "negative"},
		{worker.Config{Grace: -time.Second}, "negative"},
		{worker.Config{Memory: 1 << 20}, "memory"},
		{worker.Config{Memory: 4 << 30}, "address_space"},
		{worker.Config{Nice: 20}, "nice"},
	} {
		if _, err := worker.NewPool(c.cfg, discard()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
	if isRoot() {
		if _, err := worker.NewPool(worker.Config{User: "no-such-account-here"}, discard()); err == nil {
			t.Error("an account that does not exist")
		}
	}
	if _, err := worker.NewPool(worker.Config{}, discard()); err != nil {
		t.Error(err)
	}
}
