package rx_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reactivex/rxgo/v2"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/rx"
)

// observed counts how often it was observed and sends what the test sends.
type observed struct {
	times atomic.Int64
	items chan rxgo.Item
	err   func() error // of the context given to Observe
}

// newObserved closes its channel when it is cancelled, as rxgo does.
func newObserved() (*observed, rxgo.Observable) {
	o := &observed{items: make(chan rxgo.Item)}
	return o, rxgo.Defer([]rxgo.Producer{func(ctx context.Context, next chan<- rxgo.Item) {
		o.times.Add(1)
		o.err = ctx.Err
		for {
			select {
			case item, open := <-o.items:
				if !open {
					return
				}
				select {
				case next <- item:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}})
}

func TestFrom(t *testing.T) {
	bubble(t, "all share one observation, the late one from then on, and the end reaches all", func(t *testing.T) {
		o, iterable := newObserved()
		obs := rx.From[int](iterable)
		var early, late, after trace
		traced(&early, obs)
		o.items <- rxgo.Of(1)
		synctest.Wait()
		traced(&late, obs)
		o.items <- rxgo.Of(2)
		close(o.items)
		synctest.Wait()
		traced(&after, obs)
		synctest.Wait()
		early.is(t, "1", "2", "|")
		late.is(t, "2", "|")
		after.is(t, "|")
		if n := o.times.Load(); n != 1 {
			t.Errorf("observed %d times", n)
		}
	})
	bubble(t, "the first error is the end, for all", func(t *testing.T) {
		o, iterable := newObserved()
		obs := rx.From[int](iterable)
		var a, b trace
		traced(&a, obs)
		traced(&b, obs)
		synctest.Wait()
		o.items <- rxgo.Of(1)
		o.items <- rxgo.Error(errBroken)
		synctest.Wait()
		a.is(t, "1", "#broken")
		b.is(t, "1", "#broken")
		if o.err() == nil {
			t.Error("not cancelled")
		}
	})
	bubble(t, "the last one to leave cancels, which is no completion; later ones are told", func(t *testing.T) {
		o, iterable := newObserved()
		obs := rx.From[int](iterable)
		var a, b, later trace
		first, second := traced(&a, obs), traced(&b, obs)
		synctest.Wait()
		first.Unsubscribe()
		if o.err() != nil {
			t.Error("cancelled too early")
		}
		second.Unsubscribe()
		if o.err() == nil {
			t.Error("not cancelled")
		}
		sub := traced(&later, obs)
		<-sub.Done()
		a.is(t)
		b.is(t)
		later.is(t, "#"+rx.ErrReleased.Error())
		if !errors.Is(sub.Err(), rx.ErrReleased) || o.times.Load() != 1 {
			t.Errorf("ended by %v, observed %d times", sub.Err(), o.times.Load())
		}
	})
	bubble(t, "another type, and nil", func(t *testing.T) {
		for want, v := range map[string]any{
			"#rx: item of the wrong type: got int, want fmt.Stringer":   1,
			"#rx: item of the wrong type: got <nil>, want fmt.Stringer": nil,
		} {
			o, iterable := newObserved()
			var r trace
			sub := traced(&r, rx.From[fmt.Stringer](iterable))
			o.items <- rxgo.Of(time.Second)
			o.items <- rxgo.Of(v)
			<-sub.Done()
			r.is(t, "1s", want)
			if !errors.Is(sub.Err(), rx.ErrItemType) {
				t.Errorf("ended by %v", sub.Err())
			}
		}
	})
	bubble(t, "a Single", func(t *testing.T) {
		var r trace
		<-traced(&r, rx.From[int64](rxgo.Just(1, 2)().Count())).Done()
		r.is(t, "2", "|")
	})
	bubble(t, "nil, and a panic in Observe", func(t *testing.T) {
		var r trace
		<-traced(&r, rx.From[int](nil)).Done()
		r.is(t, "#rx: there is no rxgo Observable: it is nil")
		sub := rx.From[int](panics{}).Subscribe(nil)
		<-sub.Done()
		var caught *leadership.PanicError
		if !errors.As(sub.Err(), &caught) || caught.Value != "oh" {
			t.Errorf("ended by %v", sub.Err())
		}
	})
	bubble(t, "an operator that can be observed only once serves many, one after the other", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel() // an Interval knows no other end
		obs := rx.From[int](rxgo.Interval(second, rxgo.WithContext(ctx)).Map(func(context.Context, any) (any, error) { return 1, nil }).
			FlatMap(func(item rxgo.Item) rxgo.Observable { return rxgo.Just(item.V)() }).Take(3))
		var a, b trace
		traced(&a, obs)
		time.Sleep(1500 * time.Millisecond)
		traced(&b, obs)
		time.Sleep(time.Minute)
		a.is(t, "1", "1", "1", "|")
		b.is(t, "1", "1", "|")
	})
	bubble(t, "Defer makes a chain for each", func(t *testing.T) {
		obs := leadership.Defer(func() leadership.Observable[int] { return rx.From[int](rxgo.Just(1, 2)()) })
		for range 2 {
			var r trace
			<-traced(&r, obs).Done()
			r.is(t, "1", "2", "|")
		}
	})
	bubble(t, "there and back", func(t *testing.T) {
		var r trace
		<-traced(&r, rx.From[int](rx.To(leadership.Just(1, 2)).Map(identity))).Done()
		r.is(t, "1", "2", "|")
	})
}

type panics struct{}

func (panics) Observe(...rxgo.Option) <-chan rxgo.Item { panic("oh") }

func TestFromAndSlowSubscribers(t *testing.T) {
	const n = 1000
	bubble(t, "rxgo waits for one who is alone, and nothing is lost", func(t *testing.T) {
		var seen []int
		err := rx.From[int](rxgo.Range(0, n)).ForEach(t.Context(), func(v int) {
			time.Sleep(time.Second)
			seen = append(seen, v)
		}, leadership.Mailbox(4))
		if err != nil || !slices.Equal(seen, numbers(n)) {
			t.Errorf("saw %d, %v", len(seen), err)
		}
	})
	bubble(t, "who is a whole mailbox behind the quickest is told so, and 50 others get all", func(t *testing.T) {
		o, iterable := newObserved()
		obs := rx.From[int](iterable)
		block := make(chan struct{})
		var seen []int
		slow := obs.Subscribe(func(v int) {
			<-block
			seen = append(seen, v)
		}, leadership.Mailbox(8))
		others := make([][]int, 50)
		for i := range others {
			obs.Subscribe(func(v int) { others[i] = append(others[i], v) })
		}
		for v := range n {
			o.items <- rxgo.Of(v)
			synctest.Wait()
		}
		close(block)
		close(o.items)
		<-slow.Done()
		synctest.Wait()
		if !errors.Is(slow.Err(), leadership.ErrOverflow) || !slices.Equal(seen, numbers(9)) {
			t.Errorf("saw %v, %v", seen, slow.Err())
		}
		for i, got := range others {
			if !slices.Equal(got, numbers(n)) {
				t.Errorf("%d saw %d", i, len(got))
			}
		}
	})
	bubble(t, "all stand still, one leaves, then one comes: it goes on", func(t *testing.T) {
		o, iterable := newObserved()
		obs := rx.From[int](iterable)
		block := make(chan struct{})
		stuck := obs.Subscribe(func(int) { <-block }, leadership.Mailbox(1))
		for v := range 3 { // one is being delivered, one waits, one is kept by the bridge
			o.items <- rxgo.Of(v)
			synctest.Wait()
		}
		var r trace
		sub := traced(&r, obs)
		synctest.Wait()
		r.is(t, "2")
		close(block)
		<-stuck.Done()
		if !errors.Is(stuck.Err(), leadership.ErrOverflow) {
			t.Errorf("ended by %v", stuck.Err())
		}
		sub.Unsubscribe()
	})
	bubble(t, "all stand still and leave: it is released", func(t *testing.T) {
		o, iterable := newObserved()
		ctx, cancel := context.WithCancelCause(t.Context())
		sub := rx.From[int](iterable).Subscribe(func(int) { <-ctx.Done() }, leadership.Mailbox(1), leadership.WithContext(ctx))
		for v := range 4 {
			o.items <- rxgo.Of(v)
			synctest.Wait()
		}
		cancel(errBroken)
		<-sub.Done()
		if !errors.Is(sub.Err(), errBroken) || o.err() == nil {
			t.Errorf("ended by %v", sub.Err())
		}
	})
}
