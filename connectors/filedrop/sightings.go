package filedrop

import (
	"sync"
	"time"
)

// sightings remembers since when a file with an unusable modification time has looked the same.
type sightings struct {
	mu sync.Mutex
	at map[string]sighting
}

type sighting struct {
	print string
	first time.Time
}

// since is how long the file has looked as it does now. Only files dated in the future ask, so few are remembered.
func (s *sightings) since(d dropped, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := fingerprint(d.info)
	v, ok := s.at[d.name]
	if !ok || v.print != p {
		if len(s.at) >= 1000 {
			clear(s.at)
		}
		s.at[d.name] = sighting{p, now}
		return 0
	}
	return now.Sub(v.first)
}
