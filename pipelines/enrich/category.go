package enrich

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"onegrid/catalog"
	"onegrid/event"
)

// categoryKey is what a category depends on: indices into the dictionaries of the batch, and the day where the crosswalk
// has entries that come or go.
type categoryKey struct {
	scheme, version, code, name, end int16
	day                              catalog.Day
}

type categoryResult struct {
	category, method string
	conf             float32
	flags            event.Flag
}

// categories maps the category columns. The work is done once for each combination of dictionary values.
func (e *Enricher) categories(d *event.Draft, days days, rep *Report) error {
	var cols [5]*words
	for i, name := range [...]string{"category_scheme", "category_scheme_ver", "category_src_code", "category_src_name", "category_end_code"} {
		var err error
		if cols[i], err = wordsOf(d, name); err != nil {
			return err
		}
	}
	category, method := newWordBuilder(d.Rows), newWordBuilder(d.Rows)
	conf := make([]float32, d.Rows)
	memo := map[categoryKey]categoryResult{}
	var key categoryKey
	var res categoryResult
	for row := range d.Rows {
		k := categoryKey{scheme: int16(cols[0].at(row)), version: int16(cols[1].at(row)), code: int16(cols[2].at(row)), name: int16(cols[3].at(row)), end: int16(cols[4].at(row))}
		if e.temporalCategories {
			k.day = days.at(row)
		}
		if row == 0 || k != key {
			var ok bool
			if res, ok = memo[k]; !ok {
				res = e.category(cols[0].text(int(k.scheme)), cols[1].text(int(k.version)), cols[2].text(int(k.code)), cols[3].text(int(k.name)), cols[4].text(int(k.end)), k.day)
				memo[k] = res
			}
			key = k
		}
		category.set(row, res.category)
		method.set(row, res.method)
		conf[row] = res.conf
		if res.flags != 0 {
			d.Flags[row] |= res.flags
			if res.flags&event.CodeUnmapped != 0 {
				rep.Unmapped++
			}
			if res.flags&event.CategoryChanged != 0 {
				rep.CategoryChanged++
			}
		}
	}
	d.Set("category", category.array())
	d.Set("category_map_method", method.array())
	d.Set("category_conf", confArray(conf))
	return nil
}

// category maps one source category. A source that states none is not unmapped: it has nothing to map.
func (e *Enricher) category(scheme, version, code, name, end string, day catalog.Day) categoryResult {
	res := categoryResult{category: catalog.Unmapped, method: "default", conf: float32(math.NaN())}
	x, ok := e.cat.Crosswalk(scheme, version)
	if ok {
		m, found := x.Lookup(code, name, day)
		ok = found
		if found {
			res.category, res.method, res.conf = m.Hub, m.Method, m.Confidence
		}
		if end != "" {
			if m, found := x.Lookup(end, end, day); found && ok && m.Hub != res.category {
				res.flags |= event.CategoryChanged
			}
		}
	}
	if !ok && (code != "" || name != "") {
		res.flags |= event.CodeUnmapped
	}
	return res
}

func confArray(vals []float32) arrow.Array {
	valid := make([]bool, len(vals))
	any := false
	for i, v := range vals {
		if v == v {
			valid[i], any = true, true
		}
	}
	if !any {
		return nil
	}
	b := array.NewFloat32Builder(memory.DefaultAllocator)
	b.AppendValues(vals, valid)
	return b.NewArray()
}
