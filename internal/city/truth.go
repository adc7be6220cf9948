package city

import (
	"fmt"
	"io"
)

// Truth writes the true incident of every record that is visible now, as CSV: source_id, source_record_id, incident_id.
// Records of one incident share its id across departments; a follow-up call has the incident of the call that it quotes.
// Keep it outside every folder that the hub reads.
func (c *City) Truth(w io.Writer) error {
	out := &lines{w: w}
	out.add([]byte("source_id,source_record_id,incident_id\n"))
	ids := SourceIDs()
	var line []byte
	c.each(func(rec *record) {
		line = append(append(line[:0], ids[rec.dept]...), ',')
		id := rec.self()
		line = append(appendNumber(line, &id), ',')
		line = append(appendIncidentID(line, &rec.in), '\n')
		out.add(line)
	})
	out.flush()
	if out.err != nil {
		return fmt.Errorf("writing the truth: %w", out.err)
	}
	return nil
}

// Counts returns how many records of each source are visible now, by source id.
func (c *City) Counts() map[string]int {
	var n [departments]int
	c.each(func(rec *record) { n[rec.dept]++ })
	out := map[string]int{}
	for i, id := range SourceIDs() {
		out[id] = n[i]
	}
	return out
}

// each visits every record that is visible now, in the order of blocks.
func (c *City) each(visit func(*record)) {
	c.mu.RLock()
	now := c.now
	c.mu.RUnlock()
	var l layout
	var rec record
	for b := range c.blocksAt(now) {
		c.plan(b, &l)
		for slot := range blockSize {
			c.build(&l, slot, &rec)
			if rec.at(now) > 0 {
				visit(&rec)
			}
		}
	}
}
