package publish

import (
	"cmp"
	"slices"
	"time"

	"onegrid/event"
)

// The small-cell rule of the masked tier (k-anonymity by generalisation: Samarati 2001; complementary suppression:
// Willenborg and de Waal 2001, and GB/T 37964-2019 on statistics).
//
// The incidents of sensitive categories of one month form a tree of cells, each level finer than the one before:
//
//	cityMonth      month
//	cityGroup      month, group
//	countyGroup    month, group, county
//	countyLeaf     month, group, county, leaf
//	countyDay      month, group, county, leaf, day
//
// Each event is shown at exactly one level. A cell is split into its children only as far as the children hold k incidents or
// more: smaller ones stay at the level of the parent, together, and where they are fewer than k together, with the next
// larger sibling. So every group of events that can be told apart has k incidents, and the difference between a cell and the
// parts of it that are shown finer is such a group itself. A month with fewer than k is withheld, and so is the current
// day: whoever compares one generation with the next would learn the time from the arrival of a row.
//
// The same levels hold in all masked files, since two files that disagree could be subtracted. Town and below are never
// shown; exercises, invalid reports and further reports of an incident are withheld. This is the place where invariant 4 (no
// clear personal value) is carried on to what could be concluded from few.
const (
	countyDay   = 1
	countyLeaf  = 2
	countyGroup = 3
	cityGroup   = 4
	cityMonth   = 5
)

// hiddenCategory is the category of an incident that is shown by its month alone.
const hiddenCategory = "00"

// cellKey is the finest cell of an incident.
type cellKey struct {
	category string // leaf
	county   string // "" unknown
	day      int32  // days since 1970-01-01
}

// months are the levels of all months; the maps of a month are never changed once they are made.
type months map[int32]map[cellKey]uint8

// monthOf is the first day of the month of a day.
func monthOf(day int32) int32 {
	t := time.Unix(int64(day)*86400, 0).UTC()
	return day - int32(t.Day()) + 1
}

func today(now time.Time) int32 {
	_, offset := now.In(event.Shanghai).Zone()
	return int32((now.Unix() + int64(offset)) / 86400)
}

func group(category string) string {
	if len(category) < 2 {
		return category
	}
	return category[:2]
}

// levelsOf decides the levels of one month. Cells that are withheld are not in the result.
func levelsOf(counts map[cellKey]int64, k int64, today int32) map[cellKey]uint8 {
	var keys []cellKey
	for c, n := range counts {
		if n > 0 && c.day < today {
			keys = append(keys, c)
		}
	}
	slices.SortFunc(keys, func(a, b cellKey) int {
		return cmp.Or(cmp.Compare(group(a.category), group(b.category)), cmp.Compare(a.county, b.county),
			cmp.Compare(a.category, b.category), cmp.Compare(a.day, b.day))
	})
	out := make(map[cellKey]uint8, len(keys))
	var split func(cells []cellKey, level uint8)
	split = func(cells []cellKey, level uint8) {
		if level == countyDay {
			for _, c := range cells {
				out[c] = countyDay
			}
			return
		}
		parts := children(cells, level)
		sizes := make([]int64, len(parts))
		for i, part := range parts {
			for _, c := range part {
				sizes[i] += counts[c]
			}
		}
		pooled := pool(sizes, k)
		for i, part := range parts {
			if !pooled[i] {
				split(part, level-1)
				continue
			}
			for _, c := range part {
				out[c] = level
			}
		}
	}
	var total int64
	for _, c := range keys {
		total += counts[c]
	}
	if total >= k {
		split(keys, cityMonth)
	}
	return out
}

// children cuts sorted cells of a level into the cells of the next finer one.
func children(cells []cellKey, level uint8) (out [][]cellKey) {
	same := func(a, b cellKey) bool {
		switch level {
		case cityMonth:
			return group(a.category) == group(b.category)
		case cityGroup:
			return a.county == b.county
		case countyGroup:
			return a.category == b.category
		default:
			return a.day == b.day
		}
	}
	for i, c := range cells {
		if i == 0 || !same(cells[i-1], c) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], c)
	}
	return out
}

// pool says which parts must stay together: those smaller than k, and with them the smallest others until there are k.
func pool(sizes []int64, k int64) []bool {
	pooled := make([]bool, len(sizes))
	order := make([]int, len(sizes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sizes[a], sizes[b]) })
	var sum int64
	for _, i := range order {
		if sizes[i] >= k && (sum == 0 || sum >= k) {
			break
		}
		pooled[i] = true
		sum += sizes[i]
	}
	return pooled
}

// cellExpr is the expression of a cell column of the row s with level l.level, null for a row outside of the rule.
func cellExpr(name, key string) string {
	const day = "CASE WHEN l.level IS NULL OR l.level = 1 THEN s.event_day ELSE date_trunc('month', s.event_day)::DATE END"
	switch name {
	case "event_day":
		return day
	case "event_id":
		return "CASE WHEN l.level IS NULL THEN s.event_id ELSE " + pseudonym("s.event_id", key) + " END"
	case "category":
		return "CASE WHEN l.level IS NULL OR l.level <= 2 THEN s.category WHEN l.level <= 4 THEN left(s.category, 2) ELSE " + quoteText(hiddenCategory) + " END"
	case "county_code":
		return "CASE WHEN l.level IS NULL OR l.level <= 3 THEN s.county_code END"
	case "reported_at":
		return "CASE WHEN l.level IS NULL THEN s.reported_at ELSE ((" + day + ")::TIMESTAMP AT TIME ZONE 'Asia/Shanghai') END"
	case "record_purpose":
		return "CASE WHEN l.level IS NULL THEN s.record_purpose ELSE 'actual' END"
	case "is_countable":
		return "CASE WHEN l.level IS NULL THEN s.is_countable ELSE true END"
	default:
		return "NULL"
	}
}

// pseudonym is the id of an event in a small cell: keyed, so that nobody finds the row of a record that they know.
func pseudonym(id, key string) string {
	return "left(sha256('" + key + "' || " + id + "::VARCHAR), 32)::UUID"
}

// inCells is the condition that the rule applies to a row, hidden that it must not be shown at all.
func inCells(row string, sensitive []string) string {
	return row + ".category IN " + textList(sensitive)
}

func counted(row string, sensitive []string) string {
	return inCells(row, sensitive) + " AND " + row + ".is_countable AND " + row + ".record_purpose = 'actual' AND " + row + ".validity <> 'invalid'"
}
