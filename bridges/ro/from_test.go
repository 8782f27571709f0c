package robridge_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
	robridge "github.com/leadership-go/leadership/bridges/ro"
	"github.com/leadership-go/leadership/operators"
)

func TestFrom(t *testing.T) {
	for name, c := range map[string]struct {
		o    ro.Observable[int]
		want []string
	}{
		"values, then the completion":     {ro.Of(1, 2), []string{"1", "2", "|"}},
		"no value":                        {ro.Empty[int](), []string{"|"}},
		"the error is the end":            {ro.Concat(ro.Of(1), ro.Throw[int](errBroken)), []string{"1", "#broken"}},
		"what takes its time":             {ro.RepeatWithInterval(7, 2, time.Minute), []string{"7", "7", "|"}},
		"there and back":                  {robridge.To(leadership.Just(1, 2)), []string{"1", "2", "|"}},
		"values of a kind of its own":     {custom{}, []string{"1", "|"}},
		"an operator that ends by itself": {ro.Take[int](2)(ro.RepeatWithInterval(7, 9, time.Minute)), []string{"7", "7", "|"}},
		"a subscription that is ended from within ro": {ro.NewObservable(func(d ro.Observer[int]) ro.Teardown {
			d.Next(1)
			d.(ro.Subscription).Unsubscribe()
			d.Next(2)
			return nil
		}), []string{"1", "#robridge: unsubscribed from within ro"}},
		"terminals after the first": {ro.NewUnsafeObservable(func(d ro.Observer[int]) ro.Teardown {
			d.Complete()
			d.Error(errBroken)
			d.Complete()
			d.Next(1)
			return nil
		}), []string{"|"}},
		"an operator that waits for its source": {ro.NewObservableWithContext(func(ctx context.Context, d ro.Observer[int]) ro.Teardown {
			ro.RepeatWithInterval(7, 2, time.Minute).SubscribeWithContext(ctx, d).Wait()
			return nil
		}), []string{"7", "7", "|"}},
	} {
		bubble(t, name, func(t *testing.T) {
			obs := robridge.From(c.o)
			for range 2 { // a second subscription sees the same
				var r trace
				<-traced(&r, obs).Done()
				r.is(t, c.want...)
			}
		})
	}
	bubble(t, "nil", func(t *testing.T) {
		err := robridge.From[int](nil).ForEach(t.Context(), nil)
		if !errors.Is(err, leadership.ErrInvalidConfig) {
			t.Errorf("ended by %v", err)
		}
	})
	bubble(t, "a panic of an Observable of its own kind ends that subscription, and passes by Retry", func(t *testing.T) {
		sub := operators.Retry(robridge.From[int](nilObservable{}), operators.RetryPolicy{Max: 3}).Subscribe(nil)
		<-sub.Done()
		if panicValue(sub.Err()) != "oh" {
			t.Errorf("ended by %v", sub.Err())
		}
	})
	bubble(t, "a panic of a teardown is joined to what ended the subscription", func(t *testing.T) {
		o := ro.NewObservable(func(ro.Observer[int]) ro.Teardown { return func() { panic("oh") } })
		sub := robridge.From(o).Subscribe(nil)
		synctest.Wait()
		sub.Unsubscribe()
		if !errors.Is(sub.Err(), leadership.ErrUnsubscribed) || panicValue(sub.Err()) != "oh" {
			t.Errorf("ended by %v", sub.Err())
		}
	})
	bubble(t, "a goroutine that ends within Subscribe is told, too", func(t *testing.T) {
		sub := robridge.From[int](goexits{}).Subscribe(nil)
		<-sub.Done()
		if panicValue(sub.Err()) != "runtime.Goexit" {
			t.Errorf("ended by %v", sub.Err())
		}
	})
}

// custom is an Observable that adds nothing to the subscriber that it is given.
type custom struct{}

func (c custom) Subscribe(d ro.Observer[int]) ro.Subscription {
	return c.SubscribeWithContext(context.Background(), d)
}

func (custom) SubscribeWithContext(_ context.Context, d ro.Observer[int]) ro.Subscription {
	d.Next(1)
	d.Complete()
	return nil
}

type nilObservable struct{ custom }

func (nilObservable) SubscribeWithContext(context.Context, ro.Observer[int]) ro.Subscription {
	panic("oh")
}

type goexits struct{ custom }

func (goexits) SubscribeWithContext(context.Context, ro.Observer[int]) ro.Subscription {
	exit()
	return nil
}

func TestFromReleases(t *testing.T) {
	bubble(t, "the context carries the subscriber's values and ends with the subscription; the teardowns run, and Unsubscribe waits for them", func(t *testing.T) {
		type key struct{}
		contexts := make(chan context.Context, 1)
		var r trace
		o := ro.NewObservableWithContext(func(ctx context.Context, _ ro.Observer[int]) ro.Teardown {
			contexts <- ctx
			return func() {
				time.Sleep(time.Millisecond)
				r.add("torn down")
			}
		})
		sub := robridge.From(o).Subscribe(nil, leadership.WithContext(context.WithValue(t.Context(), key{}, "mine")))
		seen := <-contexts
		if seen.Value(key{}) != "mine" || seen.Err() != nil {
			t.Errorf("%v, %v", seen.Value(key{}), seen.Err())
		}
		sub.Unsubscribe()
		r.is(t, "torn down")
		if seen.Err() == nil {
			t.Error("the context has not ended")
		}
	})
	bubble(t, "a Subscription of an Observable's own kind is unsubscribed", func(t *testing.T) {
		var r trace
		sub := robridge.From[int](withSubscription{r: &r}).Subscribe(nil)
		synctest.Wait()
		sub.Unsubscribe()
		r.is(t, "unsubscribed")
	})
	bubble(t, "a teardown that does not return is left behind after a second", func(t *testing.T) {
		block := make(chan struct{})
		o := ro.NewObservable(func(ro.Observer[int]) ro.Teardown { return func() { <-block } })
		sub := robridge.From(o).Subscribe(nil)
		synctest.Wait()
		began := time.Now()
		sub.Unsubscribe()
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v", took)
		}
		close(block)
	})
	bubble(t, "teardowns that come late run at once", func(t *testing.T) {
		var r trace
		var late ro.Subscription
		sub := robridge.From(ro.NewObservable(func(d ro.Observer[int]) ro.Teardown {
			late = d.(ro.Subscription)
			return nil
		})).Subscribe(nil)
		synctest.Wait()
		late.Add(nil)
		late.AddUnsubscribable(nil)
		sub.Unsubscribe()
		late.Wait()
		late.Add(func() { r.add("late") })
		late.AddUnsubscribable(ro.NewSubscription(func() { r.add("later") }))
		r.is(t, "late", "later")
	})
	bubble(t, "from within a callback, which may go on", func(t *testing.T) {
		var torn trace
		o := ro.NewObservable(func(d ro.Observer[int]) ro.Teardown {
			d.Next(1)
			return func() { torn.add("torn down") }
		})
		subs := make(chan *leadership.Subscription, 1)
		sub := robridge.From(o).Subscribe(func(int) {
			(<-subs).Unsubscribe()
			time.Sleep(time.Millisecond)
			torn.is(t, "torn down")
		})
		subs <- sub
		<-sub.Done()
	})
	bubble(t, "a panic in a callback ends that subscription alone, and releases", func(t *testing.T) {
		var s counted[int]
		o := robridge.To(s.emitting(time.Minute, stay, 1, 2))
		var r trace
		bad := robridge.From(o).Subscribe(func(int) { panic("oh") })
		good := traced(&r, robridge.From(o))
		time.Sleep(time.Hour)
		<-bad.Done()
		if panicValue(bad.Err()) != "oh" || s.active.Load() != 1 {
			t.Errorf("ended by %v, %d left", bad.Err(), s.active.Load())
		}
		r.is(t, "1", "2")
		good.Unsubscribe()
		s.released(t, 2)
	})
	bubble(t, "what a subscriber sees of the observer", func(t *testing.T) {
		var open, gone ro.Observer[int]
		sub := robridge.From(ro.NewObservable(func(d ro.Observer[int]) ro.Teardown {
			open = d
			return nil
		})).Subscribe(nil)
		synctest.Wait()
		if open.IsClosed() || open.HasThrown() || open.IsCompleted() {
			t.Error("closed")
		}
		sub.Unsubscribe()
		if !open.IsClosed() || open.HasThrown() || open.IsCompleted() {
			t.Error("not closed, or by a terminal")
		}
		for range 2 {
			open.Next(1) // after the end: dropped, without waiting
			open.Error(errBroken)
			open.Complete()
		}
		for _, c := range []struct {
			end              func(ro.Observer[int])
			thrown, complete bool
		}{
			{func(d ro.Observer[int]) { d.Error(errBroken) }, true, false},
			{func(d ro.Observer[int]) { d.Complete() }, false, true},
		} {
			<-robridge.From[int](ro.NewUnsafeObservable(func(d ro.Observer[int]) ro.Teardown {
				gone = d
				c.end(d)
				return nil
			})).Subscribe(nil).Done()
			if !gone.IsClosed() || gone.HasThrown() != c.thrown || gone.IsCompleted() != c.complete {
				t.Errorf("%t, %t, %t", gone.IsClosed(), gone.HasThrown(), gone.IsCompleted())
			}
		}
	})
}

type withSubscription struct {
	custom
	r *trace
}

func (o withSubscription) SubscribeWithContext(context.Context, ro.Observer[int]) ro.Subscription {
	return ro.NewSubscription(func() { o.r.add("unsubscribed") })
}

func TestFromAndASlowSubscriber(t *testing.T) {
	bubble(t, "ro waits, and nothing is lost", func(t *testing.T) {
		const n = 1000
		for _, size := range []int{0, 1, 4} {
			var seen []int64
			var made, taken, most atomic.Int64
			o := ro.Map(func(v int64) int64 {
				most.Store(max(most.Load(), made.Add(1)-taken.Load()))
				return v
			})(ro.Range(0, n))
			err := robridge.From(o).ForEach(t.Context(), func(v int64) {
				time.Sleep(time.Second)
				seen = append(seen, v)
				taken.Add(1)
			}, leadership.Mailbox(size))
			limit := size
			if size == 0 {
				limit = 256
			}
			if err != nil || len(seen) != n || !slices.IsSorted(seen) || most.Load() > int64(limit)+2 {
				t.Errorf("saw %d, %v; ro was %d ahead", len(seen), err, most.Load())
			}
		}
	})
	bubble(t, "ro waits no longer when it leaves", func(t *testing.T) {
		var r trace
		ctx, cancel := context.WithCancelCause(t.Context())
		o := ro.TapOnComplete[int64](func() { r.add("all sent") })(ro.Range(0, 1000))
		sub := robridge.From(o).Subscribe(func(int64) { <-ctx.Done() }, leadership.Mailbox(1), leadership.WithContext(ctx))
		synctest.Wait()
		r.is(t)
		cancel(errBroken)
		<-sub.Done()
		r.is(t, "all sent")
		if !errors.Is(sub.Err(), errBroken) {
			t.Errorf("ended by %v", sub.Err())
		}
	})
}
