package robridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
	robridge "github.com/leadership-go/leadership/bridges/ro"
	"github.com/leadership-go/leadership/operators"
)

// TestWhatTheBridgeMends holds one test for each trap in faults_test.go that the bridge keeps its users out of.
func TestWhatTheBridgeMends(t *testing.T) {
	bubble(t, "a source of ours that delivers within Subscribe hears that nobody listens any more", func(t *testing.T) {
		endless := leadership.FromSeq(func(yield func(int) bool) {
			for v := 0; yield(v); v++ {
			}
		})
		values, err := ro.Collect(ro.Pipe2(robridge.To(endless), ro.Map(identity[int]), ro.Take[int](3)))
		if !slices.Equal(values, numbers(3)) || err != nil {
			t.Errorf("got %v, %v", values, err)
		}
		var r trace
		<-traced(&r, robridge.Pipe(endless, ro.Take[int](3))).Done()
		r.is(t, "0", "1", "2", "|")
	})
	bubble(t, "Subscribe returns at once where ro's waits, and Unsubscribe releases it", func(t *testing.T) {
		for name, operator := range map[string]func(ro.Observable[int]) ro.Observable[int]{
			"Retry":       ro.Retry[int](),
			"ConcatWith":  ro.ConcatWith(ro.Empty[int]()),
			"RepeatWith":  ro.RepeatWith[int](3),
			"DoWhile":     ro.DoWhile[int](func() bool { return true }),
			"While":       ro.While[int](func() bool { return true }),
			"SubscribeOn": ro.SubscribeOn[int](1),
			"resume":      ro.OnErrorResumeNextWith(ro.Empty[int]()),
		} {
			var s counted[int]
			var r trace
			began := time.Now()
			sub := traced(&r, robridge.Pipe(s.emitting(time.Minute, stay, 1, 2), operator))
			if took := time.Since(began); took != 0 {
				t.Errorf("%s: Subscribe took %v", name, took)
			}
			time.Sleep(90 * time.Second)
			began = time.Now()
			sub.Unsubscribe()
			if took := time.Since(began); took != 50*time.Millisecond {
				t.Errorf("%s: Unsubscribe took %v", name, took)
			}
			r.is(t, "1")
			s.released(t, 1)
		}
	})
	bubble(t, "the chain hears of no error and no completion when it is left", func(t *testing.T) {
		var r trace
		tap := ro.Tap(func(int) { r.add("value") }, func(err error) { r.add("#" + err.Error()) }, func() { r.add("|") })
		for name, obs := range map[string]leadership.Observable[int]{
			"Pipe":        robridge.Pipe(leadership.Never[int](), tap),
			"To and From": robridge.From(tap(robridge.To(leadership.Never[int]()))),
			"of ro alone": robridge.From(tap(ro.Map(func(struct{}) int { return 0 })(ro.Never()))),
			"Interval":    robridge.From(tap(ro.RepeatWithInterval(1, 9, time.Hour))),
		} {
			ctx, cancel := context.WithCancel(t.Context())
			first, second := obs.Subscribe(nil), obs.Subscribe(nil, leadership.WithContext(ctx))
			synctest.Wait()
			first.Unsubscribe()
			cancel()
			<-second.Done()
			if seen := r.all(); len(seen) > 0 {
				t.Errorf("%s: it heard %q", name, seen)
			}
		}
	})
	bubble(t, "a Timer ends with the subscription", func(t *testing.T) {
		sub := robridge.From(ro.Timer(time.Hour)).Subscribe(nil)
		synctest.Wait()
		began := time.Now()
		sub.Unsubscribe()
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v", took)
		}
	})
	bubble(t, "the end of the context is neither a completion nor an error, whatever ro makes of it", func(t *testing.T) {
		for name, o := range map[string]ro.Observable[int64]{
			"Interval": ro.StartWith[int64](1)(ro.Interval(time.Minute)),
			"Timer":    ro.StartWith[int64](1)(ro.Map(func(time.Duration) int64 { return 0 })(ro.Timer(time.Hour))),
			"Never":    ro.StartWith[int64](1)(ro.Map(func(struct{}) int64 { return 0 })(ro.Never())),
			"Retry":    ro.StartWith[int64](1)(ro.RetryWithConfig[int64](ro.RetryConfig{Delay: time.Hour})(ro.Throw[int64](errBroken))),
		} {
			for range 20 {
				var r trace
				ctx, cancel := context.WithCancelCause(t.Context())
				// Operators behind it, as the subscriber itself hears nothing after its context anyway.
				goesOn := leadership.Defer(func() leadership.Observable[int64] {
					r.add("went on")
					return leadership.Never[int64]()
				})
				failing := operators.RetryPolicy{If: func(err error) bool {
					r.add("#" + err.Error())
					return false
				}}
				sub := operators.Retry(operators.Concat(robridge.From(o), goesOn), failing).Subscribe(func(int64) {
					cancel(errors.New("enough"))
					time.Sleep(time.Millisecond) // in which ro has its say
				}, leadership.WithContext(ctx))
				<-sub.Done()
				if sub.Err() == nil || sub.Err().Error() != "enough" {
					t.Errorf("%s: ended by %v", name, sub.Err())
				}
				r.is(t)
			}
		}
	})
	bubble(t, "an error is never nil", func(t *testing.T) {
		var r trace
		<-traced(&r, robridge.From(ro.Throw[int](nil))).Done()
		r.is(t, "#robridge: a stream of ro failed with a nil error")
	})
	bubble(t, "nothing follows the error that a panic in an operator of ro makes", func(t *testing.T) {
		var r trace
		<-traced(&r, robridge.From(ro.Map(func(v int) int {
			if v == 2 {
				panic("oh")
			}
			return v
		})(ro.Of(1, 2, 3)))).Done()
		r.is(t, "1", "#ro.Observer: unexpected error: oh")
	})
	bubble(t, "each subscription of a Pipe has its own index in MergeMapI", func(t *testing.T) {
		obs := robridge.Pipe(leadership.Just(7, 7), func(o ro.Observable[int]) ro.Observable[int64] {
			return ro.MergeMapI(func(_ int, i int64) ro.Observable[int64] { return ro.Of(i) })(o)
		})
		for range 2 {
			var r trace
			<-traced(&r, obs).Done()
			r.is(t, "0", "1", "|")
		}
	})
	bubble(t, "OnErrorResumeNextWith does not grow when it is made within the function of Pipe", func(t *testing.T) {
		obs := robridge.Pipe(leadership.Just(1), func(o ro.Observable[int]) ro.Observable[int] { return ro.OnErrorResumeNextWith(ro.Of(9))(o) })
		for range 3 {
			var r trace
			<-traced(&r, obs).Done()
			r.is(t, "1", "9", "|")
		}
	})
	bubble(t, "each value has the very context of its subscription, as Timeout wants it", func(t *testing.T) {
		var s counted[int]
		_, err := ro.Collect(ro.Timeout[int](time.Hour)(robridge.To(s.emitting(time.Minute, complete, 1, 2, 3))))
		if err != nil {
			t.Errorf("got %v", err)
		}
		var r trace
		<-traced(&r, robridge.Pipe(s.emitting(time.Minute, complete, 1, 2, 3), ro.Timeout[int](time.Hour))).Done()
		r.is(t, "1", "2", "3", "|")
		s.released(t, 2)
	})
	bubble(t, "an observer that panicked behind a lock is called no more", func(t *testing.T) {
		var s counted[int]
		sub := ro.Serialize[int]()(robridge.To(s.emitting(time.Minute, fail, 1, 2))).Subscribe(newPanicking[int]())
		time.Sleep(time.Hour)
		if !sub.IsClosed() {
			t.Error("not closed")
		}
		sub.Wait()
		s.released(t, 1)
	})
}

// TestCallbacksRunOutsideTheLocksOfRo is by the real clock, as a goroutine that waits for a lock stops the virtual one.
func TestCallbacksRunOutsideTheLocksOfRo(t *testing.T) {
	t.Run("a callback tells the Subject that it hears", func(t *testing.T) {
		s := ro.NewPublishSubject[int]()
		var r trace
		sub := robridge.From(s.AsObservable()).Subscribe(func(v int) {
			r.add(fmt.Sprint(v))
			if v < 1000 {
				s.Next(v + 1)
			} else {
				s.Complete()
			}
		})
		for s.CountObservers() == 0 {
			time.Sleep(time.Millisecond)
		}
		s.Next(1)
		within(t, "the completion", sub.Done())
		if seen := r.all(); len(seen) != 1000 || sub.Err() != nil {
			t.Errorf("saw %d, %v", len(seen), sub.Err())
		}
	})
	t.Run("a callback subscribes to the Subject that it hears", func(t *testing.T) {
		s := ro.NewPublishSubject[int]()
		inner := make(chan *leadership.Subscription, 1)
		sub := robridge.From(s.AsObservable()).Subscribe(func(int) { inner <- robridge.From(s.AsObservable()).Subscribe(nil) })
		for s.CountObservers() == 0 {
			time.Sleep(time.Millisecond)
		}
		s.Next(1)
		for s.CountObservers() < 2 {
			time.Sleep(time.Millisecond)
		}
		s.Complete()
		within(t, "the completion", sub.Done())
		within(t, "the completion of the inner one", (<-inner).Done())
	})
	t.Run("a subscriber that stands still does not stop a Subject before its mailbox is full", func(t *testing.T) {
		s := ro.NewPublishSubject[int]()
		block := make(chan struct{})
		stuck := robridge.From(s.AsObservable()).Subscribe(func(int) { <-block })
		var r trace
		other := traced(&r, robridge.From(s.AsObservable()))
		for s.CountObservers() < 2 {
			time.Sleep(time.Millisecond)
		}
		for v := range 256 {
			s.Next(v)
		}
		s.Complete()
		within(t, "the completion of the other", other.Done())
		if n := len(r.all()); n != 257 {
			t.Errorf("saw %d", n)
		}
		close(block)
		within(t, "the completion", stuck.Done())
		if stuck.Err() != nil {
			t.Errorf("ended by %v", stuck.Err())
		}
	})
	t.Run("a callback behind GroupBy and MergeAll unsubscribes", func(t *testing.T) {
		var s counted[int]
		var r trace
		subs := make(chan *leadership.Subscription, 1)
		sub := robridge.Pipe(s.emitting(time.Millisecond, stay, 1, 2, 3), func(o ro.Observable[int]) ro.Observable[int] {
			return ro.Pipe2(o, ro.GroupBy(func(int) int { return 0 }), ro.MergeAll[int]())
		}).Subscribe(func(v int) {
			r.add(fmt.Sprint(v))
			if v == 2 {
				(<-subs).Unsubscribe()
			}
		})
		subs <- sub
		within(t, "the end", sub.Done())
		r.is(t, "1", "2")
		s.released(t, 1)
	})
	t.Run("a subscriber of a UnicastSubject leaves before it has all that waited", func(t *testing.T) {
		s := ro.NewUnicastSubject[int](9)
		for v := range 9 {
			s.Next(v)
		}
		var r trace
		sub := traced(&r, operators.Take(robridge.From(s.AsObservable()), 1), leadership.Mailbox(1))
		within(t, "the end", sub.Done())
		r.is(t, "0", "|")
		if s.HasObserver() {
			t.Error("it is still subscribed")
		}
	})
	t.Run("ObserveOn closes its channel when nobody sends into it", func(t *testing.T) { // the race detector would tell
		for range 200 {
			var s counted[int]
			first := make(chan struct{}, 1)
			sub := robridge.Pipe(s.emitting(0, stay, numbers(100)...), ro.ObserveOn[int](2)).Subscribe(func(int) {
				select {
				case first <- struct{}{}:
				default:
				}
			})
			<-first
			sub.Unsubscribe()
			s.released(t, 1)
		}
	})
}

// TestWhatTheBridgeCannotMend shows the limits that the package comment tells of.
func TestWhatTheBridgeCannotMend(t *testing.T) {
	bubble(t, "what heeds neither its context nor IsClosed is left behind after a second", func(t *testing.T) {
		var stop atomic.Bool
		deaf := ro.NewObservable(func(destination ro.Observer[int]) ro.Teardown {
			for v := 0; !stop.Load(); v++ {
				destination.Next(v)
				time.Sleep(time.Millisecond)
			}
			return nil
		})
		sub := robridge.From(deaf).Subscribe(nil)
		time.Sleep(time.Minute)
		began := time.Now()
		sub.Unsubscribe()
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v", took)
		}
		stop.Store(true)
		time.Sleep(time.Second)
	})
	bubble(t, "but what heeds IsClosed is not", func(t *testing.T) {
		polite := ro.NewObservable(func(destination ro.Observer[int]) ro.Teardown {
			for v := 0; !destination.IsClosed(); v++ {
				destination.Next(v)
				time.Sleep(time.Millisecond)
			}
			return nil
		})
		var r trace
		sub := traced(&r, operators.Take(robridge.From(polite), 2))
		<-sub.Done()
		r.is(t, "0", "1", "|")
	})
	bubble(t, "DelayEach sleeps on", func(t *testing.T) {
		var s counted[int]
		sub := robridge.Pipe(s.emitting(0, stay, 1), ro.DelayEach[int](time.Hour)).Subscribe(nil)
		synctest.Wait()
		began := time.Now()
		sub.Unsubscribe()
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v", took)
		}
		s.released(t, 1)
		time.Sleep(time.Hour)
	})
	bubble(t, "Share ends for all with its first subscriber; ours does not", func(t *testing.T) {
		var r trace
		shared := robridge.From(ro.Share[int64]()(ro.NewObservableWithContext(func(ctx context.Context, destination ro.Observer[int64]) ro.Teardown {
			return ro.Interval(time.Hour).SubscribeWithContext(ctx, destination).Unsubscribe
		})))
		first := shared.Subscribe(nil)
		synctest.Wait()
		traced(&r, shared)
		time.Sleep(90 * time.Minute)
		first.Unsubscribe()
		time.Sleep(time.Second)
		r.is(t, "0", "|")

		var a, b trace
		ours := operators.Share(robridge.From(ro.Interval(time.Hour)))
		sub := traced(&a, ours)
		last := traced(&b, ours)
		time.Sleep(90 * time.Minute)
		sub.Unsubscribe()
		time.Sleep(time.Hour)
		a.is(t, "0")
		b.is(t, "0", "1")
		last.Unsubscribe()
		time.Sleep(time.Second)
	})
	bubble(t, "Concat goes on to the next one when it is released while it waits", func(t *testing.T) {
		var second atomic.Int64
		sub := robridge.Pipe(leadership.Never[int](), func(o ro.Observable[int]) ro.Observable[int] {
			return ro.ConcatWith(ro.Defer(func() ro.Observable[int] {
				second.Add(1)
				return ro.Of(1)
			}))(o)
		}).Subscribe(func(v int) { t.Errorf("got %d", v) })
		synctest.Wait()
		sub.Unsubscribe()
		if second.Load() != 1 {
			t.Error("it did not; the package comment may be shortened")
		}
	})
	bubble(t, "a panic in an operator of ro is an error like any other, with its stack lost", func(t *testing.T) {
		var r trace
		obs := robridge.Pipe(leadership.Just(1), func(o ro.Observable[int]) ro.Observable[int] {
			return ro.Map(func(int) int { panic("oh") })(o)
		})
		sub := traced(&r, operators.Retry(obs, operators.RetryPolicy{Max: 2}))
		<-sub.Done()
		if panicValue(sub.Err()) != nil || !strings.Contains(sub.Err().Error(), "oh") {
			t.Errorf("ended by %v", sub.Err())
		}
	})
}

// TestACallbackThatTellsItsSubjectNeedsRoom is the one way left to stand still on a lock of ro, by the real clock.
func TestACallbackThatTellsItsSubjectNeedsRoom(t *testing.T) {
	s := ro.NewPublishSubject[int]()
	full := make(chan struct{})
	told := make(chan struct{})
	sub := robridge.From(s.AsObservable()).Subscribe(func(int) {
		<-full
		s.Next(9)
		close(told)
	}, leadership.Mailbox(1))
	for s.CountObservers() == 0 {
		time.Sleep(time.Millisecond)
	}
	var telling sync.WaitGroup
	telling.Go(func() {
		for v := range 3 {
			s.Next(v)
		}
	})
	time.Sleep(20 * time.Millisecond) // one is in the callback, one waits, one waits for room
	close(full)
	select {
	case <-told:
		t.Error("it did not wait; the package comment may be shortened")
	case <-time.After(50 * time.Millisecond):
	}
	sub.Unsubscribe()
	within(t, "the callback", told)
	telling.Wait()
}
