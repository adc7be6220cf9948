package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"onegrid/connectors"
)

// day0 is when the invented records begin.
func day0() time.Time {
	day, err := time.Parse(time.DateOnly, os.Getenv(dayEnv))
	if err != nil {
		panic(err) // TestMain sets it
	}
	return day.Add(time.Hour)
}

const layout = "2006-01-02 15:04:05"

// record is one state of an invented record, as text.
type record struct{ id, status, text, org, phone, reported, updated, closed string }

// delivery is one batch of an upstream: records, and places of records that could not be decoded.
type delivery struct {
	rows  []record
	torn  []string
	fails error
}

// upstream is a source that gives a list of deliveries. It is the same list whenever it is asked, as a log of changes is.
type upstream struct {
	give []delivery
	ack  func(at int)
}

type position struct {
	At int `json:"at"`
}

func positionOf(c connectors.Checkpoint) (int, error) {
	if c.IsZero() {
		return 0, nil
	}
	var p position
	err := json.Unmarshal(c.Data, &p)
	return p.At, err
}

func checkpointAt(at int) connectors.Checkpoint {
	return connectors.Checkpoint{Version: 1, Data: []byte(`{"at":` + strconv.Itoa(at) + `}`)}
}

// Read implements connectors.Source.
func (u *upstream) Read(ctx context.Context, from connectors.Checkpoint) iter.Seq2[connectors.Batch, error] {
	return func(yield func(connectors.Batch, error) bool) {
		at, err := positionOf(from)
		if err != nil {
			yield(connectors.Batch{}, err)
			return
		}
		for ; at < len(u.give); at++ {
			if err := ctx.Err(); err != nil {
				yield(connectors.Batch{}, err)
				return
			}
			d := u.give[at]
			if d.fails != nil {
				yield(connectors.Batch{}, d.fails)
				return
			}
			if !yield(d.batch(at), nil) {
				return
			}
		}
	}
}

// Ack implements connectors.Acknowledger.
func (u *upstream) Ack(_ context.Context, stored connectors.Checkpoint) error {
	at, err := positionOf(stored)
	if err == nil && u.ack != nil {
		u.ack(at)
	}
	return err
}

func (d delivery) batch(at int) connectors.Batch {
	b := connectors.NewBuilder("id", "status", "text", "org", "phone", "reported", "updated", "closed")
	for _, r := range d.rows {
		for i, v := range []string{r.id, r.status, r.text, r.org, r.phone, r.reported, r.updated, r.closed} {
			if v != "" {
				b.Set(i, v)
			}
		}
		b.EndRow()
	}
	out := connectors.Batch{Stream: "probe", Records: b.Take(), Resume: checkpointAt(at + 1), AsOf: day0().Add(time.Duration(at) * time.Minute), Origin: fmt.Sprintf("delivery %d", at)}
	for _, p := range d.torn {
		out.Rejects = append(out.Rejects, connectors.Reject{Position: p, Rule: "bad_row", Message: "cannot be decoded", MessageZH: "无法解码", Raw: []byte("\xff" + p)})
	}
	return out
}

// invent makes the deliveries of a source over time: new records, updates, the same again, late states, rewritten pages,
// records twice in a delivery, rows that no mapping takes and rows that cannot be decoded.
func invent(seed uint64, deliveries, size int) []delivery {
	r := rand.New(rand.NewPCG(seed, 7))
	orgs := []string{"JL-01", "JL-02", "JL-03"}
	var known []record
	var out []delivery
	clock := day0()
	fresh := func() record {
		clock = clock.Add(time.Duration(1+r.IntN(90)) * time.Second)
		at := clock.In(time.FixedZone("", 8*3600)).Format(layout)
		return record{id: fmt.Sprintf("P%06d", len(known)+1), status: "1", text: fmt.Sprintf("路灯第%d盏不亮，报修电话19900%06d", len(known)+1, r.IntN(1_000_000)),
			org: orgs[r.IntN(3)], phone: fmt.Sprintf("19900%06d", r.IntN(1_000_000)), reported: at, updated: at}
	}
	step := func(c record) record {
		clock = clock.Add(time.Duration(1+r.IntN(60)) * time.Second)
		n, _ := strconv.Atoi(c.status)
		c.status, c.org, c.updated = strconv.Itoa(min(5, n+r.IntN(3))), orgs[r.IntN(3)], clock.In(time.FixedZone("", 8*3600)).Format(layout)
		if c.status == "5" {
			c.closed = c.updated
		}
		return c
	}
	for n := range deliveries {
		var d delivery
		if n > 3 && r.IntN(8) == 0 { // the page from before once more
			d.rows = append(d.rows, out[n-1-r.IntN(3)].rows...)
		}
		for len(d.rows) < size {
			switch k := r.IntN(20); {
			case len(known) < size || k < 9:
				known = append(known, fresh())
				d.rows = append(d.rows, known[len(known)-1])
			case k < 15:
				i := r.IntN(len(known))
				known[i] = step(known[i])
				d.rows = append(d.rows, known[i])
			case k == 15: // known already
				d.rows = append(d.rows, known[r.IntN(len(known))])
			case k == 16: // an older state that arrives late
				c := known[r.IntN(len(known))]
				c.status, c.closed, c.updated = "2", "", c.reported
				d.rows = append(d.rows, c)
			case k == 17 && len(d.rows) > 0: // twice in one delivery
				d.rows = append(d.rows, d.rows[r.IntN(len(d.rows))])
			case k == 18: // no mapping takes it
				c := fresh()
				c.reported = "nine o'clock"
				d.rows = append(d.rows, c)
			default:
				c := fresh()
				c.id = ""
				d.rows = append(d.rows, c)
			}
		}
		if r.IntN(6) == 0 {
			d.torn = append(d.torn, fmt.Sprintf("line %d of delivery %d", r.IntN(9), n))
		}
		out = append(out, d)
	}
	return out
}
