package consul

import "time"

// chance is what a session knows of a key that its watch has just shown. The next Campaign takes one that is free at the index that was
// shown, without reading it again: the transaction is rolled back where that is not how the key stands any more. Of one that somebody else holds it reports just that.
//
// The attempt is a write for the store even if it fails. So who was too late once reads first from then on: many that wait for one key
// write at one handover, and only read at the next. Whose turn the key names is never too late.
type chance struct {
	state keyState
	at    time.Time // zero: nothing was shown
	late  bool      // somebody else was faster the last time, not a lock-delay
}

// freshFor is for how long it is worth trying.
const freshFor = time.Second

// shown notes what a watch has shown of key. A deleted key does not count: it has no index that would tell it from one that was held and
// deleted again.
func (s *session) shown(key string, state keyState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chance(key)
	c.state, c.at = keyState{}, time.Time{}
	if own, _ := turn(state.entry, s.id); own {
		c.late = false
	}
	if state.entry != nil && (state.entry.Session != "" || !c.late) {
		c.state, c.at = state, time.Now()
	}
}

// chance is what is known of key; s.mu is held.
func (s *session) chance(key string) *chance {
	c := s.chances[key]
	if c == nil {
		c = new(chance)
		s.chances[key] = c
	}
	return c
}

// seize returns what was shown, once.
func (s *session) seize(key string) (keyState, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chances[key]
	if c == nil {
		return keyState{}, false
	}
	found := *c
	*c = chance{late: c.late}
	return found.state, !found.at.IsZero() && time.Since(found.at) < freshFor
}

// seized notes how an attempt ended.
func (s *session) seized(key string, won bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*s.chance(key) = chance{late: !won}
}
