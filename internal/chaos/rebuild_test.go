package chaos

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"onegrid/internal/hub"
)

// rebuilt replays the landing of a store into an empty one and compares whole rows, the hub's own clocks included: only
// the times of the commits themselves are others (invariant 8).
func rebuilt(t *testing.T, into, from *hub.Hub, data string, id age.Identity) {
	t.Helper()
	res, err := into.Rebuild(context.Background(), data, id, nil)
	if err != nil {
		t.Fatalf("rebuilding: %v", err)
	}
	if len(res.Missing) > 0 || res.Units == 0 {
		t.Fatalf("rebuilt: %+v", res)
	}
	sound(t, into.Store)
	want, got := content{}, content{}
	for _, table := range []string{"event_version", "event_transition", "event_party_token", "reject", "event"} {
		want[table], got[table] = lines(t, from.Store.DB(), "SELECT * FROM "+table), lines(t, into.Store.DB(), "SELECT * FROM "+table)
	}
	notEmpty(t, want)
	same(t, "rebuilt from the landing", got, want)
}

// TestCrashRebuild rebuilds a store whose reading was killed several times from its landing.
func TestCrashRebuild(t *testing.T) {
	config := newProbe(t)
	give := invent(killSeed, killDeliveries, killRows)
	ref := undisturbed(t, config, give)
	data := filepath.Join(t.TempDir(), "data")
	for _, fault := range []string{"land.rename:2:kill", "run.landed:3:kill", "commit.before:2:kill", "commit.committed:3:kill", "commit.witnessed:2:kill"} {
		killedAt(t, config, data, fault)
		ref.examine(t, fault, data, 0, true)
	}
	syncProbe(t, config, data, &upstream{give: give})
	var log bytes.Buffer
	from, err := openProbe(context.Background(), config, data, &upstream{}, &log)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	same(t, "before the rebuild", readContent(t, from.Store.DB()), ref.content)
	into, err := openProbe(context.Background(), config, filepath.Join(t.TempDir(), "rebuilt"), &upstream{}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer into.Close()
	rebuilt(t, into, from, data, identity(t, config))
	if got, want := witnessed(t, into.DataDir()), witnessed(t, data); got != want {
		t.Errorf("the rebuilt store has %d units, the old one %d", got, want)
	}
}
