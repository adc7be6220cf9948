package pipelines

import (
	"context"
	"fmt"
	"iter"
	"time"

	"onegrid/connectors"
	"onegrid/warehouse"
)

// Limits of a unit. A unit is one transaction and one landing file.
type Limits struct {
	// Rows of a unit. 122,880 is one DuckDB row group: a transaction of whole row groups is written once, straight to the
	// database file, instead of to the log and again at the next checkpoint.
	Rows int
	// Wait is the longest time before a smaller unit is committed.
	Wait time.Duration
	// Stream is the number of rows from which on a unit holds the writer lane while it is still being read. Smaller units
	// are gathered first, so that a slow source never keeps the others waiting.
	Stream int
	// Stall is how long a streaming unit waits for its next batch before it commits what it has.
	Stall time.Duration
}

// DefaultLimits are what was measured best on two cores.
func DefaultLimits() Limits {
	return Limits{Rows: 122_880, Wait: 2 * time.Second, Stream: 8_192, Stall: 250 * time.Millisecond}
}

// part is one step of a unit on its way to the lane: a chunk, or the end of the unit.
type part struct {
	chunk *warehouse.Chunk
	final *warehouse.Final
	err   error // ends the unit and the run; nothing of the unit is stored
}

// errUnit ends a unit that must not be stored.
type errUnit struct{ error }

func (e errUnit) Unwrap() error { return e.error }

// incoming is a batch or the end of reading.
type incoming struct {
	batch connectors.Batch
	err   error
	end   bool
}

// read pulls batches in a goroutine of its own, so that decoding the next batch overlaps with preparing this one. The
// channel is closed when the source ends, fails or is stopped.
func read(ctx context.Context, seq iter.Seq2[connectors.Batch, error]) <-chan incoming {
	out := make(chan incoming, 1)
	go func() {
		defer close(out)
		for b, err := range seq {
			select {
			case out <- incoming{batch: b, err: err, end: err != nil}:
			case <-ctx.Done():
				if b.Records != nil {
					b.Records.Release()
				}
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

// gather turns the parts of one unit into the sequence that the store ranges over. It starts with what was buffered
// before the lane was taken and goes on with what still comes.
func gather(buffered []part, rest <-chan part) (iter.Seq2[*warehouse.Chunk, error], func() (warehouse.Final, error)) {
	var final *warehouse.Final
	chunks := func(yield func(*warehouse.Chunk, error) bool) {
		step := func(p part) bool {
			switch {
			case p.err != nil:
				yield(nil, errUnit{p.err})
				return false
			case p.final != nil:
				final = p.final
				return false
			}
			ok := yield(p.chunk, nil)
			p.chunk.Events.Release()
			return ok
		}
		for _, p := range buffered {
			if !step(p) {
				return
			}
		}
		for p := range rest {
			if !step(p) {
				return
			}
		}
	}
	return chunks, func() (warehouse.Final, error) {
		if final == nil {
			return warehouse.Final{}, fmt.Errorf("unit ended without a resume point")
		}
		return *final, nil
	}
}
