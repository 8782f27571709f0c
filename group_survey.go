package leadership

import (
	"context"
	"errors"
	"time"
)

// unread is how often the members of a group read their keys for fear of a watch that hangs, where the group does that for all of them: never.
const unread = time.Duration(1 << 60)

// survey reads and watches all keys of a group at once, where the backend can: see [Surveyor]. Only the group's loop touches it.
type survey struct {
	desk     *desk
	surveyor Surveyor // nil: the backend can't

	reads    batch
	revision uint64 // of the last survey; 0: there was none
	since    uint64 // the revision that it started from
	first    uint64 // the revision that the first one started from
	changed  map[string]uint64
	reread   time.Duration // how often all keys are read for fear of a watch that hangs
	distrust time.Duration // when that is due

	watchers int
	awaiting func() // ends the wait that is under way; nil: there is none
	awaited  uint64 // the revision up to which changes were heard of; 0: there is none
	base     uint64 // the revision from which on
	rest     time.Duration
}

// awaitPause is the least time between two waits for changes: those that come together are told together.
const awaitPause = 20 * time.Millisecond

func (s *survey) begin(d *desk) {
	s.desk = d
	s.surveyor, _ = d.backend.(Surveyor)
	s.reads = batch{linger: time.Millisecond, spacing: d.config.Session.attempt() / 4, hurried: 2 * awaitPause, most: 2}
	s.reread = d.members[0].rules.reread
	s.distrust = s.reread
	if s.surveyor != nil {
		for _, m := range d.members {
			m.rules.reread = unread
		}
	}
}

// ask has a read answered by the next survey. It reports false where the key has to be read by itself: surveys say only what has changed since the last one.
func (s *survey) ask(a asker, now time.Duration) bool {
	if p := a.post; s.surveyor == nil || p.read == 0 || p.read < max(s.revision, p.moved) {
		return false
	}
	s.reads.add(a, now)
	return true
}

// floor is the greatest revision that was heard of.
func (s *survey) floor() uint64 { return max(s.revision, s.awaited) }

// learn takes in what a read of one key showed that began when floor was heard of. The read is linearizable, and so the key stood like that at floor, or later. It may tell no more than
// the revision of the key's own latest change, long before that: surveys would go on from there for ever.
func (s *survey) learn(p *post, r reply, floor uint64) reply {
	if s.surveyor == nil || r.err != nil {
		return r
	}
	r.seen.Revision = max(r.seen.Revision, floor)
	if r.seen.Revision < p.read {
		return r
	}
	if h := r.seen.Holder; h.Session != p.known.Session || h.Token != p.known.Token {
		p.turned = r.seen.Revision
	}
	p.known, p.read = r.seen.Holder, r.seen.Revision
	if p.read < s.revision && p.stands(s.since, s.changed) { // a survey overtook it, and found nothing new
		p.read = s.revision
	}
	return r
}

// stands reports whether the key stands as it was last read, by a survey of what has changed after since. One that was read to have changed after since, and is not named, does not: a key that was
// taken and deleted stands as before.
func (p *post) stands(since uint64, changed map[string]uint64) bool {
	at, named := changed[p.member.key]
	return p.read >= since && p.read >= at && (named || p.turned <= since || p.known.Session != p.state.session)
}

// due is when flush has to be called again.
func (s *survey) due() time.Duration {
	at := s.reads.due()
	if s.surveyor != nil && s.watchers > 0 {
		if s.reads.flying < s.reads.most {
			at = min(at, s.distrust)
		}
		if s.awaiting == nil && s.desk.calls.session != nil {
			at = min(at, s.rest)
		}
	}
	return at
}

// flush sends what is due.
func (s *survey) flush(now time.Duration) {
	if s.surveyor == nil {
		return
	}
	distrust := s.watchers > 0 && s.distrust <= now && s.reads.flying < s.reads.most
	if s.reads.due() <= now || distrust {
		s.send(now, distrust)
	}
	if s.watchers > 0 && s.awaiting == nil && s.rest <= now && s.desk.calls.session != nil {
		s.await()
	}
}

// send asks which keys have changed since the last survey, or, at first, since the oldest of the reads that are to be confirmed.
func (s *survey) send(now time.Duration, distrust bool) {
	if distrust {
		s.distrust = now + s.reread
	}
	since := s.revision
	if since == 0 {
		for _, m := range s.desk.members {
			if read := m.post.read; read > 0 && (since == 0 || read < since) {
				since = read
			}
		}
		if since == 0 { // nothing was ever read
			return
		}
		s.first = since
	}
	askers, limit := s.reads.send(now)
	if limit == 0 {
		limit = s.desk.config.Session.attempt()
	}
	c := &s.desk.calls
	c.running.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, limit)
		defer cancel()
		changed, revision, err := s.surveyor.Survey(ctx, s.desk.keys, since)
		c.tell(func() {
			s.reads.flying--
			if err != nil {
				c.replyAll(askers, reply{op: opObserve, err: err})
				return
			}
			s.surveyed(since, changed, revision)
			s.confirm(askers, revision)
			if distrust {
				s.recheck()
			}
		})
	})
}

// surveyed takes in which keys have changed after since, as of revision.
func (s *survey) surveyed(since uint64, changed map[string]uint64, revision uint64) {
	for _, m := range s.desk.members {
		p := m.post
		p.stirred = max(p.stirred, changed[m.key])
		if p.stands(since, changed) { // else it has changed since it was read, or may have
			p.read = max(p.read, revision)
		}
	}
	if revision >= s.revision {
		s.since, s.revision, s.changed = since, revision, changed
	}
}

// confirm answers reads as the last ones of the keys showed them, where those still hold at revision. The others are read one by one.
func (s *survey) confirm(askers []asker, revision uint64) {
	c := &s.desk.calls
	for _, a := range askers {
		p := a.post
		if p.read >= revision {
			c.reply(p, reply{op: opObserve, seq: a.seq, seen: Observation{Holder: p.known, Revision: p.read}})
			continue
		}
		p.observe = c.enqueue(&c.queue, p, request{op: opObserve, seq: a.seq, limit: a.limit}, nil)
	}
}

// recheck has watches return of which the keys have changed, in case the common one hangs.
func (s *survey) recheck() {
	for _, m := range s.desk.members {
		if p := m.post; p.watch != 0 && (p.stirred > p.since || p.since < s.first) {
			s.returns(p, nil)
		}
	}
}

// watch notes that p waits for a change. It reports false where the backend can't watch all keys at once.
func (s *survey) watch(p *post, r request) bool {
	if s.surveyor == nil {
		return false
	}
	p.watch, p.since = r.seq, r.seen.Revision
	s.watchers++
	if p.moved > p.since || p.since < s.base {
		s.returns(p, nil)
	}
	return true
}

// unwatch forgets it.
func (s *survey) unwatch(p *post) {
	if p.watch != 0 {
		p.watch = 0
		s.watchers--
	}
}

// returns answers the watch of p.
func (s *survey) returns(p *post, err error) {
	seq := p.watch
	s.unwatch(p)
	s.desk.calls.reply(p, reply{op: opWatch, seq: seq, err: err})
}

// returnAll answers all watches.
func (s *survey) returnAll(err error) {
	for _, m := range s.desk.members {
		if m.post.watch != 0 {
			s.returns(m.post, err)
		}
	}
}

// await waits for changes after those that were heard of.
func (s *survey) await() {
	c := &s.desk.calls
	if s.awaited == 0 {
		for _, m := range s.desk.members {
			if p := m.post; p.watch != 0 && (s.awaited == 0 || p.since < s.awaited) {
				s.awaited = p.since
			}
		}
		s.base = s.awaited
	}
	since, session := s.awaited, c.session
	ctx, cancel := context.WithTimeout(c.ctx, watchLimit)
	s.awaiting = cancel
	c.running.Go(func() {
		defer cancel()
		changed, revision, err := s.surveyor.Await(ctx, session.Session, s.desk.keys, since)
		over := errors.Is(ctx.Err(), context.DeadlineExceeded)
		c.tell(func() {
			s.awaiting, s.rest = nil, s.desk.clock.now().mono+awaitPause
			switch {
			case session != c.session: // the next session waits from the same revision on
			case err == nil:
				s.heard(changed, revision)
			case errors.Is(err, ErrSessionLost):
				c.check(session, err)
			case !over:
				s.awaited, s.base = 0, 0
				s.returnAll(err)
			}
		})
	})
}

// heard takes in the changes up to revision.
func (s *survey) heard(changed map[string]uint64, revision uint64) {
	s.awaited = max(s.awaited, revision)
	for _, m := range s.desk.members {
		at, moved := changed[m.key]
		if !moved {
			continue
		}
		p := m.post
		p.moved = max(p.moved, at)
		if p.watch != 0 && p.moved > p.since {
			s.returns(p, nil)
		}
	}
}

// lost ends the watches of who stands with session.
func (s *survey) lost(session *lent, err error) {
	if s.awaiting != nil {
		s.awaiting()
	}
	for _, m := range s.desk.members {
		if m.post.watch != 0 && m.post.state.session == session.ID() {
			s.returns(m.post, err)
		}
	}
}
