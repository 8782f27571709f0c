package leadership

import "time"

// instant is a reading of two clocks since the member's start: the monotonic
// one, and one that runs on while the machine is suspended (see [bootClock]).
// A deadline is over as soon as either of them says so.
type instant struct{ mono, boot time.Duration }

// after is the instant d later, on both clocks.
func (i instant) after(d time.Duration) instant { return instant{i.mono + d, i.boot + d} }

// reached reports whether deadline is over at i.
func (i instant) reached(deadline instant) bool {
	return i.mono >= deadline.mono || i.boot >= deadline.boot
}

// outlasted reports whether wait is over by the monotonic clock alone. Waits for the end of somebody else's belief
// go by it: a step of the wall clock, where that stands in for the boot clock, must not shorten them.
func (i instant) outlasted(wait instant) bool { return i.mono >= wait.mono }

// until is the time from i to deadline by the clock that gets there first.
func (i instant) until(deadline instant) time.Duration {
	return min(deadline.mono-i.mono, deadline.boot-i.boot)
}

// clock reads instants. It is safe for concurrent use.
type clock struct {
	start time.Time
	boot  time.Duration
}

// readBoot is [bootClock], except in tests in virtual time, which the system knows nothing of.
var readBoot = bootClock //nolint:gochecknoglobals // set before any test, and by nothing else

func newClock() *clock { return &clock{start: time.Now(), boot: readBoot()} }

func (c *clock) now() instant {
	return instant{mono: time.Since(c.start), boot: readBoot() - c.boot}
}

// wall is the wall-clock time of i, as seen from now.
func (c *clock) wall(i instant) time.Time { return time.Now().Add(c.now().until(i)) }
