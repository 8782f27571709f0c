package leadership

import (
	"slices"
	"time"
)

// simLine is a line of candidates: the oldest one holds the key, as in etcd's elections.
type simLine struct {
	store *simStore
	line  []simPlace
	token uint64
}

// simPlace is a candidate in line.
type simPlace struct {
	session *simSession
	token   uint64
	before  former // of the first one: who held the key right before it, where it was in line by then
}

type former struct {
	session  string
	resigned bool
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
		o.Previous, o.Resigned = first.before.session, first.before.resigned
	}
	return o
}

func (l *simLine) withdraw(s *simSession, sign bool) bool { return l.leave(s, sign) }

func (l *simLine) ended(s *simSession) {
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
	l.line[0].before = former{s.id, sign}
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
		l.line[0].before = former{s.id, sign}
	}
	return true
}

func (l *simLine) deleted() {
	if len(l.line) > 0 {
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
	before former // the two as the owner found them
	closed time.Duration
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
	k.before, k.owner, k.named, k.signed = former{k.named, k.signed}, s, "", false
	k.index++
	k.token = k.index
	k.write()
	return k.read(s), nil
}

// read shows the token to the holder alone: others see the index, which any write moves.
func (k *simKey) read(s *simSession) Observation {
	o := Observation{Revision: k.store.revision}
	switch k.owner {
	case nil:
		o.Previous, o.Resigned = k.named, k.signed
	case s:
		o.Holder = held(s.id, k.token)
		o.Previous, o.Resigned = k.before.session, k.before.resigned
	default:
		o.Holder = held(k.owner.id, k.index)
	}
	return o
}

func (k *simKey) withdraw(s *simSession, sign bool) bool {
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
	k.owner, k.named, k.signed, k.before = heir, "", false, former{"", sign}
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
	if k.owner != s {
		return
	}
	k.owner, k.named, k.signed = nil, s.id, false
	k.closed = k.store.w.now + time.Duration(float64(k.store.w.plan.lockDelay)/k.store.w.plan.rates[k.store.w.plan.members])
	k.write()
}

func (k *simKey) deleted() {
	k.owner, k.named, k.signed = nil, "", false
	k.write()
}

// overwritten leaves the holder as it is, but for the index that others see.
func (k *simKey) overwritten() { k.write() }
