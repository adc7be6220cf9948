package publish

import (
	"strings"
	"testing"

	"onegrid/event"
)

// Every column of the event is published with a reason or withheld with a reason. A new one is in no snapshot until
// somebody decides.
func TestEveryColumnIsDecided(t *testing.T) {
	decided := map[string]string{}
	for _, c := range columns() {
		if _, again := decided[c.name]; again {
			t.Errorf("%s is listed twice", c.name)
		}
		decided[c.name] = c.why
		col, ok := event.Lookup(c.name)
		if !ok {
			t.Errorf("%s is no column of the event", c.name)
		}
		if col.Class == event.P2 && (c.masked == plain || c.masked == place) {
			t.Errorf("%s is %s and shown as it is in the masked tier", c.name, col.Class)
		}
	}
	for name, why := range withheld() {
		if _, again := decided[name]; again {
			t.Errorf("%s is published and withheld", name)
		}
		decided[name] = why
	}
	for _, c := range event.Columns() {
		why, ok := decided[c.Name]
		if !ok {
			t.Errorf("%s (%s) is neither published nor withheld: decide in columns.go", c.Name, c.Class)
		} else if len(why) < 2 {
			t.Errorf("%s has no reason", c.Name)
		}
		delete(decided, c.Name)
	}
	for name := range decided {
		t.Errorf("%s is no column of the event", name)
	}
}

// Free text, numbers of records and who called are in no masked file, and tokens in none.
func TestMaskedTierHasNoText(t *testing.T) {
	ddl := eventDDL("event", true)
	for _, name := range []string{"title", "description", "address_masked", "source_record_id", "reporter_type", "has_sensitive", "occurred_at", "category_src_name"} {
		if strings.Contains(ddl, " "+name+" ") || strings.Contains(ddl, "("+name+" ") {
			t.Errorf("%s is in the masked tier", name)
		}
		if !strings.Contains(eventDDL("event", false), name+" ") {
			t.Errorf("%s is not in the sensitive tier: the test tests nothing", name)
		}
	}
	for _, name := range []string{"content_hash", "text_simhash", "token", "ext", "coord_src_x"} {
		if strings.Contains(eventDDL("event", false), " "+name+" ") {
			t.Errorf("%s is in the sensitive tier", name)
		}
	}
}

func TestPool(t *testing.T) {
	for _, c := range []struct {
		sizes []int64
		want  []bool
	}{
		{[]int64{9, 7, 5}, []bool{false, false, false}},
		{[]int64{9, 2, 7}, []bool{false, true, true}}, // one small part alone would be the difference
		{[]int64{9, 2, 4}, []bool{false, true, true}}, // two small ones are enough for each other
		{[]int64{9, 1, 2}, []bool{true, true, true}},  // they are not, and take the next larger
		{[]int64{1, 1, 1, 6}, []bool{true, true, true, true}},
		{[]int64{5}, []bool{false}},
	} {
		got := pool(c.sizes, 5)
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%v: %v, want %v", c.sizes, got, c.want)
				break
			}
		}
	}
}
