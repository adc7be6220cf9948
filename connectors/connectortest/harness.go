package connectortest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"onegrid/connectors"
)

// Harness tells the suite how to reach one connector over one upstream.
//
// The upstream must hold at least three batches of records (set a small Env.BatchRows), or resuming is not tested.
type Harness struct {
	// Kind is used for the settings check; its testdata folder is Testdata.
	Kind connectors.Kind
	// Testdata holds *.good.yaml, and *.bad.yaml each with a *.bad.txt that is the exact message a user sees.
	// "testdata" unless set; a harness without settings to check sets "-".
	Testdata string

	// Open returns a new Source over the upstream that the harness keeps: two calls read the same records.
	Open func(t *testing.T) connectors.Source

	// KeyColumn names the column that identifies a record, Keys its values, one for every record of the upstream, in any
	// order. A key occurs as often as the upstream gives it in one undisturbed read.
	KeyColumn string
	Keys      []string
	// Rejects is the number of records of the upstream that cannot be decoded.
	Rejects int

	// Overlap declares a look-back: reading from a checkpoint may give records again that were given before it.
	Overlap bool
	// Coarse declares that checkpoints before the last one may not move: resuming may start all over.
	Coarse bool

	// Grow, if set, adds records to the upstream and returns their keys; reading from the last checkpoint must give them.
	Grow func(t *testing.T) []string
	// Window, if set, is a closed span that a Windower must be able to read.
	Window *Window
	// Hang, if set, returns a source whose upstream takes the request and never answers. asked is closed when it has.
	Hang func(t *testing.T) (src connectors.Source, asked <-chan struct{})
	// Secrets must not occur in any error, reject message or note: passwords of the settings, values of records.
	Secrets []string
	// Patience bounds every wait; 10 s unless set.
	Patience time.Duration
}

// Window is a closed span of time and the keys that a backfill of it gives.
type Window struct {
	From, To time.Time
	Keys     []string
}

// Run runs every check as a subtest.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.Open == nil || h.KeyColumn == "" || len(h.Keys) == 0 {
		t.Fatal("the harness needs Open, KeyColumn and Keys")
	}
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			err := c.run(t, h)
			if errors.Is(err, errNotApplicable) {
				t.Skip(err)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// A check returns what is wrong instead of failing the test, so that its twin can require the failure.
type check struct {
	name string
	run  func(*testing.T, Harness) error
}

// checks is in the order of running: those that change the upstream come last.
func checks() []check {
	return []check{
		{"batches", checkBatches},
		{"complete", checkComplete},
		{"resume", checkResume},
		{"stepwise", checkStepwise},
		{"again", checkAgain},
		{"foreign_checkpoint", checkForeignCheckpoint},
		{"break", checkBreak},
		{"cancel", checkCancel},
		{"hang", checkHang},
		{"check", checkCheck},
		{"discover", checkDiscover},
		{"window", checkWindow},
		{"settings", checkSettings},
		{"secrets", checkSecrets},
		{"acknowledge", checkAcknowledge},
		{"grow", checkGrow},
	}
}

var errNotApplicable = errors.New("not applicable to this source")

func (h Harness) patience() time.Duration {
	if h.Patience > 0 {
		return h.Patience
	}
	return 10 * time.Second
}

// within runs f and complains when it takes longer than the harness's patience.
func (h Harness) within(what string, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	timer := time.NewTimer(h.patience())
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("%s did not end within %v", what, h.patience())
	}
}
