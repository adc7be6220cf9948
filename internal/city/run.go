package city

import (
	"context"
	"time"
)

// Live says how the city lives on in Run.
type Live struct {
	Step     time.Duration // simulated time of one round; default 10 minutes
	Every    time.Duration // real time between rounds; 0 does not wait
	Rounds   int           // 0: until the context ends
	DropDir  string        // folder of the 12345 files; "" drops none
	Database string        // path of the urban-management database; "" writes none
	// Round, if set, is called after every round with its number from 1.
	Round func(round int, now time.Time)
}

// Run lets time pass in rounds: it advances the city and brings folder and database up to date. The 110 API follows by
// itself. What happens depends on the seed and the rounds alone, never on the real time that they took. Run returns nil
// when its rounds are over or ctx ends between two of them.
func (c *City) Run(ctx context.Context, live Live) error {
	if live.Step == 0 {
		live.Step = 10 * time.Minute
	}
	var tick <-chan time.Time
	if live.Every > 0 {
		t := time.NewTicker(live.Every)
		defer t.Stop()
		tick = t.C
	}
	for round := 1; live.Rounds == 0 || round <= live.Rounds; round++ {
		if tick != nil {
			select {
			case <-tick:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		c.Advance(live.Step)
		if live.DropDir != "" {
			if _, err := c.DropFiles(live.DropDir); err != nil {
				return err
			}
		}
		if live.Database != "" {
			if err := c.Database(ctx, live.Database); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
		}
		if live.Round != nil {
			live.Round(round, c.Now())
		}
	}
	return nil
}
