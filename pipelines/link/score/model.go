package score

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"onegrid/connectors"
	"onegrid/pipelines/link/spec"
)

// Model is what the levels of a spec's comparisons are worth. It holds shares and counts, no values of records.
type Model struct {
	Version     int               `json:"version" yaml:"version"`
	Spec        string            `json:"spec" yaml:"spec"`     // digest of the columns and comparisons that it was made for
	Lambda      float64           `json:"lambda" yaml:"lambda"` // share of matching pairs among all pairs
	Trained     *Trained          `json:"trained,omitempty" yaml:"trained"`
	Comparisons []ComparisonModel `json:"comparisons" yaml:"comparisons"`
}

// ComparisonModel are the levels of one comparison.
type ComparisonModel struct {
	Name    string       `json:"name" yaml:"name"`
	Origin  string       `json:"origin" yaml:"origin"`   // of m: trained, or prior where no rule could teach it
	Matches float64      `json:"matches" yaml:"matches"` // expected matching pairs that m was learnt from
	Levels  []LevelModel `json:"levels" yaml:"levels"`
}

// LevelModel are the two shares of one level.
type LevelModel struct {
	Level string  `json:"level" yaml:"level"`
	M     float64 `json:"m" yaml:"m"`       // share among matching pairs that are not null
	U     float64 `json:"u" yaml:"u"`       // share among pairs of different things that are not null
	Bits  float64 `json:"bits" yaml:"bits"` // log2(m/u), for the reader; worked out anew when loaded
}

// Trained says what a model was learnt from.
type Trained struct {
	Rows        int           `json:"rows" yaml:"rows"`
	RandomPairs int64         `json:"random_pairs" yaml:"random_pairs"`
	Candidates  int64         `json:"candidates" yaml:"candidates"` // distinct pairs of all rules
	Matches     float64       `json:"matches" yaml:"matches"`       // expected among the candidates
	Rules       []TrainedRule `json:"rules" yaml:"rules"`
}

// TrainedRule is the run of expectation maximisation on one blocking rule.
type TrainedRule struct {
	Rule       string   `json:"rule" yaml:"rule"`
	Pairs      int64    `json:"pairs" yaml:"pairs"`
	Patterns   int      `json:"patterns" yaml:"patterns"`
	Matches    float64  `json:"matches" yaml:"matches"`
	Iterations int      `json:"iterations" yaml:"iterations"`
	Taught     []string `json:"taught" yaml:"taught"` // comparisons that the rule leaves free
	Used       bool     `json:"used" yaml:"used"`     // false: too few expected matches
}

// Share of pairs that a level cannot fall below: a level that was never seen is rare, not impossible.
const leastShare = 1e-9

// Prior is the model of a program before any data: the shares that the spec writes, else ones that fit most data.
func Prior(p *Program) *Model {
	n := float64(max(p.t.Rows(), 2))
	m := &Model{Version: 1, Spec: p.spec.Digest(), Lambda: 1 / n} // as many pairs as half the records
	if f := p.spec.Train.Prior; f != nil {
		m.Lambda = *f
	}
	for i := range p.comps {
		c := p.comps[i].c
		cm := ComparisonModel{Name: c.Name, Origin: "prior"}
		ms, us := priorShares(c)
		for j, l := range c.Levels {
			cm.Levels = append(cm.Levels, LevelModel{Level: LevelText(l), M: ms[j], U: us[j]})
		}
		m.Comparisons = append(m.Comparisons, cm)
	}
	m.round()
	return m
}

// priorShares are m and u before any data. Without shares in the spec, agreement is taken as likely and the levels below
// as half as likely each; among different things every weaker level as four times as likely.
func priorShares(c *spec.Comparison) (m, u []float64) {
	k := len(c.Levels)
	for j, l := range c.Levels {
		mj, uj := math.Exp2(-float64(j)), 0.01*math.Pow(4, float64(j))
		if j == k-1 {
			mj, uj = 0.1, max(0.5, 1-0.02*math.Pow(4, float64(k-2)))
		}
		if l.M != nil {
			mj = -*l.M
		}
		if l.U != nil {
			uj = -*l.U
		}
		m, u = append(m, mj), append(u, uj)
	}
	return settle(m), settle(u)
}

// settle makes shares add up to 1. Negative ones are fixed, unless all are; the others share what is left.
func settle(v []float64) []float64 {
	fixed, free := 0.0, 0.0
	for _, x := range v {
		if x < 0 {
			fixed -= x
		} else {
			free += x
		}
	}
	rest := max(1-fixed, 0.001)
	for i, x := range v {
		switch {
		case x < 0 && free == 0:
			v[i] = -x / fixed
		case x < 0:
			v[i] = -x * (1 - rest) / max(fixed, 1e-300)
		default:
			v[i] = x * rest / free
		}
	}
	return v
}

// LevelText is the condition of a level as text: jaro_winkler 0.92, else.
func LevelText(l *spec.Level) string { return conditionText(&l.Test) }

func conditionText(t *spec.Test) string {
	name := t.Condition()
	switch name {
	case "jaro_winkler":
		name = fmt.Sprintf("%s %g", name, t.JaroWinkler)
	case "jaro":
		name = fmt.Sprintf("%s %g", name, t.Jaro)
	case "jaccard":
		name = fmt.Sprintf("%s %g", name, t.Jaccard)
	case "cosine":
		name = fmt.Sprintf("%s %g", name, t.Cosine)
	case "levenshtein", "damerau_levenshtein", "prefix", "contains", "shared", "date_digits":
		name = fmt.Sprintf("%s %d", name, max(t.Levenshtein, t.Damerau, t.Prefix, t.Contains, t.Shared, t.DateDigits))
	case "shared_token":
		name = fmt.Sprintf("%s df %d", name, t.SharedToken.DF)
	case "diff":
		name = fmt.Sprintf("%s %g", name, *t.Diff)
	case "percent":
		name = fmt.Sprintf("%s %g", name, t.Percent)
	case "days":
		name = fmt.Sprintf("%s %d", name, *t.Days)
	case "lag":
		name = fmt.Sprintf("%s %v", name, t.Lag.D())
	case "metres":
		name = fmt.Sprintf("%s %g", name, *t.Metres)
	case "all", "any":
		sep := ""
		out := name + " ("
		for _, sub := range slices.Concat(t.All, t.Any) {
			out += sep + conditionText(sub)
			sep = ", "
		}
		name = out + ")"
	}
	if t.On != "" {
		name += " on " + t.On
	}
	return name
}

// Fits reports how a model and a program differ.
func (m *Model) Fits(p *Program) error {
	if len(m.Comparisons) != len(p.comps) {
		return fmt.Errorf("%w: %d comparisons, not %d: train again", ErrModel, len(m.Comparisons), len(p.comps))
	}
	for i := range p.comps {
		c, cm := p.comps[i].c, &m.Comparisons[i]
		if cm.Name != c.Name || len(cm.Levels) != len(c.Levels) {
			return fmt.Errorf("%w: comparison %d is %s with %d levels, not %s with %d: train again", ErrModel, i+1, cm.Name, len(cm.Levels), c.Name, len(c.Levels))
		}
		for j, l := range c.Levels {
			if want := LevelText(l); cm.Levels[j].Level != want {
				return fmt.Errorf("%w: level %d of %s is %q, not %q: train again", ErrModel, j+1, c.Name, cm.Levels[j].Level, want)
			}
		}
	}
	if m.Spec != p.spec.Digest() {
		return fmt.Errorf("%w: columns or comparisons changed since it was made: train again", ErrModel)
	}
	return nil
}

// weights are the bits of all levels; place 0 of a comparison is null, which says nothing.
func (m *Model) weights() [][]float64 {
	out := make([][]float64, len(m.Comparisons))
	for i, c := range m.Comparisons {
		out[i] = make([]float64, len(c.Levels)+1)
		for j, l := range c.Levels {
			out[i][j+1] = math.Log2(l.M / l.U)
		}
	}
	return out
}

func (m *Model) priorBits() float64 { return Bits(m.Lambda) }

// round brings shares to six digits, so that a model is the same file on every machine, and fills in the bits.
func (m *Model) round() {
	six := func(v float64) float64 {
		if v == 0 || v-v != 0 {
			return v
		}
		e := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(v))))
		return math.Round(v*e) / e
	}
	m.Lambda = six(m.Lambda)
	for i := range m.Comparisons {
		c := &m.Comparisons[i]
		c.Matches = six(c.Matches)
		for j := range c.Levels {
			l := &c.Levels[j]
			l.M, l.U = six(max(l.M, leastShare)), six(max(l.U, leastShare))
			l.Bits = math.Round(1000*math.Log2(l.M/l.U)) / 1000
		}
	}
	if m.Trained != nil {
		m.Trained.Matches = six(m.Trained.Matches)
		for i := range m.Trained.Rules {
			m.Trained.Rules[i].Matches = six(m.Trained.Rules[i].Matches)
		}
	}
}

// Write writes the model as indented JSON.
func (m *Model) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return fmt.Errorf("writing model: %w", err)
	}
	return nil
}

// maxModel bounds a model file.
const maxModel = 4 << 20

// LoadModel reads a model file. A file with problems gives a *spec.FileError with all of them.
func LoadModel(path string) (*Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading model: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxModel+1))
	if err != nil {
		return nil, fmt.Errorf("reading model: %w", err)
	}
	return ParseModel(path, data)
}

// ParseModel is LoadModel for bytes; name stands for the file in messages.
func ParseModel(name string, data []byte) (*Model, error) {
	m := &Model{}
	var se *json.SyntaxError
	if err := json.Unmarshal(data, &json.RawMessage{}); errors.As(err, &se) {
		line := 1 + bytes.Count(data[:min(int(se.Offset), len(data))], []byte("\n"))
		return nil, &spec.FileError{Name: name, Problems: connectors.Problems{{Line: line, Message: se.Error(), Hint: "a model is a JSON file"}}}
	}
	if err := spec.Decode(name, data, m, m.check); err != nil {
		return nil, err
	}
	return m, nil
}

// check finds what cannot be right in a model.
func (m *Model) check() (ps connectors.Problems) {
	add := func(path, hint, format string, args ...any) {
		ps = append(ps, connectors.Problem{Path: path, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
	const again = "write it with: onegrid link train"
	if m.Version != 1 {
		add("version", again, "only version 1 is known")
	}
	if m.Spec == "" {
		add("spec", again, "the digest of the mapping file is missing")
	}
	if !(m.Lambda > 0 && m.Lambda < 1) {
		add("lambda", "", "a probability lies between 0 and 1")
	}
	if len(m.Comparisons) == 0 {
		add("comparisons", again, "no comparison")
	}
	for i, c := range m.Comparisons {
		at := fmt.Sprintf("comparisons.%d", i)
		if c.Name == "" {
			add(at, "", "name is missing")
		}
		if len(c.Levels) < 2 {
			add(at+".levels", "", "a comparison has two levels at least")
		}
		sumM, sumU := 0.0, 0.0
		for j, l := range c.Levels {
			lat := fmt.Sprintf("%s.levels.%d", at, j)
			if !(l.M > 0 && l.M < 1) {
				add(lat+".m", "", "m lies between 0 and 1")
			}
			if !(l.U > 0 && l.U < 1) {
				add(lat+".u", "", "u lies between 0 and 1")
			}
			sumM, sumU = sumM+l.M, sumU+l.U
		}
		if len(c.Levels) > 1 && (math.Abs(sumM-1) > 0.01 || math.Abs(sumU-1) > 0.01) {
			add(at+".levels", "", "m and u add up to %.3f and %.3f, not to 1", sumM, sumU)
		}
	}
	return ps
}
