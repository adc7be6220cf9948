package score

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"onegrid/pipelines/link/spec"
)

// Explain takes the score of two rows apart. It tells distances, lags and counts, never a value of a record (invariant 4).
func (s *Scorer) Explain(i, j int32) Explanation {
	g := s.Compare(i, j)
	e := Explanation{Prior: s.m.priorBits()}
	e.Bits = e.Prior
	for k := range s.p.comps {
		c := &s.p.comps[k]
		l := s.p.Level(g, k)
		part := Part{Comparison: c.c.Name, Index: l, Level: "null", Bits: s.weights[k][l]}
		if l > 0 {
			lv := &c.levels[l-1]
			part.Level = LevelText(lv.l)
			if lv.tf != nil {
				part.TF = lv.tf.bits(i, j)
			}
			part.EN, part.ZH = s.words(c.c, lv.l, i, j)
		} else {
			en, zh := labels(c.c)
			part.EN, part.ZH = en+" not known", zh+"缺失"
		}
		e.Bits += part.Bits + part.TF
		e.Parts = append(e.Parts, part)
	}
	e.Probability = Probability(e.Bits)
	return e
}

// Text is the explanation in one line, the strongest evidence first as the comparisons stand: levels with their bits, and
// the probability. Comparisons that say nothing are left out.
func (e Explanation) Text(zh bool) string {
	var b strings.Builder
	for _, p := range e.Parts {
		if p.Index == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		words := p.EN
		if zh {
			words = p.ZH
		}
		fmt.Fprintf(&b, "%s %+.1f", words, p.Bits+p.TF)
	}
	name := "prior"
	if zh {
		name = "先验"
	}
	fmt.Fprintf(&b, "; %s %+.1f = %.3f", name, e.Prior, e.Probability)
	return b.String()
}

func labels(c *spec.Comparison) (en, zh string) {
	en, zh = c.Label, c.LabelZH
	if en == "" {
		en = c.Name
	}
	if zh == "" {
		zh = en
	}
	return en, zh
}

// words says a level in plain words.
func (s *Scorer) words(c *spec.Comparison, l *spec.Level, i, j int32) (en, zh string) {
	label, labelZH := labels(c)
	en, zh = s.conditionWords(c, &l.Test, label, labelZH, i, j)
	if l.Label != "" {
		en = l.Label
	}
	if l.LabelZH != "" {
		zh = l.LabelZH
	} else if l.Label != "" {
		zh = l.Label
	}
	return en, zh
}

func (s *Scorer) conditionWords(c *spec.Comparison, t *spec.Test, label, labelZH string, i, j int32) (en, zh string) {
	name := t.On
	if name == "" {
		name = c.Columns[0]
	}
	switch open := slices.ContainsFunc(c.Levels, func(l *spec.Level) bool { return l.Open != nil }); {
	case t.Open != nil:
		return "the earlier one was still open", "较早一件当时尚未办结"
	case open && t.Else:
		return "the earlier one was closed already", "较早一件当时已办结"
	}
	if en, zh, ok := s.measured(name, label, labelZH, i, j); ok && t.Condition() != "exact" {
		return en, zh
	}
	switch t.Condition() {
	case "exact":
		if t.On != "" && t.On != c.Columns[0] {
			return fmt.Sprintf("same %s (%s)", label, t.On), fmt.Sprintf("%s相同(%s)", labelZH, t.On)
		}
		return "same " + label, labelZH + "相同"
	case "swapped":
		return label + " swapped", labelZH + "互换"
	case "shared_token":
		return s.rarest(name, label, labelZH, i, j)
	case "shared", "jaccard", "cosine":
		if col := s.p.t.Set(name); col != nil {
			n := 0
			common(col.At(i), col.At(j), func(uint32) bool { n++; return true })
			all := len(col.At(i)) + len(col.At(j)) - n
			share := int(math.Round(100 * float64(n) / float64(max(all, 1))))
			return fmt.Sprintf("%s: %d %% in common", label, share), fmt.Sprintf("%s重合 %d%%", labelZH, share)
		}
	case "day_month_swapped":
		return label + " with day and month swapped", labelZH + "日月互换"
	case "else":
		return "different " + label, labelZH + "不同"
	case "all":
		if allExact(t) {
			return "same " + label, labelZH + "相同"
		}
	case "any":
		return label + " partly alike", labelZH + "部分相近"
	}
	return label + " nearly the same", labelZH + "相近"
}

func allExact(t *spec.Test) bool {
	for _, sub := range t.All {
		if !sub.Exact {
			return false
		}
	}
	return true
}

// measured is a distance or a lag, which is worth more than the name of its level.
func (s *Scorer) measured(name, label, labelZH string, i, j int32) (en, zh string, ok bool) {
	if p := s.p.t.Point(name); p != nil {
		d := p.Metres(i, j)
		if math.IsNaN(d) {
			return "", "", false
		}
		if d >= 9950 {
			return fmt.Sprintf("%.0f km apart", d/1000), fmt.Sprintf("相距 %.0f 公里", d/1000), true
		}
		return fmt.Sprintf("%.0f m apart", d), fmt.Sprintf("相距 %.0f 米", d), true
	}
	if c := s.p.t.Time(name); c != nil && !c.Null(i) && !c.Null(j) {
		lag := time.Duration(max(c.At(i), c.At(j))-min(c.At(i), c.At(j))) * time.Microsecond
		en, zh = lagWords(lag)
		return en + " apart", "相隔 " + zh, true
	}
	if c := s.p.t.Date(name); c != nil {
		a, ok1 := realDate(c.At(i))
		b, ok2 := realDate(c.At(j))
		if ok1 && ok2 && max(a-b, b-a) <= 400 {
			return label + fmt.Sprintf(" %d days apart", max(a-b, b-a)), labelZH + fmt.Sprintf("相差 %d 天", max(a-b, b-a)), true
		}
	}
	return "", "", false
}

func lagWords(d time.Duration) (en, zh string) {
	n, unit, unitZH := 0.0, "", ""
	switch {
	case d < 2*time.Minute:
		n, unit, unitZH = d.Seconds(), "s", "秒"
	case d < 2*time.Hour:
		n, unit, unitZH = d.Minutes(), "min", "分钟"
	case d < 48*time.Hour:
		n, unit, unitZH = d.Hours(), "h", "小时"
	default:
		n, unit, unitZH = d.Hours()/24, "days", "天"
	}
	return fmt.Sprintf("%.0f %s", n, unit), fmt.Sprintf("%.0f %s", n, unitZH)
}

// rarest says in how many records the rarest common token stands.
func (s *Scorer) rarest(name, label, labelZH string, i, j int32) (en, zh string) {
	col := s.p.t.Set(name)
	df, _ := s.p.tokens(name, col)
	least := math.MaxInt
	common(col.At(i), col.At(j), func(tok uint32) bool {
		least = min(least, df(tok))
		return true
	})
	return fmt.Sprintf("same %s, found in %d records", label, least), fmt.Sprintf("同%s(共 %d 条记录提及)", labelZH, least)
}
