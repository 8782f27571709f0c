package leadership

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errTest = errors.New("test")

// upTo makes an operator that completes with the n-th value, as Take does.
func upTo[T any](src Observable[T], n int) Observable[T] {
	return New(func(s *Scope, out Observer[T]) {
		up := s.Child()
		src.SubscribeIn(up, &taking[T]{Observer: out, scope: up, left: n})
	})
}

type taking[T any] struct {
	Observer[T]
	scope *Scope
	left  int
}

func (k *taking[T]) Next(v T) {
	k.left--
	k.Observer.Next(v)
	if k.left == 0 {
		k.scope.End()
		k.Complete()
	}
}

// mapped makes an operator that runs f on each value.
func mapped(src Observable[string], f func(string) string) Observable[string] {
	return New(func(s *Scope, out Observer[string]) {
		src.SubscribeIn(s, &mapping{out, f})
	})
}

type mapping struct {
	Observer[string]
	f func(string) string
}

func (m *mapping) Next(v string) { m.Observer.Next(m.f(v)) }

func TestGrammar(t *testing.T) {
	rude := New(func(_ *Scope, out Observer[string]) {
		out.Next("a")
		out.Error(errTest)
		out.Next("b")
		out.Complete()
		out.Error(errTest)
	})
	for _, tt := range []struct {
		name   string
		source Observable[string]
		want   string
		err    error
	}{
		{"values, then completion", Just("a", "b"), "a b |", nil},
		{"an error ends it", Throw[string](errTest), "#test", errTest},
		{"at most one terminal and nothing after it, whatever the source says", rude, "a #test", errTest},
		{"the same through Serialize", Create(rude.subscribe), "a #test", errTest},
		{"a nil error is an error", Throw[string](nil), "#" + errNilError.Error(), errNilError},
		{"a nil error from a source too", New(func(_ *Scope, out Observer[string]) { out.Error(nil) }), "#" + errNilError.Error(), errNilError},
		{"Empty completes", Empty[string](), "|", nil},
		{"the zero Observable completes", Observable[string]{}, "|", nil},
		{"an empty slice completes", FromSlice[string](nil), "|", nil},
		{"FromSeq ranges", FromSeq(slices.Values([]string{"a", "b", "c"})), "a b c |", nil},
		{"Defer asks at each subscription", Defer(func() Observable[string] { return Just("fresh") }), "fresh |", nil},
		{"what completes early stops its source", upTo(FromSeq(endless), 3), "x x x |", nil},
		{"Pipe applies from left to right", Just("a").Pipe(suffix("1"), nil, suffix("2")), "a12 |", nil},
		{"Pipe of nothing changes nothing", Just("a").Pipe(), "a |", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // a subscription leaves nothing behind in the source
				var r trace
				sub := r.subscribe(tt.source, nil)
				<-sub.Done()
				r.is(t, tt.want)
				if err := sub.Err(); !errors.Is(err, tt.err) {
					t.Errorf("Err %v, want %v", err, tt.err)
				}
				sub.Unsubscribe()
				if err := sub.Err(); !errors.Is(err, tt.err) {
					t.Errorf("Err %v after Unsubscribe, want %v still", err, tt.err)
				}
			}
		})
	}
	t.Run("Never does nothing until unsubscribed", func(t *testing.T) {
		var r trace
		sub := r.subscribe(Never[string](), nil)
		select {
		case <-sub.Done():
			t.Error("done")
		default:
		}
		if err := sub.Err(); err != nil {
			t.Errorf("Err %v while it runs", err)
		}
		sub.Unsubscribe()
		<-sub.Done()
		r.is(t, "")
	})
	t.Run("without callbacks a stream runs all the same", func(t *testing.T) {
		if err := Just(1, 2).Subscribe(nil, nil).Err(); err != nil {
			t.Error(err)
		}
		if err := Throw[int](errTest).Subscribe(nil).Err(); !errors.Is(err, errTest) {
			t.Error(err)
		}
	})
}

// endless yields x for ever.
func endless(yield func(string) bool) {
	for yield("x") {
	}
}

func suffix(s string) func(Observable[string]) Observable[string] {
	return func(o Observable[string]) Observable[string] {
		return mapped(o, func(v string) string { return v + s })
	}
}

func TestCancellationIsItsOwnCause(t *testing.T) {
	cause := errors.New("shutting down")
	t.Run("a context that ends while the source is silent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			var r trace
			sub := r.subscribe(Never[string](), nil, WithContext(ctx))
			synctest.Wait()
			cancel(cause)
			<-sub.Done()
			r.is(t, "")
			if !errors.Is(sub.Err(), cause) {
				t.Errorf("Err %v", sub.Err())
			}
		})
	})
	t.Run("a context that ends within a callback: not one value more", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		var r trace
		sub := r.subscribe(FromSeq(endless), func(string) { cancel(cause) }, WithContext(ctx))
		r.is(t, "x")
		<-sub.Done()
		if !errors.Is(sub.Err(), cause) {
			t.Errorf("Err %v", sub.Err())
		}
	})
	t.Run("a context that had ended before: the source is not asked", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		var r trace
		sub := r.subscribe(Defer(func() Observable[string] {
			t.Error("asked")
			return Empty[string]()
		}), nil, WithContext(ctx))
		<-sub.Done()
		r.is(t, "")
		if !errors.Is(sub.Err(), cause) {
			t.Errorf("Err %v", sub.Err())
		}
	})
	t.Run("a completion that comes after the context's end is a cancellation", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		var r trace
		sub := r.subscribe(New(func(_ *Scope, out Observer[string]) {
			cancel(cause)
			out.Complete()
		}), nil, WithContext(ctx))
		<-sub.Done()
		r.is(t, "")
		if !errors.Is(sub.Err(), cause) {
			t.Errorf("Err %v", sub.Err())
		}
	})
	t.Run("a stream that nothing of reaches the subscriber ends with the context too", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		silent := New(func(s *Scope, _ Observer[string]) {
			for !s.Ended() {
				runtime.Gosched()
			}
		})
		if err := silent.ForEach(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended with %v", err)
		}
	})
	t.Run("Unsubscribe", func(t *testing.T) {
		f := newFeed[string](1, nil)
		var r trace
		sub := r.subscribe(f.observable(), nil)
		sub.Unsubscribe()
		f.publish(nil, "late")
		f.close(nil)
		<-sub.Done()
		r.is(t, "")
		if !errors.Is(sub.Err(), ErrUnsubscribed) {
			t.Errorf("Err %v", sub.Err())
		}
	})
	t.Run("a context that never ends is left alone", func(t *testing.T) {
		var r trace
		<-r.subscribe(Just("a"), nil, WithContext(context.Background())).Done() //nolint:usetesting // one without Done is the point
		r.is(t, "a |")
	})
}

func TestReleasesUpstreamOnce(t *testing.T) {
	type key struct{}
	for _, tt := range []struct {
		name string
		end  func(sub *Subscription, out Observer[string], cancel func())
		want error
	}{
		{"Unsubscribe", func(sub *Subscription, _ Observer[string], _ func()) { sub.Unsubscribe() }, ErrUnsubscribed},
		{"the context's end", func(_ *Subscription, _ Observer[string], cancel func()) { cancel() }, context.Canceled},
		{"an error", func(_ *Subscription, out Observer[string], _ func()) { out.Error(errTest) }, errTest},
		{"completion", func(_ *Subscription, out Observer[string], _ func()) { out.Complete() }, nil},
		{"a panic", func(_ *Subscription, out Observer[string], _ func()) { out.Next("boom") }, &PanicError{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
			defer cancel()
			var out Observer[string]
			var scopes []*Scope
			var order []string
			source := New(func(s *Scope, o Observer[string]) {
				child := s.Child()
				scopes = []*Scope{s, child, child.Child()}
				out = Serialize(child, o)
				s.OnEnd(func() { order = append(order, "first") })
				s.OnEnd(func() { order = append(order, "second") })
				child.OnEnd(func() { order = append(order, "child") })
			})
			sub := source.Subscribe(func(string) { panic("boom") }, WithContext(ctx))
			if got := scopes[2].Context().Value(key{}); got != "value" {
				t.Errorf("the scope's context carries %v", got)
			}
			tt.end(sub, out, cancel)
			tt.end(sub, out, cancel)
			<-sub.Done()
			sub.Unsubscribe()
			if got := strings.Join(order, " "); got != "second first child" {
				t.Errorf("released %q, want each once and the last one first", got)
			}
			for i, s := range scopes {
				if !s.Ended() || s.Context().Err() == nil {
					t.Errorf("scope %d has not ended", i)
				}
				if want := sub.Err(); want != nil && !errors.Is(context.Cause(s.Context()), want) {
					t.Errorf("scope %d ended by %v, want %v", i, context.Cause(s.Context()), want)
				}
				late := false
				s.OnEnd(func() { late = true })
				if !late {
					t.Errorf("scope %d does not release what comes late", i)
				}
				if s.Do(func() {}) || s.Go(func() {}) {
					t.Errorf("scope %d runs something after its end", i)
				}
			}
			if failed := new(PanicError); errors.As(tt.want, &failed) {
				if !errors.As(sub.Err(), &failed) {
					t.Errorf("Err %v", sub.Err())
				}
			} else if !errors.Is(sub.Err(), tt.want) {
				t.Errorf("Err %v, want %v", sub.Err(), tt.want)
			}
		})
	}
	t.Run("a child ends alone, and leaves nothing in its parent", func(t *testing.T) {
		var root *Scope
		sub := New(func(s *Scope, _ Observer[int]) { root = s }).Subscribe(nil)
		released := 0
		var kept []*Scope
		for i := range 100 {
			c := root.Child()
			c.OnEnd(func() { released++ })
			if i%2 == 0 {
				c.End()
				c.End()
			} else {
				kept = append(kept, c)
			}
			if cause := context.Cause(c.Context()); i%2 == 0 && !errors.Is(cause, ErrUnsubscribed) {
				t.Fatalf("a child alone ended by %v", cause)
			}
		}
		links := 0
		for l := root.links; l != nil; l = l.next {
			links++
		}
		if released != 50 || links != 50 || root.Ended() {
			t.Errorf("%d released, %d linked, parent ended: %v", released, links, root.Ended())
		}
		kept[7].End()
		root.End()
		<-sub.Done()
		if released != 100 || !errors.Is(sub.Err(), ErrUnsubscribed) {
			t.Errorf("%d released at the end by %v", released, sub.Err())
		}
		if c := root.Child(); !c.Ended() {
			t.Error("a child of what has ended runs")
		}
	})
}

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

func TestMailboxSizeReachesTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(99, repeats)
		var r trace
		stuck := make(chan struct{})
		sub := r.subscribe(upTo(f.observable().Pipe(suffix("'"), suffix("\"")), 99), func(string) { <-stuck }, Mailbox(2))
		f.publish(nil, "stuck")
		synctest.Wait()
		for _, v := range []string{"a1", "a2", "a3", "a4"} {
			f.publish(nil, v)
		}
		if got := sub.Coalesced(); got != 2 {
			t.Errorf("coalesced %d, want 2, while the subscriber is stuck", got)
		}
		close(stuck)
		synctest.Wait()
		r.is(t, `stuck'" a3'" a4'"`)
		sub.Unsubscribe()
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
