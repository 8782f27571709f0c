package leadership

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestSerialize(t *testing.T) {
	t.Run("many producers: one call at a time, each one's order kept, nothing lost", func(t *testing.T) {
		const producers, each = 8, 2000
		var busy atomic.Bool
		last := map[int]int{}
		var all sync.WaitGroup
		sub := Create(func(s *Scope, out Observer[[2]int]) {
			for p := range producers {
				all.Add(1)
				s.Go(func() {
					defer all.Done()
					for i := range each {
						out.Next([2]int{p, i + 1})
					}
				})
			}
			s.Go(func() {
				all.Wait()
				out.Complete()
			})
		}).Subscribe(func(v [2]int) {
			if busy.Swap(true) {
				t.Error("calls overlap")
			}
			if last[v[0]]+1 != v[1] {
				t.Errorf("producer %d: %d follows %d", v[0], v[1], last[v[0]])
			}
			last[v[0]] = v[1]
			busy.Store(false)
		}, Mailbox(producers*each))
		<-sub.Done()
		if err := sub.Err(); err != nil {
			t.Fatal(err)
		}
		for p := range producers {
			if last[p] != each {
				t.Errorf("producer %d came to %d", p, last[p])
			}
		}
	})
	t.Run("nobody waits for a stuck subscriber, and no gap is silent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out Observer[string]
			stuck := make(chan struct{})
			var r trace
			sub := r.subscribe(Create(func(_ *Scope, o Observer[string]) { out = o }), func(string) { <-stuck }, Mailbox(2))
			go out.Next("a")
			synctest.Wait()
			for v := range strings.FieldsSeq("b c d e") {
				out.Next(v)
			}
			out.Complete()
			close(stuck)
			<-sub.Done()
			r.is(t, "a b c #"+ErrOverflow.Error())
			if !errors.Is(sub.Err(), ErrOverflow) {
				t.Errorf("Err %v", sub.Err())
			}
		})
	})
	t.Run("a terminal always finds room, and only the first counts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out Observer[string]
			stuck := make(chan struct{})
			var r trace
			sub := r.subscribe(Create(func(_ *Scope, o Observer[string]) { out = o }), func(string) { <-stuck }, Mailbox(1))
			go out.Next("a")
			synctest.Wait()
			out.Next("b")
			out.Complete()
			out.Error(errTest)
			out.Next("c")
			close(stuck)
			<-sub.Done()
			r.is(t, "a b |")
			out.Next("d")
			out.Error(errTest)
		})
	})
	t.Run("what waits when the subscription ends is dropped, and Unsubscribe waits for the call under way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out Observer[string]
			var r trace
			sub := r.subscribe(Create(func(_ *Scope, o Observer[string]) { out = o }), func(string) { time.Sleep(time.Hour) })
			go out.Next("a")
			synctest.Wait()
			out.Next("b")
			began := time.Now()
			sub.Unsubscribe()
			if took := time.Since(began); took != time.Hour {
				t.Errorf("waited %v", took)
			}
			out.Next("c")
			out.Complete()
			r.is(t, "a")
		})
	})
	t.Run("made after the end it does nothing", func(t *testing.T) {
		var scope *Scope
		sub := New(func(s *Scope, _ Observer[string]) { scope = s }).Subscribe(nil)
		sub.Unsubscribe()
		var r trace
		out := Serialize(scope, Observer[string](&said{&r}))
		out.Next("a")
		out.Complete()
		r.is(t, "")
	})
	t.Run("ended at any moment under load, it neither hangs nor speaks again", func(t *testing.T) {
		for range 300 {
			var over atomic.Bool
			var producers sync.WaitGroup
			var out Observer[int]
			sub := Create(func(_ *Scope, o Observer[int]) { out = o }).Subscribe(func(int) {
				if over.Load() {
					t.Error("called after Unsubscribe had returned")
				}
			}, Mailbox(1<<20))
			for range 4 {
				producers.Go(func() {
					for i := range 50 {
						out.Next(i)
					}
				})
			}
			sub.Unsubscribe()
			over.Store(true)
			producers.Wait()
			<-sub.Done()
		}
	})
}

// said is an observer that notes what it is told.
type said struct{ *trace }

func (s *said) Next(v string)   { s.add(v) }
func (s *said) Error(err error) { s.add(fmt.Sprintf("#%v", err)) }
func (s *said) Complete()       { s.add("|") }

func TestTimer(t *testing.T) {
	// timed subscribes and hands out the timer and its scope.
	timed := func(f func()) (*Timer, *Scope, *Subscription) {
		var timer *Timer
		var scope *Scope
		sub := New(func(s *Scope, _ Observer[int]) {
			scope = s.Child()
			timer = scope.Timer(f)
		}).Subscribe(nil)
		return timer, scope, sub
	}
	t.Run("it fires once for each Reset that was not replaced", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			fired := 0
			timer, _, sub := timed(func() { fired++ })
			if timer.Reset(time.Second) {
				t.Error("nothing was to come")
			}
			if !timer.Reset(2 * time.Second) {
				t.Error("it should replace the first")
			}
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if fired != 1 {
				t.Errorf("fired %d times", fired)
			}
			timer.Reset(time.Second)
			if !timer.Stop() || timer.Stop() {
				t.Error("Stop should prevent one firing, once")
			}
			timer.Reset(time.Second)
			time.Sleep(time.Second)
			synctest.Wait()
			if fired != 2 {
				t.Errorf("fired %d times", fired)
			}
			sub.Unsubscribe()
		})
	})
	t.Run("it ends with its scope, armed or not, and cannot be armed again", func(t *testing.T) {
		for _, end := range []func(*Scope, *Subscription){
			func(s *Scope, _ *Subscription) { s.End() },
			func(_ *Scope, s *Subscription) { s.Unsubscribe() },
		} {
			for _, armed := range []bool{true, false} {
				synctest.Test(t, func(t *testing.T) {
					timer, scope, sub := timed(func() { t.Error("fired") })
					if armed {
						timer.Reset(time.Second)
					}
					end(scope, sub)
					timer.Reset(time.Second)
					time.Sleep(time.Minute)
					sub.Unsubscribe() // would hang if an activity were left
					<-sub.Done()
				})
			}
		}
	})
	t.Run("Unsubscribe waits for its function", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			timer, _, sub := timed(func() { time.Sleep(time.Hour) })
			timer.Reset(time.Second)
			time.Sleep(2 * time.Second)
			began := time.Now()
			sub.Unsubscribe()
			if took := time.Since(began); took != time.Hour-time.Second {
				t.Errorf("waited %v", took)
			}
		})
	})
	t.Run("its function may reset it and may end everything", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			fired := 0
			var timer *Timer
			var scope *Scope
			timer, scope, sub := timed(func() {
				if fired++; fired == 3 {
					scope.parent.End()
				}
				timer.Reset(time.Second)
			})
			timer.Reset(0)
			<-sub.Done()
			if fired != 3 {
				t.Errorf("fired %d times", fired)
			}
		})
	})
}
