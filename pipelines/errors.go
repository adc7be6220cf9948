package pipelines

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var (
	// ErrBudget means that a unit had more rejects than the source allows; the resume point did not move.
	ErrBudget = errors.New("too many rejects")
	// ErrBusy means that the source is being read by another run of this process.
	ErrBusy = errors.New("source is being read already")
)

// BudgetError says which rules rejected how many records.
type BudgetError struct {
	Read, Rejected int64
	ByRule         map[string]int64
	Example        string // message of the first reject: it quotes no value
}

func (e *BudgetError) Error() string {
	rules := make([]string, 0, len(e.ByRule))
	for r, n := range e.ByRule {
		rules = append(rules, fmt.Sprintf("%s %d", r, n))
	}
	slices.Sort(rules)
	return fmt.Sprintf("%v: %d of %d records (%s); first: %s", ErrBudget, e.Rejected, e.Read, strings.Join(rules, ", "), e.Example)
}

func (e *BudgetError) Unwrap() error { return ErrBudget }
