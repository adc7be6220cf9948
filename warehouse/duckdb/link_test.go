package duckdb_test

import (
	"context"
	"fmt"
	"testing"

	"onegrid/warehouse"
	"onegrid/warehouse/duckdb"
	"onegrid/warehouse/warehousetest"
)

func linker(t *testing.T) (warehousetest.Linker, *duckdb.Store) {
	s := open(t, t.TempDir())
	return warehousetest.Linker{Store: s, Feed: s, Links: s, Find: s, Decide: s, Review: s, Incidents: s, Count: func(q string) int64 { return count(t, s, q) }}, s
}

// Every check of the suite leaves a store that keeps its invariants.
func TestLinks(t *testing.T) {
	for _, c := range warehousetest.LinkChecks() {
		t.Run(c.Name, func(t *testing.T) {
			e, s := linker(t)
			if err := c.Run(context.Background(), e); err != nil {
				t.Fatal(err)
			}
			if p, err := duckdb.Invariants(context.Background(), s.DB()); err != nil || len(p) > 0 {
				t.Errorf("invariants: %v %v", p, err)
			}
		})
	}
}

// A check that a broken store passes would check nothing: each statement is run before or after a commit of links, as a
// store without that promise would.
func TestBrokenLinkStoresFailTheSuite(t *testing.T) {
	twin := map[string]saboteur{
		"events_show_their_incident":         {sql: "UPDATE event_version SET is_countable = true WHERE known_to IS NULL"},
		"a_new_state_stays_in_its_incident":  {forget: true},
		"the_same_again_stores_nothing":      {sql: "DELETE FROM event_link"},
		"a_rebuild_stores_the_difference":    {notWhole: true},
		"links_are_revoked_by_rows":          {sql: "DELETE FROM event_link WHERE action = 'assert'"},
		"fenced":                             {anyBase: true},
		"inconsistent_incidents_are_refused": {swallow: true},
		"ids_are_never_used_again":           {swallow: true},
		"decisions_outlive_runs":             {sql: "DELETE FROM link_decision"},
		"candidates_share_a_key":             {sql: "DELETE FROM link_ref"},
		"neighbourhood":                      {sql: "DELETE FROM event_link WHERE weight = 9"},
		"state_reads_back":                   {sql: "UPDATE link_run SET position_after = '{}'"},
		"the_feed_tells_of_incidents":        {sql: "UPDATE event_version SET link_no = 0 WHERE link_no > 0"},
	}
	for _, c := range warehousetest.LinkChecks() {
		t.Run(c.Name, func(t *testing.T) {
			sab, ok := twin[c.Name]
			if !ok {
				t.Fatal("no broken twin")
			}
			e, s := linker(t)
			sab.Store = s
			e.Links, e.Store = &sab, &sab
			if !fails(func() error { return c.Run(context.Background(), e) }) {
				t.Errorf("a broken store passes: %+v", sab)
			}
		})
	}
}

// saboteur is a store that is broken in one way.
type saboteur struct {
	*duckdb.Store
	sql      string // done after every commit of links
	forget   bool   // new states lose their incident
	notWhole bool   // a rebuild is taken for an ordinary unit
	anyBase  bool   // no fence
	swallow  bool   // refusals are not told
}

func (s *saboteur) CommitLinks(ctx context.Context, u *warehouse.LinkUnit) (warehouse.LinkReceipt, error) {
	if s.notWhole {
		u.Whole = false
	}
	if s.anyBase {
		st, err := s.LinkState(ctx)
		if err != nil {
			return warehouse.LinkReceipt{}, err
		}
		u.Base = st.Seq
	}
	r, err := s.Store.CommitLinks(ctx, u)
	if s.swallow {
		err = nil
	}
	if err == nil && s.sql != "" {
		_, err = s.DB().ExecContext(ctx, s.sql)
	}
	return r, err
}

func (s *saboteur) Commit(ctx context.Context, u *warehouse.Unit) (warehouse.Receipt, error) {
	r, err := s.Store.Commit(ctx, u)
	if err == nil && s.forget {
		_, err = s.DB().ExecContext(ctx, "UPDATE event_version SET incident_id = NULL, incident_role = NULL, is_countable = NULL")
	}
	return r, err
}

// Each invariant of linkage is seen when it is broken.
func TestLinkInvariantsSeeDamage(t *testing.T) {
	ctx := context.Background()
	for _, damage := range []string{
		"UPDATE event_incident SET is_countable = true", "UPDATE event_incident SET until_seq = 1 WHERE is_countable", "UPDATE event_version SET incident_id = NULL",
		"UPDATE event_version SET incident_role = 'followup' WHERE incident_role = 'duplicate'", "INSERT INTO event_incident SELECT * FROM event_incident",
		"UPDATE event_incident SET event_day = event_day + 1", "DELETE FROM event_link", "INSERT INTO event_link SELECT * FROM event_link", "UPDATE event_link SET to_day = to_day + 1",
		"DELETE FROM link_run", "DELETE FROM store_change WHERE kind = 'state'", "UPDATE event_version SET change_no = 9", "DELETE FROM link_feature", "UPDATE link_decision SET decision_no = 2",
		"INSERT INTO incident_alias SELECT incident_id, event_id, 'merge', 1, 'r', now() FROM event_incident WHERE is_countable",
	} {
		t.Run(damage, func(t *testing.T) {
			e, s := linker(t)
			if _, err := e.Store.Commit(ctx, warehousetest.Unit("src", 0, nil, warehousetest.Chunk("src", warehousetest.Base, warehousetest.R("a", "received", 0), warehousetest.R("b", "received", 0)))); err != nil {
				t.Fatal(err)
			}
			if _, err := s.CommitLinks(ctx, warehousetest.LinkUnit(0, false, &warehouse.LinkChunk{Links: []warehouse.Link{warehousetest.Linked("b", "a", 9)}, Members: warehousetest.Together(1, "a", "b"),
				Features: []warehouse.Feature{{Event: warehousetest.Ref("a"), Keys: []uint64{1}}}})); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Decide(ctx, []warehouse.Decision{{From: warehousetest.Ref("a"), To: warehousetest.Ref("b"), Says: warehouse.MustLink, Actor: "reviewer"}}); err != nil {
				t.Fatal(err)
			}
			if p, err := duckdb.Invariants(ctx, s.DB()); err != nil || len(p) > 0 {
				t.Fatalf("before: %v %v", p, err)
			}
			if _, err := s.DB().Exec(damage); err != nil {
				t.Fatal(err)
			}
			if p, err := duckdb.Invariants(ctx, s.DB()); err != nil || len(p) == 0 {
				t.Errorf("not seen (%v)", err)
			}
		})
	}
}

// A store that is open for reading only answers what people ask about links.
func TestReadOnlyStoreAnswersAboutLinks(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := open(t, dir)
	if _, err := s.Commit(ctx, warehousetest.Unit("src", 0, nil, warehousetest.Chunk("src", warehousetest.Base, warehousetest.R("a", "received", 0), warehousetest.R("b", "received", 0)))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CommitLinks(ctx, warehousetest.LinkUnit(0, false, &warehouse.LinkChunk{Links: []warehouse.Link{warehousetest.Linked("b", "a", 9)}, Members: warehousetest.Together(1, "a", "b")})); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := duckdb.Open(ctx, duckdb.Options{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 2 {
		n, err := r.Neighbourhood(ctx, []warehouse.EventRef{warehousetest.Ref("a")})
		if err != nil || len(n.Members) != 2 || len(n.Links) != 1 {
			t.Fatalf("%+v, %v", n, err)
		}
	}
	if id, m, err := r.Incident(ctx, warehousetest.Ref("b").ID); err != nil || id != warehousetest.Incident(1) || len(m) != 2 {
		t.Fatalf("%x %+v %v", id, m, err)
	}
	if h, err := r.History(ctx, warehousetest.Ref("a").ID, warehousetest.Ref("b").ID); err != nil || len(h) != 1 {
		t.Fatal(fmt.Sprint(h, err))
	}
	if _, err := r.Candidates(ctx, warehouse.CandidateQuery{Cap: 1}); err == nil {
		t.Fatal("candidates of a store that is open for reading only")
	}
}
