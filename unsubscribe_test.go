package leadership

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestUnsubscribeWaits(t *testing.T) {
	t.Run("from outside, until the running callback has returned", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed[string](8, nil)
			returned := false
			sub := f.observable().Subscribe(func(string) {
				time.Sleep(time.Hour)
				returned = true
			})
			f.publish(nil, "a", "b")
			synctest.Wait()
			began := time.Now()
			sub.Unsubscribe()
			if !returned || time.Since(began) != time.Hour {
				t.Errorf("waited %v", time.Since(began))
			}
		})
	})
	t.Run("for the function of an operator too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed[string](8, nil)
			returned := false
			var r trace
			sub := r.subscribe(mapped(f.observable(), func(v string) string {
				time.Sleep(time.Hour)
				returned = true
				return v
			}), nil)
			f.publish(nil, "a")
			synctest.Wait()
			sub.Unsubscribe()
			if !returned {
				t.Error("it still runs")
			}
			r.is(t, "")
		})
	})
	t.Run("from inside a callback it returns at once, and nothing follows", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed[string](8, nil)
			var r trace
			var sub *Subscription
			sub = r.subscribe(f.observable(), func(string) {
				sub.Unsubscribe()
				sub.Unsubscribe()
			})
			f.publish(nil, "a", "b")
			f.close(nil)
			<-sub.Done()
			r.is(t, "a")
		})
	})
	t.Run("two callbacks that unsubscribe each other do not wait for each other", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed[string](8, nil)
			var subs [2]*Subscription
			var both sync.WaitGroup
			both.Add(2)
			for i := range subs {
				subs[i] = f.observable().Subscribe(func(string) {
					both.Done()
					both.Wait()
					subs[1-i].Unsubscribe()
				})
			}
			f.publish(nil, "a")
			for _, s := range subs {
				<-s.Done()
			}
		})
	})
	t.Run("the same from terminals, deep stacks and through Create", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var outs [2]Observer[string]
			var subs [2]*Subscription
			var both sync.WaitGroup
			both.Add(2)
			for i := range subs {
				subs[i] = Create(func(_ *Scope, out Observer[string]) { outs[i] = out }).Subscribe(nil, OnComplete(func() {
					both.Done()
					both.Wait()
					deep(300, subs[1-i].Unsubscribe)
				}))
			}
			go outs[0].Complete()
			outs[1].Complete()
			for _, s := range subs {
				<-s.Done()
			}
		})
	})
	t.Run("a release function may unsubscribe", func(t *testing.T) {
		var sub *Subscription
		sub = New(func(s *Scope, _ Observer[int]) { s.OnEnd(func() { sub.Unsubscribe() }) }).Subscribe(nil)
		sub.Unsubscribe()
		<-sub.Done()
	})
	t.Run("several at a time all wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed[string](8, nil)
			var returned atomic.Bool
			sub := f.observable().Subscribe(func(string) {
				time.Sleep(time.Hour)
				returned.Store(true)
			})
			f.publish(nil, "a")
			synctest.Wait()
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					sub.Unsubscribe()
					if !returned.Load() {
						t.Error("one did not wait")
					}
				})
			}
			all.Wait()
		})
	})
	t.Run("unsubscribed at any moment, nothing comes after", func(t *testing.T) {
		f := newFeed[int](1<<20, nil)
		var publisher sync.WaitGroup
		stop := make(chan struct{})
		publisher.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					f.publish(nil, i)
					runtime.Gosched()
				}
			}
		})
		for range 500 {
			var over atomic.Bool
			var calls atomic.Int32
			sub := f.observable().Subscribe(func(int) {
				if over.Load() {
					t.Error("called after Unsubscribe had returned")
				}
				if calls.Add(1) != 1 {
					t.Error("calls overlap")
				}
				calls.Add(-1)
			})
			runtime.Gosched()
			sub.Unsubscribe()
			over.Store(true)
		}
		close(stop)
		publisher.Wait()
	})
}

// deep calls f with n more frames on the stack.
func deep(n int, f func()) {
	if n == 0 {
		f()
		return
	}
	deep(n-1, f)
	runtime.KeepAlive(n)
}

func TestSettlesOnlyWhenNothingRuns(t *testing.T) {
	g := newGate[int](nil, nil)
	g.enter()
	g.scope.End()
	g.settle() // as another does that came too late and left again
	select {
	case <-g.Done():
		t.Error("done while an activity is open")
	default:
	}
	g.leave()
	<-g.Done()
}
