package differential

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reactivex/rxgo/v2"
	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
)

// sourceError is what a source fails with.
type sourceError string

func (e sourceError) Error() string { return string(e) }

// stage is where one library plays one input, within a bubble of [synctest].
type stage struct {
	input
	ctx   context.Context //nolint:containedctx // ends with the recording: a stage is that lifetime
	start time.Time

	players  sync.WaitGroup // the sources of samber/ro
	mu       sync.Mutex
	recorded trace
	over     bool
	played   []int // how often each source was subscribed to
	made     int   // how many inner streams were made
}

// staged runs play with a stage in a bubble, and returns what was recorded there.
func staged(t *testing.T, in input, play func(*stage)) trace {
	t.Helper()
	var s *stage
	tomorrow := time.Now().Round(0).AddDate(0, 0, 1)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(tomorrow)) // a bubble begins in 2000, which samber/ro takes for a time before the start of the process
		ctx, cancel := context.WithCancel(t.Context())
		s = &stage{input: in, ctx: ctx, start: time.Now(), played: make([]int, len(in.sources))}
		over := time.AfterFunc(horizon, func() {
			s.mu.Lock()
			s.over = true
			s.mu.Unlock()
			cancel()
		})
		play(s)
		over.Stop()
		cancel()
	})
	return s.recorded
}

// note records that something happens now.
func (s *stage) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over && what != silent {
		s.recorded = append(s.recorded, event{time.Since(s.start), what})
	}
}

func (s *stage) failure(err error) { s.note(failed + name(err)) }

// name says which of the errors that a source or an operator may end with err is, in words common to all libraries.
func name(err error) string {
	var source sourceError
	var rxgoIndex rxgo.IndexOutOfBoundError
	var rxgoInput *rxgo.IllegalInputError
	switch {
	case errors.As(err, &source):
		return string(source)
	case errors.Is(err, operators.ErrNoValue), errors.Is(err, ro.ErrFirstEmpty), errors.Is(err, ro.ErrLastEmpty), errors.Is(err, ro.ErrElementAtNotFound),
		errors.As(err, &rxgoInput):
		return strings.TrimPrefix(noValue, failed)
	case errors.Is(err, operators.ErrTimeout), strings.HasPrefix(err.Error(), "ro.Timeout: "):
		return strings.TrimPrefix(timedOut, failed)
	case errors.As(err, &rxgoIndex):
		return strings.TrimPrefix(outOfRange, failed)
	}
	return fmt.Sprintf("%T: %v", err, err)
}

// script is what source i does at its next subscription; that of the last source goes on for ever.
func (s *stage) script(i int) trace {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.played[i]++
	return s.sources[i]
}

// attempt is what the next subscription to the one source of all scripts sees.
func (s *stage) attempt() trace {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.played[0]
	s.played[0]++
	return s.sources[min(n, len(s.sources)-1)]
}

// next is what the next inner stream does.
func (s *stage) next() trace {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	return s.inner[s.made-1]
}

// player calls out with each event of script at its time, counted from now, or later if a call before took longer. It stops when call says so, or stop is closed.
func player(script trace, stop <-chan struct{}, call func(event) bool) {
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for _, e := range script {
		timer.Reset(time.Until(start.Add(e.at)))
		select {
		case <-timer.C:
		case <-stop:
			return
		}
		if !call(e) {
			return
		}
	}
}

// ours is a stream of this module that does what script says.
func (s *stage) ours(script func() trace) leadership.Observable[string] {
	return leadership.New(func(scope *leadership.Scope, out leadership.Observer[string]) {
		now := script()
		scope.Go(func() {
			player(now, scope.Context().Done(), func(e event) bool {
				switch {
				case scope.Ended():
					return false
				case e.failure():
					out.Error(sourceError(strings.TrimPrefix(e.what, failed)))
				case e.terminal():
					out.Complete()
				default:
					out.Next(e.what)
				}
				return true
			})
		})
	})
}

// rx is a stream of rxgo that does what script says. It closes when the recording ends.
func (s *stage) rx(script func() trace) rxgo.Observable {
	return rxgo.Defer([]rxgo.Producer{func(ctx context.Context, next chan<- rxgo.Item) {
		now := script()
		player(now, s.ctx.Done(), func(e event) bool {
			item := rxgo.Of(e.what)
			switch {
			case e.failure():
				item = rxgo.Error(sourceError(strings.TrimPrefix(e.what, failed)))
			case e.terminal():
				return false
			}
			select {
			case next <- item:
				return true
			case <-ctx.Done():
			case <-s.ctx.Done():
			}
			return false
		})
		if _, end := now.split(); end.what == "" {
			select {
			case <-ctx.Done():
			case <-s.ctx.Done():
			}
		}
	}})
}

// samber is a stream of samber/ro that does what script says. It completes when the recording ends.
func (s *stage) samber(script func() trace) ro.Observable[string] {
	return ro.NewObservableWithContext(func(ctx context.Context, out ro.Observer[string]) ro.Teardown {
		now := script()
		released := make(chan struct{})
		var once sync.Once
		release := func() { once.Do(func() { close(released) }) }
		stop := context.AfterFunc(s.ctx, release)
		s.players.Go(func() {
			player(now, released, func(e event) bool {
				switch {
				case e.failure():
					out.ErrorWithContext(ctx, sourceError(strings.TrimPrefix(e.what, failed)))
				case e.terminal():
					out.CompleteWithContext(ctx)
				default:
					out.NextWithContext(ctx, e.what)
				}
				return true
			})
			<-released
			if s.ctx.Err() != nil {
				out.CompleteWithContext(ctx)
			}
		})
		return func() {
			stop()
			release()
		}
	})
}

// source, rxSource and roSource are source i as each library has it; again, rxAgain and roAgain the one source of all scripts; of, rxOf and roOf what is made
// of the next value.
func (s *stage) source(i int) leadership.Observable[string] {
	return s.ours(func() trace { return s.script(i) })
}
func (s *stage) rxSource(i int) rxgo.Observable { return s.rx(func() trace { return s.script(i) }) }
func (s *stage) rxSources() []rxgo.Observable {
	all := make([]rxgo.Observable, len(s.sources))
	for i := range all {
		all[i] = s.rxSource(i)
	}
	return all
}

func (s *stage) roSource(i int) ro.Observable[string] {
	return s.samber(func() trace { return s.script(i) })
}
func (s *stage) again() leadership.Observable[string] { return s.ours(s.attempt) }
func (s *stage) rxAgain() rxgo.Observable             { return s.rx(s.attempt) }
func (s *stage) roAgain() ro.Observable[string]       { return s.samber(s.attempt) }

func (s *stage) of(string) leadership.Observable[string] {
	script := s.next()
	return s.ours(func() trace { return script })
}

func (s *stage) rxOf(item rxgo.Item) rxgo.Observable {
	if item.Error() {
		return rxgo.Thrown(item.E)
	}
	script := s.next()
	return s.rx(func() trace { return script })
}

func (s *stage) roOf(string) ro.Observable[string] {
	script := s.next()
	return s.samber(func() trace { return script })
}

// recordOurs subscribes to a stream of this module until the recording ends.
func recordOurs[T any](s *stage, o leadership.Observable[T]) {
	sub := o.Subscribe(func(v T) { s.note(text(v)) },
		leadership.OnError(s.failure), leadership.OnComplete(func() { s.note(completed) }))
	<-s.ctx.Done()
	sub.Unsubscribe()
}

// recordRx observes a stream of rxgo until the recording ends, and then until it closes, which some never do. A close right after an error is
// how rxgo ends: it is not noted. What comes after an error besides is.
func recordRx(s *stage, o rxgo.Iterable) {
	items := o.Observe(rxgo.WithContext(s.ctx))
	after := false
	give := time.After(2 * horizon)
	for {
		select {
		case item, open := <-items:
			switch {
			case !open && after:
				<-s.ctx.Done()
				return
			case !open:
				s.note(completed)
				<-s.ctx.Done()
				return
			case item.Error():
				after = true
				s.failure(item.E)
			default:
				s.note(text(item.V))
			}
		case <-give:
			return
		}
	}
}

// recordRo subscribes to a stream of samber/ro until the recording ends. Subscribe may block for as long as the stream takes.
func recordRo[T any](s *stage, o ro.Observable[T]) {
	subscribed := make(chan ro.Subscription, 1)
	go func() {
		subscribed <- o.SubscribeWithContext(s.ctx, ro.NewObserver(func(v T) { s.note(text(v)) }, s.failure, func() { s.note(completed) }))
	}()
	<-s.ctx.Done()
	sub := <-subscribed
	s.players.Wait() // some operators of samber/ro have a data race of Unsubscribe and what a source sends
	sub.Unsubscribe()
}

// text writes a value as a trace has it.
func text(v any) string { return fmt.Sprint(v) }
