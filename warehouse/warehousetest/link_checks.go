package warehousetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"

	"onegrid/warehouse"
)

// LinkChecks are the promises of the interfaces of links.
func LinkChecks() []LinkCheck {
	has := func(e Linker, n int64, query string) error {
		if got := e.Count(query); got != n {
			return fmt.Errorf("%s: got %d, want %d", query, got, n)
		}
		return nil
	}
	// events stores the records a to f, of one day.
	events := func(ctx context.Context, e Linker) error {
		_, err := e.Store.Commit(ctx, Unit("src", 0, nil, Chunk("src", Base, R("a", "received", 0), R("b", "received", 0), R("c", "received", 0), R("d", "received", 0), R("e", "received", 0), R("f", "received", 0))))
		return err
	}
	commit := func(ctx context.Context, e Linker, u *warehouse.LinkUnit, want warehouse.LinkReceipt) error {
		got, err := e.Links.CommitLinks(ctx, u)
		if err == nil && got != want {
			err = fmt.Errorf("receipt %+v, want %+v", got, want)
		}
		return err
	}
	refused := func(ctx context.Context, e Linker, u *warehouse.LinkUnit, want error) error {
		before := e.Count("SELECT (SELECT count(*) FROM event_link) + (SELECT count(*) FROM event_incident) + (SELECT count(*) FROM link_run) + (SELECT count(*) FROM incident_alias) + (SELECT count(*) FROM event_incident WHERE until_seq IS NOT NULL)")
		if _, err := e.Links.CommitLinks(ctx, u); !errors.Is(err, want) {
			return fmt.Errorf("got %v, want %v", err, want)
		}
		return has(e, before, "SELECT (SELECT count(*) FROM event_link) + (SELECT count(*) FROM event_incident) + (SELECT count(*) FROM link_run) + (SELECT count(*) FROM incident_alias) + (SELECT count(*) FROM event_incident WHERE until_seq IS NOT NULL)")
	}
	// linked stores a and b as incident 1.
	linked := func(ctx context.Context, e Linker) error {
		if err := events(ctx, e); err != nil {
			return err
		}
		return commit(ctx, e, LinkUnit(0, false, &warehouse.LinkChunk{Links: []warehouse.Link{Linked("b", "a", 12)}, Members: Together(1, "a", "b")}), warehouse.LinkReceipt{Seq: 1, Asserted: 1, Joined: 2})
	}
	return []LinkCheck{
		{"events_show_their_incident", func(ctx context.Context, e Linker) error {
			return steps{
				func() error { return linked(ctx, e) },
				func() error { return has(e, 6, "SELECT count(*) FROM event") },
				func() error { return has(e, 5, "SELECT count(*) FROM event WHERE is_countable") },
				func() error { return has(e, 5, "SELECT count(DISTINCT incident_id) FROM event") },
				func() error {
					return has(e, 1, "SELECT count(*) FROM event WHERE source_record_id = 'b' AND incident_role = 'duplicate' AND NOT is_countable")
				},
				func() error {
					return has(e, 1, "SELECT count(*) FROM incident WHERE n_reports = 2 AND n_sources = 1")
				},
				func() error { return has(e, 6, "SELECT count(*) FROM event_version") },
			}.run()
		}},
		{"a_new_state_stays_in_its_incident", func(ctx context.Context, e Linker) error {
			return steps{
				func() error { return linked(ctx, e) },
				func() error {
					_, err := e.Store.Commit(ctx, Unit("src", 1, nil, Chunk("src", Base, R("b", "dispatched", 4), R("g", "received", 0), R("b", "closed", 5))))
					return err
				},
				func() error {
					return has(e, 1, "SELECT count(*) FROM event WHERE source_record_id = 'b' AND status = 'closed' AND incident_role = 'duplicate' AND NOT is_countable")
				},
				func() error { return has(e, 6, "SELECT count(*) FROM event WHERE is_countable") },
				// and leaves it as any other
				func() error {
					return commit(ctx, e, LinkUnit(1, false, &warehouse.LinkChunk{Singles: []warehouse.EventRef{Ref("a"), Ref("b")}}), warehouse.LinkReceipt{Seq: 2, Left: 2})
				},
				func() error {
					return has(e, 7, "SELECT count(*) FROM event WHERE incident_id = event_id AND is_countable AND incident_role = 'single'")
				},
				func() error {
					_, err := e.Store.Commit(ctx, Unit("src", 2, nil, Chunk("src", Base, R("b", "in_progress", 9))))
					return err
				},
				func() error {
					return has(e, 7, "SELECT count(*) FROM event WHERE incident_id = event_id AND is_countable AND incident_role = 'single'")
				},
			}.run()
		}},
		{"the_same_again_stores_nothing", func(ctx context.Context, e Linker) error {
			same := func() *warehouse.LinkChunk {
				return &warehouse.LinkChunk{Links: []warehouse.Link{Linked("b", "a", 12)}, Members: Together(1, "a", "b"), Features: []warehouse.Feature{{Event: Ref("a"), Keys: []uint64{2, 1, 2}, Data: []byte("x")}}}
			}
			return steps{
				func() error { return events(ctx, e) },
				func() error {
					return commit(ctx, e, LinkUnit(0, false, same()), warehouse.LinkReceipt{Seq: 1, Asserted: 1, Joined: 2, Features: 1})
				},
				func() error { return commit(ctx, e, LinkUnit(1, false, same()), warehouse.LinkReceipt{Seq: 2}) },
				func() error { return has(e, 2, "SELECT count(*) FROM link_key") },
				func() error {
					return commit(ctx, e, LinkUnit(2, false, &warehouse.LinkChunk{Features: []warehouse.Feature{{Event: Ref("a"), Keys: []uint64{3}, Data: []byte("x")}}}), warehouse.LinkReceipt{Seq: 3, Features: 1})
				},
				func() error { return has(e, 1, "SELECT count(*) FROM link_key") },
			}.run()
		}},
		{"a_rebuild_stores_the_difference", func(ctx context.Context, e Linker) error {
			manual := Linked("f", "e", 30)
			manual.Method = "manual"
			return steps{
				func() error { return events(ctx, e) },
				func() error {
					return commit(ctx, e, LinkUnit(0, false, &warehouse.LinkChunk{Links: []warehouse.Link{Linked("b", "a", 12), Linked("d", "c", 12), manual},
						Members: slices.Concat(Together(1, "a", "b"), Together(2, "c", "d"), Together(3, "e", "f")), Features: []warehouse.Feature{{Event: Ref("a"), Keys: []uint64{1}}, {Event: Ref("b"), Keys: []uint64{1}}}}), warehouse.LinkReceipt{Seq: 1, Asserted: 3, Joined: 6, Features: 2})
				},
				// c and d are apart, the rest is as it was; the other way round it is the same pair.
				func() error {
					return commit(ctx, e, LinkUnit(1, true, &warehouse.LinkChunk{Links: []warehouse.Link{Linked("b", "a", 12)}, Members: Together(1, "a", "b"), Features: []warehouse.Feature{{Event: Ref("a"), Keys: []uint64{5}}}},
						&warehouse.LinkChunk{Members: Together(3, "e", "f")}), warehouse.LinkReceipt{Seq: 2, Revoked: 1, Left: 2, Features: 1})
				},
				func() error { return has(e, 4, "SELECT count(*) FROM event_link") },
				func() error { return has(e, 2, "SELECT count(*) FROM event_link_held") },
				func() error { return has(e, 1, "SELECT count(*) FROM link_feature") },
				func() error {
					return has(e, 4, "SELECT count(*) FROM event_incident WHERE until_seq IS NULL AND link_seq = 1")
				},
				func() error { return has(e, 4, "SELECT count(*) FROM event WHERE is_countable") },
			}.run()
		}},
		{"links_are_revoked_by_rows", func(ctx context.Context, e Linker) error {
			revoke := Linked("a", "b", 12) // the other way round
			revoke.Action = warehouse.Revoke
			return steps{
				func() error { return linked(ctx, e) },
				func() error {
					return commit(ctx, e, LinkUnit(1, false, &warehouse.LinkChunk{Links: []warehouse.Link{revoke}, Singles: []warehouse.EventRef{Ref("a"), Ref("b")}}), warehouse.LinkReceipt{Seq: 2, Revoked: 1, Left: 2})
				},
				func() error {
					return commit(ctx, e, LinkUnit(2, false, &warehouse.LinkChunk{Links: []warehouse.Link{revoke}}), warehouse.LinkReceipt{Seq: 3})
				},
				func() error {
					rows, err := e.Review.History(ctx, Ref("a").ID, Ref("b").ID)
					if err == nil && (len(rows) != 2 || rows[0].Action != warehouse.Assert || rows[1].Action != warehouse.Revoke || !reflect.DeepEqual(rows[0].Link, Linked("b", "a", 12)) || rows[0].Seq != 1 || rows[0].RunID != "link-0") {
						err = fmt.Errorf("history %+v", rows)
					}
					return err
				},
				func() error { return has(e, 0, "SELECT count(*) FROM event_link_held") },
				func() error { return has(e, 2, "SELECT count(*) FROM event_incident WHERE until_seq = 2") },
			}.run()
		}},
		{"fenced", func(ctx context.Context, e Linker) error {
			return steps{
				func() error { return linked(ctx, e) },
				func() error {
					return refused(ctx, e, LinkUnit(0, false, &warehouse.LinkChunk{Members: Together(2, "c", "d")}), warehouse.ErrFenced)
				},
			}.run()
		}},
		{"inconsistent_incidents_are_refused", func(ctx context.Context, e Linker) error {
			twoCount, stranger, again := Together(2, "c", "d"), Together(2, "c", "never"), slices.Concat(Together(2, "c", "d"), Together(3, "e", "d"))
			twoCount[1].Countable = true
			otherDay := Together(2, "c", "d")
			otherDay[1].Event.Day++
			founder := Together(0, "c", "d")
			founder[0].Incident, founder[1].Incident = Ref("c").ID, Ref("c").ID
			bad := func(members []warehouse.Member) func() error {
				return func() error {
					return refused(ctx, e, LinkUnit(1, false, &warehouse.LinkChunk{Members: members}), warehouse.ErrLinks)
				}
			}
			return steps{
				func() error { return linked(ctx, e) },
				bad(twoCount), bad(stranger), bad(again), bad(otherDay), bad(Together(2, "c", "d")[1:]),
				bad(Together(2, "a")), // b is left behind without one that counts
				func() error {
					return refused(ctx, e, LinkUnit(1, false, &warehouse.LinkChunk{Links: []warehouse.Link{Linked("a", "never", 3)}}), warehouse.ErrLinks)
				},
				func() error {
					return refused(ctx, e, LinkUnit(1, false, &warehouse.LinkChunk{Links: []warehouse.Link{Linked("c", "d", 3), Linked("d", "c", 4)}}), warehouse.ErrLinks)
				},
				func() error {
					return commit(ctx, e, LinkUnit(1, false, &warehouse.LinkChunk{Members: founder}), warehouse.LinkReceipt{Seq: 2, Joined: 2})
				},
				func() error { // c would be its own again under an id that d has as well
					rest := warehouse.Member{Event: Ref("d"), Incident: Ref("c").ID, Role: "primary", Countable: true}
					return refused(ctx, e, LinkUnit(2, false, &warehouse.LinkChunk{Singles: []warehouse.EventRef{Ref("c")}, Members: []warehouse.Member{rest}}), warehouse.ErrLinks)
				},
			}.run()
		}},
		{"ids_are_never_used_again", func(ctx context.Context, e Linker) error {
			merge := &warehouse.LinkChunk{Members: Together(1, "a", "b", "c", "d"), Aliases: []warehouse.Alias{{Old: Incident(2), New: Incident(1), Reason: "merge"}}}
			return steps{
				func() error { return linked(ctx, e) },
				func() error {
					return commit(ctx, e, LinkUnit(1, false, &warehouse.LinkChunk{Members: Together(2, "c", "d")}), warehouse.LinkReceipt{Seq: 2, Joined: 2})
				},
				func() error { // given up while it has members
					return refused(ctx, e, LinkUnit(2, false, &warehouse.LinkChunk{Aliases: merge.Aliases}), warehouse.ErrLinks)
				},
				func() error {
					return commit(ctx, e, LinkUnit(2, false, merge), warehouse.LinkReceipt{Seq: 3, Joined: 2, Left: 2})
				},
				func() error {
					return refused(ctx, e, LinkUnit(3, false, &warehouse.LinkChunk{Members: Together(2, "e", "f")}), warehouse.ErrLinks)
				},
				func() error {
					return commit(ctx, e, LinkUnit(3, false, &warehouse.LinkChunk{Members: Together(5, "a", "b", "c", "d"), Aliases: []warehouse.Alias{{Old: Incident(1), New: Incident(5), Reason: "rebuild"}}}), warehouse.LinkReceipt{Seq: 4, Joined: 4, Left: 4})
				},
				func() error {
					return refused(ctx, e, LinkUnit(4, false, &warehouse.LinkChunk{Members: Together(6, "a", "b", "c", "d"), Aliases: []warehouse.Alias{{Old: Incident(5), New: Incident(2), Reason: "circle"}}}), warehouse.ErrLinks)
				},
				func() error {
					id, members, err := e.Incidents.Incident(ctx, Incident(2))
					if err == nil && (id != Incident(5) || len(members) != 4) {
						err = fmt.Errorf("the oldest id leads to %x with %d members", id, len(members))
					}
					return err
				},
				func() error {
					id, members, err := e.Incidents.Incident(ctx, Ref("e").ID)
					if err == nil && (id != Ref("e").ID || len(members) != 1 || !members[0].Countable || members[0].Event != Ref("e")) {
						err = fmt.Errorf("an event on its own: %x %+v", id, members)
					}
					return err
				},
				func() error {
					if _, _, err := e.Incidents.Incident(ctx, Incident(99)); !errors.Is(err, warehouse.ErrNoEvent) {
						return fmt.Errorf("an unknown id: %v", err)
					}
					rows, err := e.Incidents.Aliases(ctx, 3)
					if err == nil && (len(rows) != 1 || rows[0].Old != Incident(1) || rows[0].Seq != 4) {
						err = fmt.Errorf("aliases %+v", rows)
					}
					return err
				},
			}.run()
		}},
		{"decisions_outlive_runs", func(ctx context.Context, e Linker) error {
			says := func(from, to, what string) warehouse.Decision {
				return warehouse.Decision{From: Ref(from), To: Ref(to), Says: what, Actor: "reviewer", Reason: "不是同一件事"}
			}
			proposed := Linked("d", "c", 5)
			proposed.Band = warehouse.BandReview
			open := func(n int) func() error {
				return func() error {
					rows, err := e.Review.Review(ctx, 10)
					if err == nil && len(rows) != n {
						err = fmt.Errorf("%d pairs to review, want %d", len(rows), n)
					}
					return err
				}
			}
			return steps{
				func() error { return linked(ctx, e) },
				func() error {
					return commit(ctx, e, LinkUnit(1, false, &warehouse.LinkChunk{Links: []warehouse.Link{proposed}}), warehouse.LinkReceipt{Seq: 2, Asserted: 1})
				},
				open(1),
				func() error {
					no, err := e.Decide.Decide(ctx, []warehouse.Decision{says("c", "d", warehouse.CannotLink), says("a", "c", warehouse.MustLink)})
					if err == nil && no != 2 {
						err = fmt.Errorf("number %d", no)
					}
					return err
				},
				open(0),
				func() error {
					return commit(ctx, e, LinkUnit(2, true, &warehouse.LinkChunk{Members: Together(1, "a", "b")}), warehouse.LinkReceipt{Seq: 3, Revoked: 2})
				},
				func() error {
					n, err := e.Find.Neighbourhood(ctx, []warehouse.EventRef{Ref("c")})
					if err == nil && (len(n.Decisions) != 2 || len(n.Members) != 0 || len(n.Links) != 0) {
						err = fmt.Errorf("neighbourhood %+v", n)
					}
					return err
				},
				func() error {
					_, err := e.Decide.Decide(ctx, []warehouse.Decision{says("d", "c", warehouse.Withdrawn)})
					return err
				},
				func() error {
					return commit(ctx, e, LinkUnit(3, false, &warehouse.LinkChunk{Links: []warehouse.Link{proposed}}), warehouse.LinkReceipt{Seq: 4, Asserted: 1})
				},
				open(1),
				func() error {
					ds, err := e.Decide.Decisions(ctx, 1)
					if err == nil && (len(ds) != 2 || ds[0].Says != warehouse.MustLink || ds[0].Actor != "reviewer" || ds[0].From != Ref("a") || ds[1].No != 3) {
						err = fmt.Errorf("decisions %+v", ds)
					}
					return err
				},
				func() error {
					if _, err := e.Decide.Decide(ctx, []warehouse.Decision{says("a", "never", warehouse.MustLink)}); !errors.Is(err, warehouse.ErrNoEvent) {
						return fmt.Errorf("a decision about nothing: %v", err)
					}
					return has(e, 3, "SELECT count(*) FROM link_decision")
				},
			}.run()
		}},
		{"candidates_share_a_key", func(ctx context.Context, e Linker) error {
			feature := func(r string, refs []uint64, keys ...uint64) warehouse.Feature {
				return warehouse.Feature{Event: Ref(r), Reported: Base.UnixMicro(), Keys: keys, Refs: refs, Data: []byte("data of " + r)}
			}
			day := Ref("a").Day
			q := warehouse.CandidateQuery{From: day - 30, To: day, RefsFrom: day - 30, RefsTo: day, Cap: 2, Columns: []string{"source_record_id", "incident_id"},
				Probes: []warehouse.Probe{{Event: Ref("a"), Keys: []uint64{1, 7}, Refs: []uint64{70}}, {Event: Ref("z"), Keys: []uint64{3, 1}}}}
			find := func(want ...string) func() error {
				return func() error {
					c, err := e.Find.Candidates(ctx, q)
					if err != nil {
						return err
					}
					defer c.Release()
					var names, got []string
					for _, b := range c.Events {
						for i := range int(b.NumRows()) {
							name := b.Column(1).(*array.String).Value(i)
							if string(c.Data[len(names)]) != "data of "+name {
								return fmt.Errorf("data of %s is %q", name, c.Data[len(names)])
							}
							names = append(names, name)
						}
					}
					for _, p := range c.Pairs {
						got = append(got, fmt.Sprintf("%d%s%d%v", p.Probe, names[p.Row], p.Key, p.Ref))
					}
					slices.Sort(got)
					for _, k := range c.Capped {
						got = append(got, fmt.Sprintf("capped %d of %d", k.Key, k.Members))
					}
					if len(names) != len(c.Data) {
						return fmt.Errorf("%d candidates, data of %d", len(names), len(c.Data))
					}
					return equal("pairs", got, want)
				}
			}
			return steps{
				func() error { return events(ctx, e) },
				func() error {
					return commit(ctx, e, LinkUnit(0, false, &warehouse.LinkChunk{Members: Together(1, "b", "d"), Features: []warehouse.Feature{
						feature("a", nil, 1, 7), feature("b", []uint64{70, 7}, 1), feature("c", nil, 1), feature("d", nil, 3), feature("e", nil, 9), feature("f", []uint64{1}, 3)}}), warehouse.LinkReceipt{Seq: 1, Joined: 2, Features: 6})
				},
				// a is a probe itself, so it is none; keys and record numbers do not mix.
				find("0b1false", "0b70true", "0c1false", "1b1false", "1c1false", "1d3false", "1f3false"),
				func() error { // of a common key: the newest, and who stands for an incident
					return commit(ctx, e, LinkUnit(1, false, &warehouse.LinkChunk{Features: []warehouse.Feature{feature("e", nil, 1), feature("f", nil, 1)}}), warehouse.LinkReceipt{Seq: 2, Features: 2})
				},
				find("0b1false", "0b70true", "0e1false", "0f1false", "1b1false", "1d3false", "1e1false", "1f1false", "capped 1 of 4"),
				func() error { // outside of the window there is nothing
					q.To, q.RefsTo = day-1, day-1
					return nil
				},
				find(),
			}.run()
		}},
		{"neighbourhood", func(ctx context.Context, e Linker) error {
			return steps{
				func() error { return events(ctx, e) },
				func() error {
					return commit(ctx, e, LinkUnit(0, false, &warehouse.LinkChunk{Links: []warehouse.Link{Linked("b", "a", 12), Linked("c", "b", 9), Linked("d", "c", 8), Linked("f", "e", 7)},
						Members: slices.Concat(Together(1, "a", "b"), Together(2, "c", "d"), Together(3, "e", "f"))}), warehouse.LinkReceipt{Seq: 1, Asserted: 4, Joined: 6})
				},
				func() error {
					n, err := e.Find.Neighbourhood(ctx, []warehouse.EventRef{Ref("a")})
					if err == nil && (len(n.Members) != 2 || len(n.Links) != 2 || n.Links[0].Weight != 12 || n.Links[1].Weight != 9) {
						err = fmt.Errorf("%+v", n)
					}
					return err
				},
				func() error {
					n, err := e.Find.Neighbourhood(ctx, nil)
					if err == nil && len(n.Members)+len(n.Links)+len(n.Decisions) > 0 {
						err = fmt.Errorf("around nothing: %+v", n)
					}
					return err
				},
			}.run()
		}},
		{"state_reads_back", func(ctx context.Context, e Linker) error {
			return steps{
				func() error {
					st, err := e.Links.LinkState(ctx)
					if err == nil && (st.Seq != 0 || !st.Position.IsZero()) {
						err = fmt.Errorf("of an empty store: %+v", st)
					}
					return err
				},
				func() error { return linked(ctx, e) },
				func() error {
					st, err := e.Links.LinkState(ctx)
					if err == nil && (st.Seq != 1 || st.Position != warehouse.Position{Store: "x", Change: 7} || st.Model != "m1" || st.Spec != "s1" || st.Last.RunID != "link-0" || st.Last.Trigger != "incremental" || string(st.Last.Counts) != `{"pairs":1}`) {
						err = fmt.Errorf("%+v", st)
					}
					return err
				},
			}.run()
		}},
		{"the_feed_tells_of_incidents", func(ctx context.Context, e Linker) error {
			f := Feeder{Store: e.Store, Feed: e.Feed}
			var at warehouse.Position
			return steps{
				func() error { return events(ctx, e) },
				func() error {
					_, set, err := seen(ctx, f, warehouse.Position{})
					at = set.To
					return err
				},
				func() error {
					return commit(ctx, e, LinkUnit(0, false, &warehouse.LinkChunk{Members: Together(1, "a", "b")}), warehouse.LinkReceipt{Seq: 1, Joined: 2})
				},
				func() error {
					got, set, err := seen(ctx, f, at)
					if err != nil {
						return err
					}
					slices.Sort(got)
					if err := equal("changed", got, []string{"a received", "b received"}); err != nil {
						return err
					}
					got, _, err = seen(ctx, f, set.To)
					if err != nil {
						return err
					}
					return equal("after that", got, nil)
				},
				func() error { // linkage does not follow itself
					if more, err := e.Feed.Poll(ctx, warehouse.ChangeQuery{From: at, StatesOnly: true}); err != nil || more {
						return fmt.Errorf("states: %v %v", more, err)
					}
					if more, err := e.Feed.Poll(ctx, warehouse.ChangeQuery{From: at}); err != nil || !more {
						return fmt.Errorf("all: %v %v", more, err)
					}
					return nil
				},
				func() error {
					return commit(ctx, e, LinkUnit(1, false, &warehouse.LinkChunk{Singles: []warehouse.EventRef{Ref("a"), Ref("b")}}), warehouse.LinkReceipt{Seq: 2, Left: 2})
				},
				func() error {
					got, _, err := seen(ctx, f, at)
					if err != nil {
						return err
					}
					slices.Sort(got)
					return equal("back again", got, []string{"a received", "b received"})
				},
			}.run()
		}},
	}
}
