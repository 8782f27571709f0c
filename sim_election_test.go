package leadership

import (
	"slices"
	"time"
)

// simLine is a line of candidates: the oldest one holds the key, as in etcd's elections.
type simLine struct {
	store  *simStore
	line   []simPlace
	token  uint64
	traces simTraces
}

// simTraces are the sessions that an operator took the key from, the first one first, and that neither gave up nor ended since.
type simTraces []*simSession

func (t *simTraces) add(s *simSession) { t.remove(s); *t = append(*t, s) }

func (t *simTraces) remove(s *simSession) {
	*t = slices.DeleteFunc(*t, func(other *simSession) bool { return other == s })
}

// beside are the names of all but s.
func (t *simTraces) beside(s *simSession) []string {
	var names []string
	for _, other := range *t {
		if other != s {
			names = append(names, other.id)
		}
	}
	return names
}

// simPlace is a candidate in line.
type simPlace struct {
	session *simSession
	token   uint64
	after   bool // of the first one: it was in line when the one before it resigned
}

func (l *simLine) holder() (*simSession, uint64) {
	if len(l.line) == 0 {
		return nil, 0
	}
	return l.line[0].session, l.line[0].token
}

func (l *simLine) place(s *simSession) int {
	return slices.IndexFunc(l.line, func(p simPlace) bool { return p.session == s })
}

func (l *simLine) stand(s *simSession) (Observation, error) {
	if l.place(s) < 0 {
		l.token += 1 + uint64(l.store.w.rng.IntN(3)) // other keys take revisions, too
		l.line = append(l.line, simPlace{session: s, token: l.token})
		l.store.touch()
	}
	return l.read(s), nil
}

func (l *simLine) read(s *simSession) Observation {
	o := Observation{Revision: l.store.revision}
	if len(l.line) == 0 {
		return o
	}
	first := l.line[0]
	o.Holder = held(first.session.id, first.token)
	if first.session == s {
		o.Earlier, o.Resigned = l.traces.beside(s), first.after
	}
	return unlessResigned(o)
}

func (l *simLine) withdraw(s *simSession, sign bool) bool {
	l.traces.remove(s)
	return l.leave(s, sign)
}

func (l *simLine) ended(s *simSession) {
	l.traces.remove(s)
	if l.leave(s, false) {
		l.store.touch()
	}
}

// transfer passes over who stands between: those have to stand again.
func (l *simLine) transfer(s, heir *simSession, sign bool) bool {
	at := l.place(heir)
	if at <= 0 || l.place(s) != 0 {
		return false
	}
	l.line = slices.Delete(l.line, 0, at)
	l.line[0].after = sign
	return true
}

func (l *simLine) swept(*simSession) {}

func (l *simLine) leave(s *simSession, sign bool) bool {
	at := l.place(s)
	if at < 0 {
		return false
	}
	l.line = slices.Delete(l.line, at, at+1)
	if at == 0 && len(l.line) > 0 {
		l.line[0].after = sign
	}
	return true
}

func (l *simLine) deleted() {
	if len(l.line) > 0 {
		l.traces.add(l.line[0].session)
		l.leave(l.line[0].session, false)
		l.store.touch()
	}
}

// overwritten does nothing: a plain write takes the key off its lease, which the adapter treats as a deletion.
func (l *simLine) overwritten() { l.deleted() }

// simKey is one key that a session takes when it is free, as in Consul. Who comes first takes it.
type simKey struct {
	store *simStore
	owner *simSession
	index uint64 // the ModifyIndex
	token uint64 // of the holding: the index at acquisition
	// What the value says while nobody holds the key.
	named  string // the session of the vote that is left in it
	signed bool   // it is the sign of a leader that resigned
	signer *simSession
	found  Observation // the two as the owner found them
	closed time.Duration
	traces simTraces
}

func (k *simKey) holder() (*simSession, uint64) { return k.owner, k.token }

func (k *simKey) write() {
	k.index += 1 + uint64(k.store.w.rng.IntN(3))
	k.store.touch()
}

func (k *simKey) stand(s *simSession) (Observation, error) {
	if k.owner != nil {
		return k.read(s), nil
	}
	if k.store.w.now < k.closed {
		o := k.read(s)
		o.Delayed = true
		return o, nil
	}
	k.found, k.owner, k.named, k.signed = k.left(), s, "", false
	k.index++
	k.token = k.index
	k.write()
	return k.read(s), nil
}

// left is what the value says while nobody holds the key.
func (k *simKey) left() Observation {
	o := Observation{Resigned: k.signed}
	if k.named != "" {
		o.Earlier = []string{k.named}
	}
	return o
}

// read shows the token to the holder alone: others see the index, which any write moves.
func (k *simKey) read(s *simSession) Observation {
	var o Observation
	switch k.owner {
	case nil:
		o = k.left()
	case s:
		o = k.found
		o.Holder = held(s.id, k.token)
		o.Earlier = append(k.traces.beside(s), o.Earlier...)
	default:
		o.Holder = held(k.owner.id, k.index)
	}
	o.Revision = k.store.revision
	return unlessResigned(o)
}

// unlessResigned leaves out what a store need not tell.
func unlessResigned(o Observation) Observation {
	if o.Resigned {
		o.Earlier = nil
	}
	return o
}

func (k *simKey) withdraw(s *simSession, sign bool) bool {
	k.traces.remove(s)
	if k.owner != s {
		return false
	}
	k.owner, k.named, k.signed, k.signer = nil, "", sign, s
	k.index++
	return true
}

// transfer is a release and an acquisition in one transaction.
func (k *simKey) transfer(s, heir *simSession, sign bool) bool {
	if k.owner != s || heir == s {
		return false
	}
	k.traces.remove(s)
	k.owner, k.named, k.signed, k.found = heir, "", false, Observation{Resigned: sign}
	k.index++
	k.token = k.index
	return true
}

// swept removes the sign with which s resigned, if it is still there.
func (k *simKey) swept(s *simSession) {
	if k.owner == nil && k.signed && k.signer == s {
		k.signed = false
		k.write()
	}
}

func (k *simKey) ended(s *simSession) {
	k.traces.remove(s)
	if k.owner != s {
		return
	}
	k.owner, k.named, k.signed = nil, s.id, false
	k.closed = k.store.w.now + time.Duration(float64(k.store.w.plan.lockDelay)/k.store.w.plan.rates[k.store.w.plan.members])
	k.write()
}

func (k *simKey) deleted() {
	if k.owner != nil {
		k.traces.add(k.owner)
	}
	k.owner, k.named, k.signed = nil, "", false
	k.write()
}

// overwritten leaves the holder as it is, but for the index that others see.
func (k *simKey) overwritten() { k.write() }
