package operators

import (
	"time"

	"github.com/leadership-go/leadership"
)

// latest keeps the latest value until its alarm rings, and emits it before a terminal. The alarm ends with the source.
type latest[T any] struct {
	outbox[T]
	alarm
	d       time.Duration
	pending slot[T]
}

// begin must come before all else. The source is to be subscribed to in the scope that it returns; fire is called when the alarm rings.
func (l *latest[T]) begin(s *leadership.Scope, out leadership.Observer[T], d time.Duration, fire func()) *leadership.Scope {
	e := newExit(s, out)
	l.outbox, l.d = newOutbox[T](s, e), d
	l.timer = e.source.Timer(fire)
	return e.source
}

func (l *latest[T]) fire() {
	l.Lock()
	defer l.deliver()
	if l.rang() {
		l.pending.postTo(&l.outbox)
	}
}

func (l *latest[T]) Error(err error) {
	l.Lock()
	defer l.deliver()
	l.pending.postTo(&l.outbox)
	l.fail(err)
}

func (l *latest[T]) Complete() {
	l.Lock()
	defer l.deliver()
	l.pending.postTo(&l.outbox)
	l.complete()
}
