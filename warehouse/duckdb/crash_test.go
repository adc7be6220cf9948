package duckdb_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onegrid/internal/faultpoint"
	"onegrid/warehouse"
	"onegrid/warehouse/duckdb"
	"onegrid/warehouse/warehousetest"
)

// crashEnv makes the test binary a program that links until it ends or is killed: the data directory.
const crashEnv = "ONEGRID_LINK_CRASH"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashEnv); dir != "" {
		if err := crashChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// crashUnits are the linkage runs of the child: incidents grow, merge and fall apart, then a rebuild.
func crashUnits() []func(base int64) *warehouse.LinkUnit {
	feature := func(r string, key uint64) warehouse.Feature {
		return warehouse.Feature{Event: warehousetest.Ref(r), Keys: []uint64{key, 1}, Refs: []uint64{key}, Data: []byte(r)}
	}
	revoked := warehousetest.Linked("d", "c", 8)
	revoked.Action = warehouse.Revoke
	unit := func(whole bool, chunks ...*warehouse.LinkChunk) func(int64) *warehouse.LinkUnit {
		return func(base int64) *warehouse.LinkUnit { return warehousetest.LinkUnit(base, whole, chunks...) }
	}
	return []func(int64) *warehouse.LinkUnit{
		unit(false, &warehouse.LinkChunk{Links: []warehouse.Link{warehousetest.Linked("b", "a", 12)}, Members: warehousetest.Together(1, "a", "b")},
			&warehouse.LinkChunk{Links: []warehouse.Link{warehousetest.Linked("d", "c", 8)}, Members: warehousetest.Together(2, "c", "d"), Features: []warehouse.Feature{feature("a", 5), feature("b", 6)}}),
		unit(false, &warehouse.LinkChunk{Links: []warehouse.Link{warehousetest.Linked("c", "a", 7)}, Members: warehousetest.Together(1, "a", "b", "c", "d"), Features: []warehouse.Feature{feature("a", 9)},
			Aliases: []warehouse.Alias{{Old: warehousetest.Incident(2), New: warehousetest.Incident(1), Reason: "merge"}}}),
		unit(false, &warehouse.LinkChunk{Links: []warehouse.Link{revoked}, Singles: []warehouse.EventRef{warehousetest.Ref("d")}}),
		unit(true, &warehouse.LinkChunk{Links: []warehouse.Link{warehousetest.Linked("b", "a", 12)}, Members: warehousetest.Together(1, "a", "b"), Features: []warehouse.Feature{feature("a", 9), feature("e", 2)}}),
	}
}

// crashChild goes on from what is stored and says on stdout what was acknowledged.
func crashChild(dir string) error {
	ctx := context.Background()
	s, err := duckdb.Open(ctx, duckdb.Options{Dir: dir, MinFree: -1})
	if err != nil {
		return err
	}
	if st, err := s.State(ctx, "src", ""); err != nil {
		return err
	} else if st.Seq == 0 {
		if _, err := s.Commit(ctx, warehousetest.Unit("src", 0, nil, warehousetest.Chunk("src", warehousetest.Base, warehousetest.R("a", "received", 0), warehousetest.R("b", "received", 0),
			warehousetest.R("c", "received", 0), warehousetest.R("d", "received", 0), warehousetest.R("e", "received", 0)))); err != nil {
			return err
		}
	}
	for i, unit := range crashUnits() {
		st, err := s.LinkState(ctx)
		if err != nil {
			return err
		}
		if st.Seq > int64(i) { // stored before the crash
			continue
		}
		if st.Seq == 2 {
			if ds, err := s.Decisions(ctx, 0); err != nil {
				return err
			} else if len(ds) == 0 {
				if _, err := s.Decide(ctx, []warehouse.Decision{{From: warehousetest.Ref("c"), To: warehousetest.Ref("d"), Says: warehouse.CannotLink, Actor: "reviewer", At: warehousetest.Base}}); err != nil {
					return err
				}
			}
		}
		r, err := s.CommitLinks(ctx, unit(st.Seq))
		if err != nil {
			return err
		}
		fmt.Println("ack", r.Seq)
	}
	return s.Close()
}

// runChild runs the child with a fault and returns whether it was killed and the last run that it acknowledged.
func runChild(t *testing.T, dir, fault string) (killed bool, acked int64) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), crashEnv+"="+dir, "ONEGRID_FAULT="+fault)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, _ := cmd.Output() // being killed is the point: the state of the process says how it ended
	for sc := bufio.NewScanner(strings.NewReader(string(out))); sc.Scan(); {
		if n, ok := strings.CutPrefix(sc.Text(), "ack "); ok {
			if acked, err = strconv.ParseInt(n, 10, 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() && ws.Signal() == syscall.SIGKILL {
		return true, acked
	}
	if !cmd.ProcessState.Success() {
		t.Fatalf("child at %q: %v\n%s", fault, cmd.ProcessState, stderr.String())
	}
	return false, acked
}

// linkContent is everything that linkage stored, but the clocks.
func linkContent(t *testing.T, dir string) map[string]string {
	t.Helper()
	s := open(t, dir)
	defer s.Close()
	if p, err := duckdb.Invariants(context.Background(), s.DB()); err != nil || len(p) > 0 {
		t.Fatalf("invariants: %v %v", p, err)
	}
	out := map[string]string{}
	for table, query := range map[string]string{
		"event":          "SELECT event_id, incident_id, incident_role, is_countable FROM event",
		"event_link":     `SELECT * EXCLUDE ("at") FROM event_link`,
		"event_incident": "SELECT * FROM event_incident",
		"incident_alias": `SELECT * EXCLUDE ("at") FROM incident_alias`,
		"link_decision":  "SELECT * FROM link_decision",
		"link_run":       "SELECT * EXCLUDE (ended_at) FROM link_run",
		"link_feature":   "SELECT f.* EXCLUDE (feature_no), list_sort(list(k.key)) AS keys FROM link_feature f JOIN link_key k USING (feature_no) GROUP BY ALL",
	} {
		var text string
		if err := s.DB().QueryRow("SELECT coalesce(string_agg(q::VARCHAR, chr(10) ORDER BY q::VARCHAR), '') FROM (" + query + ") q").Scan(&text); err != nil {
			t.Fatal(err)
		}
		if text == "" {
			t.Errorf("%s is empty: nothing is compared", table)
		}
		out[table] = text
	}
	return out
}

// Killed at any step of a linkage run, the next run ends where an undisturbed one ends (invariants 6 and 7).
func TestLinkageKilledAtEveryStep(t *testing.T) {
	if !faultpoint.Enabled {
		t.Skip("built without the tag faultpoint")
	}
	calm := t.TempDir()
	if killed, acked := runChild(t, calm, ""); killed || acked != int64(len(crashUnits())) {
		t.Fatalf("undisturbed: killed %v, %d runs", killed, acked)
	}
	want := linkContent(t, calm)
	for _, step := range []struct {
		point string
		hits  []int
	}{{"link.begun", []int{1, 4}}, {"link.appended", []int{2, 3}}, {"link.stored", []int{1, 2, 6, 7, 14, 16}}, {"link.before", []int{1, 2, 3, 4}}, {"link.committed", []int{1, 2, 3, 4}}} {
		for _, n := range step.hits {
			fault := fmt.Sprintf("%s:%d:kill", step.point, n)
			t.Run(fault, func(t *testing.T) {
				dir := t.TempDir()
				killed, acked := runChild(t, dir, fault)
				if !killed {
					t.Fatal("was not killed: the step was never reached")
				}
				s := open(t, dir)
				st, err := s.LinkState(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				if p, err := duckdb.Invariants(context.Background(), s.DB()); err != nil || len(p) > 0 {
					t.Fatalf("after the crash: %v %v", p, err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if st.Seq < acked {
					t.Fatalf("run %d was acknowledged, the store holds %d", acked, st.Seq)
				}
				if killed, _ := runChild(t, dir, ""); killed {
					t.Fatal("killed without a fault")
				}
				if d := cmp.Diff(want, linkContent(t, dir)); d != "" {
					t.Error(d)
				}
			})
		}
	}
}
