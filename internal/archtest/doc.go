// Package archtest holds the rules of the tree that no compiler checks: who may import whom, which names and calls are
// not used, how long a file may be. Its test parses the files itself instead of asking `go list`, whose result the test
// cache does not see. Each rule has a twin under testdata that breaks it: a rule that nothing can break is no rule.
//
// It is not a linter for style; staticcheck and gofmt run beside it (.ci/run, make lint).
package archtest
