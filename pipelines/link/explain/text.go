package explain

import (
	"fmt"
	"math"
	"strings"
)

// Text says in one or two lines why two records are linked or not: the certain evidence, then the weights in bits, then
// what the class and the guards made of it. Weights below a tenth of a bit are left out, their sum is not.
//
//	同类 +3.1, 相距15米内 +9.7, 1小时内 +6.6, 先验 -14.6 = +4.8 比特, 概率 0.965: 自动归并
func (p *Pair) Text(l Lang) string {
	w := wordsOf(l)
	var b strings.Builder
	for _, e := range p.Certain {
		fmt.Fprintf(&b, "%s: %s. ", w.of("certain"), w.evidence(e))
	}
	if len(p.Steps) > 0 {
		for _, s := range p.Steps {
			if s.Null || math.Abs(s.Bits+s.TF) < 0.1 {
				continue
			}
			fmt.Fprintf(&b, "%s %s, ", s.words(l), signed(s.Bits+s.TF))
		}
		fmt.Fprintf(&b, "%s %s = %s %s, %s %s: %s", w.of("prior"), signed(p.Prior), signed(p.Total), w.of("bits"), w.of("probability"), Probability(p.Probability), w.of("band_"+string(p.Band)))
		b.WriteString(w.of("stop"))
	}
	var nulls []string
	for _, s := range p.Steps {
		if s.Null {
			nulls = append(nulls, s.words(l))
		}
	}
	if len(nulls) > 0 {
		fmt.Fprintf(&b, " %s: %s%s", w.of("nothing"), strings.Join(nulls, ", "), w.of("stop"))
	}
	if p.Class != "" {
		fmt.Fprintf(&b, " %s %s: %s%s", w.of("class"), w.of("class_"+p.Class), w.of("policy_"+p.Policy), w.of("stop"))
	}
	for _, g := range p.Guards {
		if !g.OK {
			fmt.Fprintf(&b, " %s: %s%s", w.of("refused"), w.guard(g), w.of("stop"))
		}
	}
	if p.Decided != "" {
		fmt.Fprintf(&b, " %s%s", w.of(p.Decided), w.of("stop"))
	}
	if p.SameIncident {
		fmt.Fprintf(&b, " %s%s", w.of("same"), w.of("stop"))
	} else {
		fmt.Fprintf(&b, " %s%s", w.of("apart"), w.of("stop"))
	}
	return strings.TrimSpace(b.String())
}

// words are the plain words of a step.
func (s *Step) words(l Lang) string {
	if l == ZH && s.ZH != "" {
		return s.ZH
	}
	if s.EN != "" {
		return s.EN
	}
	return s.Name
}

func signed(v float64) string {
	if math.Abs(v) < 0.05 {
		v = 0
	}
	return fmt.Sprintf("%+.1f", v)
}

// Probability is written with as many digits as it needs to differ from 0 and 1: 0.97, 0.9983, 0.999940; above 0.999999 and
// below 0.000001 it says so.
func Probability(p float64) string {
	switch {
	case p != p:
		return "?"
	case p > 0.999999:
		return ">0.999999"
	case p < 0.000001:
		return "<0.000001"
	}
	near := min(p, 1-p)
	digits := 2
	for near < 0.0995 && digits < 6 {
		near *= 10
		digits++
	}
	return fmt.Sprintf("%.*f", digits, p)
}

// number writes a count with thin groups: 12,345.
func number(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
