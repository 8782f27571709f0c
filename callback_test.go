package leadership

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPanics(t *testing.T) {
	boom := func(string) { panic(errTest) }
	isPanic := func(t *testing.T, err error) {
		t.Helper()
		var p *PanicError
		if !errors.As(err, &p) {
			t.Fatalf("ended with %v, want a PanicError", err)
		}
		if p.Value != any(errTest) || errors.Is(err, errTest) {
			t.Errorf("value %v; wraps it: %v", p.Value, errors.Is(err, errTest))
		}
		if !strings.Contains(string(p.Stack), "TestPanics") || !strings.Contains(err.Error(), "TestPanics") {
			t.Errorf("the stack does not lead here:\n%v", err)
		}
	}
	for _, tt := range []struct {
		name  string
		chain func(Observable[string]) Observable[string]
		next  func(string)
	}{
		{"in the callback", suffix(""), boom},
		{"in the function of an operator", func(o Observable[string]) Observable[string] {
			return mapped(o, func(string) string { panic(errTest) })
		}, nil},
		{"in a subscribe function", func(Observable[string]) Observable[string] {
			return Defer(func() Observable[string] { panic(errTest) })
		}, nil},
		{"in a timer", func(Observable[string]) Observable[string] {
			return New(func(s *Scope, _ Observer[string]) { s.Timer(func() { panic(errTest) }).Reset(time.Second) })
		}, nil},
		{"in a goroutine of a source", func(Observable[string]) Observable[string] {
			return New(func(s *Scope, _ Observer[string]) { s.Go(func() { panic(errTest) }) })
		}, nil},
		{"in a source that does not say that it is active", func(Observable[string]) Observable[string] {
			return New(func(s *Scope, out Observer[string]) {
				go func() { // breaks the contract of New
					time.Sleep(time.Second)
					out.Next("a")
				}()
			})
		}, boom},
		{"in what Serialize calls, with more waiting", func(Observable[string]) Observable[string] {
			return Create(func(s *Scope, out Observer[string]) {
				s.Go(func() {
					out.Next("a")
					out.Next("b")
				})
			})
		}, boom},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFeed[string](8, nil)
				var other trace
				others := other.subscribe(f.observable(), nil)
				var said []error
				sub := tt.chain(f.observable()).Subscribe(tt.next,
					OnError(func(err error) { said = append(said, err) }),
					OnComplete(func() { t.Error("completed") }))
				f.publish(nil, "a", "b")
				<-sub.Done()
				isPanic(t, sub.Err())
				if len(said) != 1 {
					t.Fatalf("told %d times", len(said))
				}
				isPanic(t, said[0])
				synctest.Wait()
				if n := len(f.boxes); n != 1 {
					t.Errorf("%d mailboxes left, want that of the other", n)
				}
				other.is(t, "a b")
				others.Unsubscribe()
			})
		})
	}
	t.Run("in OnError: both are kept", func(t *testing.T) {
		sub := Throw[int](errTest).Subscribe(nil, OnError(func(error) { panic("again") }))
		var p *PanicError
		if err := sub.Err(); !errors.Is(err, errTest) || !errors.As(err, &p) || p.Value != "again" {
			t.Errorf("Err %v", sub.Err())
		}
	})
	t.Run("in OnComplete: it is the error", func(t *testing.T) {
		sub := Just(1).Subscribe(nil, OnError(func(error) { t.Error("a second terminal") }), OnComplete(func() { panic("late") }))
		var p *PanicError
		if err := sub.Err(); !errors.As(err, &p) || p.Value != "late" {
			t.Errorf("Err %v", sub.Err())
		}
	})
	t.Run("in a release function: the others are released all the same", func(t *testing.T) {
		released := false
		sub := New(func(s *Scope, out Observer[int]) {
			s.OnEnd(func() { released = true })
			s.OnEnd(func() { panic("no") })
			out.Complete()
		}).Subscribe(nil)
		var p *PanicError
		if err := sub.Err(); !errors.As(err, &p) || !released {
			t.Errorf("Err %v, released: %v", sub.Err(), released)
		}
	})
	t.Run("Goexit in a callback ends the subscription and holds up nobody", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed[string](8, nil)
			sub := f.observable().Subscribe(func(string) { runtime.Goexit() })
			var other trace
			others := other.subscribe(f.observable(), nil)
			f.publish(nil, "a")
			f.publish(nil, "b")
			<-sub.Done()
			var p *PanicError
			if err := sub.Err(); !errors.As(err, &p) || p.Value != goexit {
				t.Errorf("Err %v", sub.Err())
			}
			synctest.Wait()
			other.is(t, "a b")
			others.Unsubscribe()
		})
	})
	t.Run("OnError waits for a callback that runs elsewhere", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			busy := false
			source := New(func(s *Scope, out Observer[string]) {
				s.Go(func() { out.Next("slow") })
				s.Go(func() {
					time.Sleep(time.Second)
					panic("meanwhile")
				})
			})
			sub := source.Subscribe(func(string) {
				busy = true
				time.Sleep(time.Hour)
				busy = false
			}, OnError(func(error) {
				if busy {
					t.Error("calls overlap")
				}
			}))
			<-sub.Done()
		})
	})
}

func TestCallbacksMayDoAnything(t *testing.T) {
	t.Run("subscribe to the same source, publish to it and close it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed[string](8, nil)
			var outer, inner trace
			var innerSub *Subscription
			sub := outer.subscribe(f.observable(), func(v string) {
				switch v {
				case "a":
					innerSub = inner.subscribe(f.observable(), nil)
					f.publish([]string{"b"}, "b")
				case "b":
					f.close(errTest)
				}
			})
			f.publish([]string{"a"}, "a")
			<-sub.Done()
			outer.is(t, "a b #test")
			<-innerSub.Done()
			inner.is(t, "a b #test")
		})
	})
	t.Run("push into its own Create: it comes after the callback, not within it", func(t *testing.T) {
		var again Observer[string]
		var r trace
		sub := r.subscribe(Create(func(_ *Scope, out Observer[string]) {
			again = out
			out.Next("a")
			out.Complete()
		}), func(v string) {
			if len(v) < 3 {
				again.Next(v + v)
				r.add("·")
			}
		})
		<-sub.Done()
		r.is(t, "a · aa · aaaa |")
	})
}

func TestInsideCallback(t *testing.T) {
	if insideCallback() {
		t.Error("a test is no callback")
	}
	inside := map[string]bool{}
	o := Create(func(s *Scope, out Observer[string]) {
		inside["subscribe"] = insideCallback()
		s.OnEnd(func() { inside["release"] = insideCallback() })
		s.Do(func() { inside["Do"] = insideCallback() })
		out.Next("a")
		out.Complete()
	})
	o.Subscribe(func(string) { inside["next"] = insideCallback() }, OnComplete(func() { inside["complete"] = insideCallback() }))
	for _, place := range []string{"subscribe", "release", "Do", "next", "complete"} {
		if !inside[place] {
			t.Errorf("%s is inside", place)
		}
	}
	// An observer that is pushed from a goroutine of its own has only Serialize on its stack.
	var out Observer[string]
	found := make(chan bool, 1)
	sub := Create(func(_ *Scope, o Observer[string]) { out = o }).Subscribe(func(string) { found <- insideCallback() })
	go out.Next("a")
	if !<-found {
		t.Error("a pushed callback is inside")
	}
	sub.Unsubscribe()
}
