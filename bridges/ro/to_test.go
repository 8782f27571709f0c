package robridge_test

import (
	"context"
	"errors"
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

func TestTo(t *testing.T) {
	var s counted[int]
	for name, c := range map[string]struct {
		src  leadership.Observable[int]
		want []string
	}{
		"values, then the completion":      {leadership.Just(1, 2), []string{"1", "2", "|"}},
		"the zero Observable":              {leadership.Observable[int]{}, []string{"|"}},
		"values, then the error":           {s.emitting(0, fail, 1, 2), []string{"1", "2", "#broken"}},
		"an error alone":                   {leadership.Throw[int](errBroken), []string{"#broken"}},
		"a source that takes its time":     {s.emitting(time.Minute, complete, 1, 2), []string{"1", "2", "|"}},
		"operators of ours in front of it": {operators.Map(s.emitting(time.Minute, complete, 1, 2), func(v int) int { return 10 * v }), []string{"10", "20", "|"}},
	} {
		bubble(t, name, func(t *testing.T) {
			o := robridge.To(c.src)
			for range 2 { // a second subscription sees the same
				var r trace
				o.Subscribe(observer[int](&r)).Wait()
				synctest.Wait()
				r.is(t, c.want...)
			}
			s.released(t, 0)
		})
	}
	bubble(t, "nobody subscribes, nothing is subscribed", func(t *testing.T) {
		var s counted[int]
		_ = ro.Map(identity[int])(robridge.To(s.emitting(0, stay, 1)))
		synctest.Wait()
		s.released(t, 0)
		if n := s.total.Load(); n != 0 {
			t.Errorf("%d subscriptions", n)
		}
	})
	bubble(t, "each subscription is one of its own", func(t *testing.T) {
		var s counted[int]
		o := robridge.To(s.emitting(time.Minute, stay, 1, 2))
		var a, b trace
		first := o.Subscribe(observer[int](&a))
		time.Sleep(90 * time.Second)
		second := o.Subscribe(observer[int](&b))
		synctest.Wait()
		first.Unsubscribe()
		if n := s.active.Load(); n != 1 {
			t.Errorf("%d subscriptions", n)
		}
		time.Sleep(time.Hour)
		a.is(t, "1")
		b.is(t, "1", "2")
		second.Unsubscribe()
		s.released(t, 2)
	})
	bubble(t, "Unsubscribe from the observer releases, and nothing comes after it", func(t *testing.T) {
		var s counted[int]
		var r trace
		subs := make(chan ro.Subscription, 1)
		subs <- robridge.To(s.emitting(time.Minute, stay, 1, 2)).Subscribe(ro.NewObserver(func(int) {
			r.add("1")
			(<-subs).Unsubscribe()
			s.released(t, 1)
		}, func(error) { r.add("#") }, func() { r.add("|") }))
		time.Sleep(time.Hour)
		r.is(t, "1")
	})
	bubble(t, "Unsubscribe does not wait for the observer", func(t *testing.T) {
		block := make(chan struct{})
		sub := robridge.To(leadership.Just(1)).Subscribe(ro.OnNext(func(int) { <-block }))
		synctest.Wait()
		sub.Unsubscribe()
		close(block)
	})
	bubble(t, "a panic in the source is an error", func(t *testing.T) {
		var seen error
		robridge.To(operators.Map(leadership.Just(1), func(int) int { panic("oh") })).Subscribe(ro.OnError[int](func(err error) { seen = err })).Wait()
		synctest.Wait()
		if panicValue(seen) != "oh" {
			t.Errorf("got %v", seen)
		}
	})
	bubble(t, "a panic in an observer of ro goes to its error function, and the values go on", func(t *testing.T) {
		var s counted[int]
		var r trace
		sub := robridge.To(s.emitting(time.Minute, stay, 1, 2)).Subscribe(ro.NewObserver(
			func(int) { panic("oh") }, func(err error) { r.add("#" + err.Error()) }, func() {}))
		time.Sleep(time.Hour)
		r.is(t, "#ro.Observer: unexpected error: oh", "#ro.Observer: unexpected error: oh")
		sub.Unsubscribe()
		s.released(t, 1)
	})
}

func TestToEndsWithItsContext(t *testing.T) {
	bubble(t, "its cause is an error, no completion, and all is released", func(t *testing.T) {
		var s counted[int]
		var r trace
		ctx, cancel := context.WithCancelCause(t.Context())
		o := ro.Pipe2(robridge.To(s.emitting(time.Minute, stay, 1, 2)), ro.Map(identity[int]), ro.Filter(func(int) bool { return true }))
		o.SubscribeWithContext(ctx, observer[int](&r))
		time.Sleep(90 * time.Second)
		cancel(errors.New("enough"))
		synctest.Wait()
		r.is(t, "1", "#enough")
		s.released(t, 1)
	})
	bubble(t, "it had ended before", func(t *testing.T) {
		var s counted[int]
		var r trace
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errBroken)
		robridge.To(s.emitting(0, stay, 1)).SubscribeWithContext(ctx, observer[int](&r))
		synctest.Wait()
		r.is(t, "#broken")
	})
	bubble(t, "the error waits for a call that is under way", func(t *testing.T) {
		var r trace
		ctx, cancel := context.WithCancelCause(t.Context())
		block := make(chan struct{})
		robridge.To(leadership.Just(1)).SubscribeWithContext(ctx, ro.NewObserver(
			func(int) {
				<-block
				r.add("1")
			},
			func(err error) { r.add("#" + err.Error()) }, func() { r.add("|") }))
		synctest.Wait()
		cancel(errBroken)
		synctest.Wait()
		r.is(t)
		close(block)
		synctest.Wait()
		r.is(t, "1", "#broken")
	})
	bubble(t, "after Unsubscribe it says nothing, and after the end neither", func(t *testing.T) {
		var a, b trace
		ctx, cancel := context.WithCancel(t.Context())
		robridge.To(leadership.Never[int]()).SubscribeWithContext(ctx, observer[int](&a)).Unsubscribe()
		robridge.To(leadership.Just(1)).SubscribeWithContext(ctx, observer[int](&b))
		synctest.Wait()
		cancel()
		synctest.Wait()
		a.is(t)
		b.is(t, "1", "|")
	})
	bubble(t, "nothing of it stays with a context that lives on", func(t *testing.T) {
		ctx := &lasting{Context: t.Context(), done: make(chan struct{})}
		robridge.To(leadership.Never[int]()).SubscribeWithContext(ctx, ro.NoopObserver[int]()).Unsubscribe()
		robridge.To(leadership.Just(1)).SubscribeWithContext(ctx, ro.NoopObserver[int]())
		robridge.To(leadership.Throw[int](errBroken)).SubscribeWithContext(ctx, ro.NoopObserver[int]())
		robridge.To(leadership.Just(1)).SubscribeWithContext(ctx, newPanicking[int]())
		synctest.Wait()
		if n := ctx.waiting.Load(); n != 0 || ctx.asked.Load() == 0 {
			t.Errorf("%d of %d are left", n, ctx.asked.Load())
		}
	})
	bubble(t, "its values reach the source, and each value carries it", func(t *testing.T) {
		type key struct{}
		src := leadership.New(func(s *leadership.Scope, out leadership.Observer[any]) {
			out.Next(s.Context().Value(key{}))
			out.Complete()
		})
		ctx := context.WithValue(t.Context(), key{}, "mine")
		values, _, err := ro.CollectWithContext(ctx, ro.MapWithContext(func(ctx context.Context, v any) (context.Context, any) {
			return ctx, []any{v, ctx.Value(key{})}
		})(robridge.To(src)))
		if err != nil || len(values) != 1 || values[0].([]any)[0] != "mine" || values[0].([]any)[1] != "mine" {
			t.Errorf("got %v, %v", values, err)
		}
	})
}

// lasting is a context that counts who waits for its end.
type lasting struct {
	context.Context //nolint:containedctx // it is one itself
	done            chan struct{}
	asked, waiting  atomic.Int64
}

func (l *lasting) Done() <-chan struct{} { return l.done }

func (l *lasting) AfterFunc(func()) func() bool {
	l.asked.Add(1)
	l.waiting.Add(1)
	return sync.OnceValue(func() bool {
		l.waiting.Add(-1)
		return true
	})
}

func TestToAndASlowObserver(t *testing.T) {
	bubble(t, "it holds up neither the source nor the others, and gets the overflow", func(t *testing.T) {
		var hot leadership.Subject[int]
		block := make(chan struct{})
		var stuck, quick trace
		robridge.To(hot.AsObservable(), leadership.Mailbox(4)).Subscribe(ro.NewObserver(
			func(int) { <-block }, func(err error) { stuck.add(err.Error()) }, func() { stuck.add("|") }))
		others := robridge.To(hot.AsObservable()).Subscribe(observer[int](&quick))
		synctest.Wait()
		for v := range 1000 {
			hot.Next(v)
			if v%100 == 99 {
				synctest.Wait()
			}
		}
		if n := len(quick.all()); n != 1000 {
			t.Errorf("the other one saw %d", n)
		}
		close(block)
		synctest.Wait()
		stuck.is(t, leadership.ErrOverflow.Error())
		others.Unsubscribe()
	})
}

// TestToTellsNobodyWhoPanicked replaces a variable of ro, and so runs alone.
func TestToTellsNobodyWhoPanicked(t *testing.T) {
	told := make(chan error, 1)
	before := ro.OnUnhandledError
	ro.OnUnhandledError = func(_ context.Context, err error) { told <- err }
	defer func() { ro.OnUnhandledError = before }()
	var s counted[int]
	robridge.To(s.emitting(0, fail, 1, 2)).Subscribe(newPanicking[int]()).Wait()
	if err := <-told; panicValue(err) != "oh" {
		t.Errorf("told of %v", err)
	}
	s.released(t, 1)
}
