package certain_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onegrid/pipelines/link/certain"
	"onegrid/pipelines/link/feature"
)

const (
	hour = int64(time.Hour / time.Microsecond)
	day  = 24 * hour
)

func call(n int, at int64) certain.Record {
	return certain.Record{Source: "police", Kind: "police_110", Number: fmt.Sprintf("9901012605061200%04d", n), At: at, Purpose: "actual"}
}

func ticket(n int, at int64) certain.Record {
	return certain.Record{Source: "hotline", Kind: "hotline_12345", Number: fmt.Sprintf("260506120000%06d", n), At: at, Purpose: "actual"}
}

func task(n int, at int64) certain.Record {
	return certain.Record{Source: "urban", Kind: "urban_mgmt", Number: fmt.Sprintf("20260506%09d", n), Alt: strconv.Itoa(70000 + n), At: at, Purpose: "actual"}
}

// says gives a record the tickets and hints of a text, as the engine does.
func says(r certain.Record, text string) certain.Record {
	r.Tickets, r.Cues = feature.Tickets(text)
	r.Copy, r.Runes = feature.CopyKey(feature.Normalise(text))
	return r
}

// edges are the links as "from>to type code", in the order of the result.
func edges(r certain.Result) (out []string) {
	for _, e := range r.Edges {
		out = append(out, fmt.Sprintf("%d>%d %s %s", e.From, e.To, e.Type, e.Code))
	}
	return out
}

func TestFind(t *testing.T) {
	long := "青禾路与汶河路交叉口的路灯坏了五天，夜里行人看不清路面"
	for name, c := range map[string]struct {
		records []certain.Record
		want    []string
		counts  certain.Counts
	}{
		"parent field, call back": {
			records: func() []certain.Record {
				b := says(call(2, hour), "案件编号:"+call(1, 0).Number+";地址:青禾路;民警已到场")
				b.Parent = call(1, 0).Number
				c := call(3, hour)
				c.Parent = call(1, 0).Number
				return []certain.Record{call(1, 0), b, c}
			}(),
			want: []string{"1>0 followup_of parent_field", "2>0 child_of parent_field"},
		},
		"quoted in the text only": {
			records: []certain.Record{call(1, 0), says(call(2, hour), "案件编号:"+call(1, 0).Number+"，已处置")},
			want:    []string{"1>0 followup_of quoted_call_110"},
		},
		"hand-over by field, the same once more": {
			records: func() []certain.Record {
				a, b := task(1, 2*hour), task(2, hour)
				a.UpstreamKind, b.UpstreamKind = "hotline_12345", "hotline_12345"
				a.Upstream, b.Upstream = ticket(1, 0).Number, ticket(1, 0).Number
				return []certain.Record{ticket(1, 0), a, b}
			}(),
			want: []string{"1>0 transferred_from upstream_field_again", "2>0 transferred_from upstream_field"},
		},
		"hand-over of another kind than it says": {
			records: func() []certain.Record {
				a := task(1, hour)
				a.UpstreamKind, a.Upstream = "police_110", ticket(1, 0).Number
				return []certain.Record{ticket(1, 0), a}
			}(),
			counts: certain.Counts{Unresolved: 1},
		},
		"hand-over quoted, by alt id in full width": {
			records: func() []certain.Record {
				a := says(ticket(1, hour), "【110转办】警情编号"+call(1, 0).Number)
				b := ticket(2, hour)
				b.UpstreamKind, b.Upstream = "urban_mgmt", "７０００１"
				return []certain.Record{call(1, 0), a, task(1, 0), b}
			}(),
			want: []string{"1>0 transferred_from quoted_call_110", "3>2 transferred_from upstream_field"},
		},
		"own number": {
			records: []certain.Record{says(ticket(1, 0), "工单编号:"+ticket(1, 0).Number+"，路灯坏了")},
		},
		"two numbers of two matters": {
			records: []certain.Record{ticket(1, 0), ticket(2, 0), says(ticket(3, hour), "工单编号"+ticket(1, 0).Number+"、"+ticket(2, 0).Number+"均未解决")},
			counts:  certain.Counts{Several: 1},
		},
		"two numbers of one matter: the later": {
			records: []certain.Record{ticket(1, 0), says(ticket(2, hour), "前期工单"+ticket(1, 0).Number), says(ticket(3, 2*hour), "工单"+ticket(1, 0).Number+"和"+ticket(2, 0).Number)},
			want:    []string{"1>0 followup_of quoted_hotline_12345", "2>1 followup_of quoted_hotline_12345"},
		},
		"a chain of texts that quote several": {
			records: []certain.Record{
				says(ticket(4, 3*hour), "工单"+ticket(2, 0).Number+"和"+ticket(3, 0).Number),
				says(ticket(3, 2*hour), "工单"+ticket(1, 0).Number+"和"+ticket(2, 0).Number),
				says(ticket(2, hour), "前期工单"+ticket(1, 0).Number), ticket(1, 0)},
			want: []string{"0>1 followup_of quoted_hotline_12345", "1>2 followup_of quoted_hotline_12345", "2>3 followup_of quoted_hotline_12345"},
		},
		"a second number that two records share": {
			records: func() []certain.Record {
				a, b, c := task(1, 0), task(2, 0), ticket(1, hour)
				b.Alt = a.Alt
				c.UpstreamKind, c.Upstream = "urban_mgmt", a.Alt
				return []certain.Record{a, b, c}
			}(),
			counts: certain.Counts{Ambiguous: 1},
		},
		"placeholder by shape": {
			records: func() []certain.Record {
				a, b := task(1, 0), ticket(1, hour)
				a.Number, b.Parent, b.Upstream = "000000", "无", "000000"
				return []certain.Record{a, b}
			}(),
			counts: certain.Counts{Placeholders: 2},
		},
		"copies, and what is none": {
			records: []certain.Record{says(ticket(1, 0), "您好，"+long), says(ticket(2, 3*day), long+"！谢谢"), says(ticket(3, 200*day), long), says(ticket(4, 0), "路灯坏了"), says(ticket(5, hour), "路灯坏了")},
			want:    []string{"1>0 duplicate_of same_text"},
		},
		"copy from the same contact": {
			records: func() []certain.Record {
				a, b := says(ticket(1, 0), long), says(ticket(2, day), long)
				a.Contact, b.Contact = 7, 7
				return []certain.Record{a, b}
			}(),
			want: []string{"1>0 repeat_contact same_text_contact"},
		},
		"exercise beside the real thing": {
			records: func() []certain.Record {
				a, b := says(ticket(1, 0), long), says(ticket(2, day), long)
				b.Purpose, b.Parent = "exercise", a.Number
				return []certain.Record{a, b}
			}(),
			counts: certain.Counts{Unresolved: 1},
		},
		"an invalid call is no copy": {
			records: func() []certain.Record {
				a, b := says(call(1, 0), long), says(call(2, 1), long)
				a.Invalid, b.Invalid = true, true
				return []certain.Record{a, b}
			}(),
		},
	} {
		got := certain.Find(c.records, certain.Options{})
		if d := cmp.Diff(c.want, edges(got)); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
		got.Counts.Links = nil
		if d := cmp.Diff(c.counts, got.Counts); d != "" {
			t.Errorf("%s, counts:\n%s", name, d)
		}
	}
}

// A default value is spread over weeks; the children of one parent come within days.
func TestClaimedByGarbage(t *testing.T) {
	records := []certain.Record{ticket(1, 0)}
	for i := range 150 {
		r := ticket(100+i, int64(i)*hour/2)
		r.Parent = records[0].Number
		records = append(records, r)
	}
	if got := certain.Find(records, certain.Options{}); len(got.Edges) != 150 {
		t.Errorf("%d of 150 children of one storm are linked", len(got.Edges))
	}
	for i := range records[1:] {
		records[1+i].At = int64(i) * day
	}
	got := certain.Find(records, certain.Options{})
	if len(got.Edges) != 0 || got.Counts.Placeholders != 150 {
		t.Errorf("a default value: %d links, %d placeholders", len(got.Edges), got.Counts.Placeholders)
	}
}

func TestFormIsNoCopy(t *testing.T) {
	var records []certain.Record
	for i := range 60 {
		records = append(records, says(task(i, int64(i)*hour), "巡查发现暴露垃圾约三平方米，已通知属地网格协同处理，待复查"))
	}
	got := certain.Find(records, certain.Options{})
	if len(got.Edges) != 0 || got.Counts.Forms != 60 {
		t.Errorf("%d links, %d forms", len(got.Edges), got.Counts.Forms)
	}
	if got = certain.Find(records[:10], certain.Options{}); len(got.Edges) != 9 {
		t.Errorf("%d links among ten copies, want 9", len(got.Edges))
	}
}

// The order of the input changes nothing about which pairs are linked and how.
func TestOrderDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var records []certain.Record
	for i := range 120 {
		at := int64(r.IntN(30)) * day
		a, b := int(r.IntN(40)), int(r.IntN(40))
		x := says(ticket(i, at), []string{"路灯坏了五天没有人来修理，夜里看不清楚路面", "工单" + ticket(a, 0).Number, "工单" + ticket(a, 0).Number + "和" + ticket(b, 0).Number, "来电咨询"}[r.IntN(4)])
		records = append(records, x)
	}
	named := func(in []certain.Record) []string {
		var out []string
		for _, e := range certain.Find(in, certain.Options{}).Edges {
			out = append(out, in[e.From].Number+">"+in[e.To].Number+" "+e.Code)
		}
		slices.Sort(out)
		return out
	}
	want := named(records)
	for range 10 {
		r.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		if d := cmp.Diff(want, named(records)); d != "" {
			t.Fatal(d)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	var records []certain.Record
	for i := range 100_000 {
		x := ticket(i, int64(i)*hour/100)
		x.Copy, x.Runes = uint64(i%99_000)+1, 60
		if i%5 == 4 {
			x.Parent = records[i-3].Number
		}
		records = append(records, x)
	}
	b.ReportAllocs()
	for b.Loop() {
		certain.Find(records, certain.Options{})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/record")
}
