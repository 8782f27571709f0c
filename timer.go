package leadership

import (
	"math"
	"time"
)

// Timer runs a function of an operator after a while. The function may call out; it runs on a goroutine of its own, so the operator
// has to serialise it with what comes from upstream ([Serialize] does).
type Timer struct {
	scope *Scope
	run   func()
	timer *time.Timer
}

// Timer makes a timer, not running yet, that runs f each time it fires. It stops when the scope ends, and the subscription is not done
// while f runs. A panic in f ends the subscription with a [*PanicError].
func (s *Scope) Timer(f func()) *Timer {
	t := &Timer{scope: s, run: f}
	t.timer = time.AfterFunc(math.MaxInt64, t.fire)
	t.timer.Stop()
	s.OnEnd(func() { t.Stop() })
	return t
}

// Reset has the timer fire once, d from now, instead of when it would have. It reports true when it replaced a firing to come, and
// false when there was none, when that one runs already, or when the scope has ended.
func (t *Timer) Reset(d time.Duration) bool {
	// An armed timer is an activity: whoever waits for the end waits for a firing under way too.
	if !t.scope.sub.enter() {
		return false
	}
	active := t.timer.Reset(d)
	if active {
		t.scope.sub.leave()
	}
	if t.scope.Ended() {
		t.Stop()
	}
	return active
}

// Stop reports whether it prevented a firing.
func (t *Timer) Stop() bool {
	stopped := t.timer.Stop()
	if stopped {
		t.scope.sub.leave()
	}
	return stopped
}

func (t *Timer) fire() {
	defer t.scope.sub.leave()
	if !t.scope.Ended() {
		t.scope.sub.call(t.run)
	}
}
