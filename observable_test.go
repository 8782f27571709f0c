package leadership

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
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

// wary takes a nil error for a completion.
type wary struct{ Observer[string] }

func (w wary) Error(err error) {
	if err == nil {
		w.Complete()
		return
	}
	w.Observer.Error(err)
}

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
		{"and from one made by Create, already below it", New(func(s *Scope, out Observer[string]) {
			Create(func(_ *Scope, out Observer[string]) { out.Error(nil) }).SubscribeIn(s, wary{out})
		}), "#" + errNilError.Error(), errNilError},
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
	t.Run("what completes early asks its source for nothing more", func(t *testing.T) {
		asked := 0
		upTo(FromSeq(func(yield func(int) bool) {
			for asked = 1; yield(asked); asked++ {
			}
		}), 3).Subscribe(nil)
		if asked != 3 {
			t.Errorf("asked for %d values", asked)
		}
	})
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
		<-r.subscribe(Just("a"), nil, WithContext(context.Background())).Done()
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
