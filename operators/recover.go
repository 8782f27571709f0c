package operators

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/leadership-go/leadership"
)

// RetryPolicy says when [Retry] tries again. The zero policy does so at once, after any error and without end.
type RetryPolicy struct {
	// Max is how many retries there may be; after that the error goes on. 0 or less: no limit.
	Max int
	// Delay comes before the first retry. 0: none comes before any.
	Delay time.Duration
	// Factor by which the delay grows from retry to retry. 1 or less: it stays the same.
	Factor float64
	// MaxDelay is what it grows to. Default one minute. It is never below Delay.
	MaxDelay time.Duration
	// Jitter is the part of each delay that is left to chance: 0.2 spreads it evenly from 80 % to 120 %. Between 0 and 1, default 0.
	Jitter float64
	// If says which errors are worth a retry. nil: all.
	If func(err error) bool
	// Healthy is how long an attempt must have lasted for the next failure to count as the first one again. 0: none does.
	Healthy time.Duration
}

// Retry subscribes to src again when it fails, as policy says. The failed attempt is released before; a wait ends with the
// subscription. A panic is no failure of the source: it ends the subscription, also where it arrives as an error (see [leadership.PanicError]).
//
//	                  -a-#
//	twice at once     -a--a--a-#
func Retry[T any](src leadership.Observable[T], policy RetryPolicy) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		r := &retry[T]{src: src, policy: policy, scope: s, out: out, delays: policy.delays()}
		r.timer = s.Timer(r.run)
		r.run()
	})
}

// delays is a fresh series of waits.
func (p RetryPolicy) delays() *backoff.ExponentialBackOff {
	const ceiling = math.MaxInt64 / 4 // leaves room for the jitter
	clamp := func(f, low, high float64) float64 {
		if math.IsNaN(f) {
			return low
		}
		return min(max(f, low), high)
	}
	delay := min(max(p.Delay, 0), ceiling)
	most := p.MaxDelay
	if most <= 0 {
		most = time.Minute
	}
	factor := clamp(p.Factor, 1, 1e6)
	if factor == 1 {
		most = delay
	}
	b := &backoff.ExponentialBackOff{
		InitialInterval:     delay,
		Multiplier:          factor,
		RandomizationFactor: clamp(p.Jitter, 0, 1),
		MaxInterval:         min(max(most, delay), ceiling),
	}
	b.Reset()
	return b
}

// next is the wait before retry number n, counted from 1; it reports false when there is none.
func (r *retry[T]) next(err error, lasted time.Duration) (time.Duration, bool) {
	p := r.policy
	if p.Healthy > 0 && lasted >= p.Healthy {
		r.used = 0
		r.delays.Reset()
	}
	if isPanic(err) || p.Max > 0 && r.used >= p.Max || p.If != nil && !p.If(err) {
		return 0, false
	}
	r.used++
	if p.Delay <= 0 {
		return 0, true
	}
	return r.delays.NextBackOff(), true
}

type retry[T any] struct {
	src    leadership.Observable[T]
	policy RetryPolicy
	scope  *leadership.Scope
	out    leadership.Observer[T]
	timer  *leadership.Timer
	wanted atomic.Int32 // attempts to be made; who raises it from 0 makes them

	// Belong to the attempt under way.
	delays *backoff.ExponentialBackOff
	used   int
}

// run makes an attempt, and those that follow from failures within Subscribe: in a loop, so that the stack does not grow.
func (r *retry[T]) run() {
	if r.wanted.Add(1) > 1 {
		return
	}
	for !r.scope.Ended() {
		scope := r.scope.Child()
		r.src.SubscribeIn(scope, &attempt[T]{Observer: r.out, retry: r, scope: scope, began: time.Now()})
		if r.wanted.Add(-1) == 0 {
			return
		}
	}
}

// attempt is one subscription to the source.
type attempt[T any] struct {
	leadership.Observer[T]
	retry *retry[T]
	scope *leadership.Scope
	began time.Time
}

func (a *attempt[T]) Complete() {
	a.scope.End()
	a.Observer.Complete()
}

func (a *attempt[T]) Error(err error) {
	a.scope.End()
	wait, again := a.retry.next(err, time.Since(a.began))
	switch {
	case !again:
		a.Observer.Error(err)
	case wait <= 0:
		a.retry.run()
	default:
		a.retry.timer.Reset(wait)
	}
}
