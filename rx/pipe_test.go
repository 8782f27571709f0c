package rx_test

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reactivex/rxgo/v2"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/rx"
)

// chain is what stands in the middle of a pipe.
type chain = func(context.Context, rxgo.Observable) rxgo.Observable

func always(error) bool { return true }

var second = rxgo.WithDuration(time.Second)

// chains are operators of each kind that rxgo has: with and without a goroutine at construction, deaf to contexts or not.
var chains = map[string]chain{
	"nothing": func(_ context.Context, o rxgo.Observable) rxgo.Observable { return o },
	"map":     func(_ context.Context, o rxgo.Observable) rxgo.Observable { return o.Map(identity) },
	"pool":    func(_ context.Context, o rxgo.Observable) rxgo.Observable { return o.Map(identity, rxgo.WithPool(3)) },
	"filter": func(_ context.Context, o rxgo.Observable) rxgo.Observable {
		return o.Filter(func(any) bool { return true })
	},
	"distinct": func(_ context.Context, o rxgo.Observable) rxgo.Observable {
		return o.Distinct(identity).DistinctUntilChanged(identity)
	},
	"debounce": func(_ context.Context, o rxgo.Observable) rxgo.Observable { return o.Debounce(second).Map(identity) },
	"retry": func(_ context.Context, o rxgo.Observable) rxgo.Observable {
		return o.Map(identity).Retry(1<<30, always).Map(identity)
	},
	"startWith": func(_ context.Context, o rxgo.Observable) rxgo.Observable {
		return o.StartWith(rxgo.Just(7)()).Map(identity)
	},
	"sample": func(ctx context.Context, o rxgo.Observable) rxgo.Observable {
		return o.Sample(o, rxgo.WithContext(ctx))
	},
	"take": func(_ context.Context, o rxgo.Observable) rxgo.Observable { return o.Take(1) },
	"buffered": func(_ context.Context, o rxgo.Observable) rxgo.Observable {
		return o.Map(identity, rxgo.WithBufferedChannel(2)).Filter(func(any) bool { return true })
	},
	"backOffRetry": func(_ context.Context, o rxgo.Observable) rxgo.Observable {
		return o.BackOffRetry(everySecond{})
	},
	"flatMap": func(_ context.Context, o rxgo.Observable) rxgo.Observable {
		return o.FlatMap(func(item rxgo.Item) rxgo.Observable { return rxgo.Just(item.V, item.V)() })
	},
	"zip": func(_ context.Context, o rxgo.Observable) rxgo.Observable {
		return o.ZipFromIterable(o, func(_ context.Context, a, b any) (any, error) { return a.(int) + b.(int), nil })
	},
}

// everySecond is the back-off of one second.
type everySecond struct{}

func (everySecond) NextBackOff() time.Duration { return time.Second }

func (everySecond) Reset() {}

// lengths holds a mutex while it sends, which no bubble likes.
func lengths(_ context.Context, o rxgo.Observable) rxgo.Observable {
	return o.BufferWithTime(rxgo.WithDuration(time.Millisecond)).Map(func(_ context.Context, v any) (any, error) { return len(v.([]any)), nil })
}

func TestCancelOfBuffersThatStandStill(t *testing.T) {
	var s source[int]
	block := make(chan struct{})
	entered := make(chan struct{}, 1)
	sub := rx.PipeContext[int](s.emitting(time.Millisecond, stay, numbers(10000)...), lengths).Subscribe(func(int) {
		select {
		case entered <- struct{}{}:
		default:
		}
		<-block
	})
	<-entered
	time.AfterFunc(20*time.Millisecond, func() { close(block) }) // by then rxgo stands still, too
	<-block
	sub.Unsubscribe()
	if n := s.active.Load(); n != 0 || !errors.Is(sub.Err(), leadership.ErrUnsubscribed) {
		t.Errorf("%d subscriptions are left, ended by %v", n, sub.Err())
	}
}

func TestCancelIsNoCompletion(t *testing.T) {
	for name, chain := range chains {
		bubble(t, name+", by the context", func(t *testing.T) {
			var s source[int]
			var r trace
			ctx, cancel := context.WithCancelCause(t.Context())
			sub := traced(&r, rx.PipeContext[int](s.emitting(time.Minute, stay, numbers(100)...), chain), leadership.WithContext(ctx))
			time.Sleep(90 * time.Second)
			cancel(errors.New("enough"))
			began := time.Now()
			<-sub.Done()
			if err := sub.Err(); err == nil || err.Error() != "enough" {
				t.Errorf("ended by %v", err)
			}
			if n := s.active.Load(); n != 0 || s.total.Load() == 0 {
				t.Errorf("%d of %d subscriptions are left", n, s.total.Load())
			}
			if took := time.Since(began); took != 0 {
				t.Errorf("took %v", took)
			}
			for _, what := range r.all() {
				if strings.HasPrefix(what, "#") || what == "|" {
					t.Errorf("saw %q", what)
				}
			}
		})
		bubble(t, name+", by Unsubscribe while the subscriber and all of the chain stand still", func(t *testing.T) {
			var s source[int]
			block := make(chan struct{})
			sub := rx.PipeContext[int](s.emitting(time.Minute, stay, numbers(100)...), chain).Subscribe(func(int) { <-block })
			time.Sleep(time.Hour)
			time.AfterFunc(time.Second, func() { close(block) })
			sub.Unsubscribe()
			if n := s.active.Load(); n != 0 || !errors.Is(sub.Err(), leadership.ErrUnsubscribed) {
				t.Errorf("%d subscriptions are left, ended by %v", n, sub.Err())
			}
		})
	}
}

func TestThousandCancelledChainsLeaveNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	var s source[int]
	src := s.emitting(0, stay, numbers(10)...)
	var last []*leadership.Subscription
	for range 1000/len(chains) + 1 {
		for _, chain := range append(slices.Collect(maps.Values(chains)), lengths) {
			sub := rx.PipeContext[int](src, chain).Subscribe(nil)
			if last = append(last, sub); len(last) > 20 {
				last[0].Unsubscribe()
				last = last[1:]
			}
		}
	}
	for _, sub := range last {
		sub.Unsubscribe()
	}
	if n := s.active.Load(); n != 0 || s.total.Load() < 1000 {
		t.Errorf("%d of %d subscriptions are left", n, s.total.Load())
	}
	// rxgo's own goroutines end on their own, a moment later; the timers of a back-off take up to a second.
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestPipe(t *testing.T) {
	var s source[int]
	three := s.emitting(time.Minute, complete, 1, 2, 3)
	failing := s.emitting(time.Minute, fail, 1)
	text := func(o rxgo.Observable) rxgo.Observable {
		return o.Map(func(_ context.Context, v any) (any, error) { return strconv.Itoa(v.(int)), nil })
	}
	for name, c := range map[string]struct {
		obs  leadership.Observable[string]
		want string
	}{
		"values and completion": {rx.Pipe[string](three, text), "1 2 3 |"},
		"an error is the end":   {rx.Pipe[string](failing, text), "1 #broken"},
		"debounce":              {rx.Pipe[string](three, func(o rxgo.Observable) rxgo.Observable { return text(o).Debounce(second) }), "1 2 |"},
		"retry observes again":  {rx.Pipe[string](failing, func(o rxgo.Observable) rxgo.Observable { return text(o).Retry(2, always) }), "1 1 1 #broken"},
		"a Single":              {rx.Pipe[string](three, func(o rxgo.Observable) rxgo.OptionalSingle { return text(o).First() }), "1 |"},
		"another type":          {rx.PipeContext[string](three, chains["map"]), "#rx: item of the wrong type: got int, want string"},
		"nil, by Map": {rx.Pipe[string](three, func(o rxgo.Observable) rxgo.Observable {
			return o.Map(func(context.Context, any) (any, error) { return nil, nil })
		}), "#rx: item of the wrong type: got <nil>, want string"},
		"an error of Map": {rx.Pipe[string](three, func(o rxgo.Observable) rxgo.Observable {
			return o.Map(func(context.Context, any) (any, error) { return "", errBroken })
		}), "#broken"},
		"errors after the first":         {rx.Pipe[string](three, func(rxgo.Observable) rxgo.Observable { return rxgo.Just("a", errBroken, "b")() }), "a #broken"},
		"no chain":                       {rx.Pipe[string](three, func(rxgo.Observable) rxgo.Observable { return nil }), "#rx: there is no rxgo Observable: it is nil"},
		"typed operators retry, too":     {operators.Retry(rx.Pipe[string](failing, text), operators.RetryPolicy{Max: 1}), "1 1 #broken"},
		"in the middle of typed ones":    {operators.Filter(rx.Pipe[string](operators.Map(three, func(v int) int { return 10 * v }), text), func(v string) bool { return v != "20" }), "10 30 |"},
		"values that rxgo can not carry": {rx.Pipe[string](leadership.Just[any]([]int{1}), text), "#rx: value that rxgo cannot carry: this []int holds something that can't be compared"},
	} {
		bubble(t, name, func(t *testing.T) {
			for range 2 { // the second subscription sees the same
				var r trace
				sub := traced(&r, c.obs)
				<-sub.Done()
				if got := strings.Join(r.all(), " "); got != c.want {
					t.Errorf("saw %q, want %q", got, c.want)
				}
			}
			if n := s.active.Load(); n != 0 {
				t.Errorf("%d subscriptions are left", n)
			}
		})
	}
}

func TestPipeReleasesUpstreamWhenTheChainHasEnough(t *testing.T) {
	for name, c := range map[string]struct {
		chain func(context.Context, rxgo.Observable) rxgo.Iterable
		after time.Duration
		want  string
	}{
		"First": {func(_ context.Context, o rxgo.Observable) rxgo.Iterable { return o.Map(identity).First() }, time.Minute, "0|"},
		"TakeUntil": {func(_ context.Context, o rxgo.Observable) rxgo.Iterable {
			return o.Map(identity).TakeUntil(func(v any) bool { return v == 1 })
		}, 2 * time.Minute, "01|"},
		"TakeWhile": {func(_ context.Context, o rxgo.Observable) rxgo.Iterable {
			return o.TakeWhile(func(v any) bool { return v != 1 }).Map(identity)
		}, 2 * time.Minute, "0|"},
		"ElementAt": {func(_ context.Context, o rxgo.Observable) rxgo.Iterable { return o.ElementAt(1) }, 2 * time.Minute, "1|"},
		"Take, which completes at the item after": {func(_ context.Context, o rxgo.Observable) rxgo.Iterable { return o.Map(identity).Take(1) }, 2 * time.Minute, "0|"},
		"an item of the wrong type":               {func(_ context.Context, o rxgo.Observable) rxgo.Iterable { return rxgo.Just("a")() }, 0, "#rx: item of the wrong type: got string, want int"},
	} {
		bubble(t, name, func(t *testing.T) {
			var s source[int]
			var r trace
			began := time.Now()
			sub := traced(&r, rx.PipeContext[int](s.emitting(time.Minute, stay, numbers(100)...), c.chain))
			<-sub.Done()
			synctest.Wait()
			if n, took := s.active.Load(), time.Since(began); n != 0 || took != c.after {
				t.Errorf("%d subscriptions are left after %v", n, took)
			}
			if got := strings.Join(r.all(), ""); got != c.want {
				t.Errorf("saw %q, want %q", got, c.want)
			}
		})
	}
}

func TestPipeContextReleasesWhatStandsBeforeAnOperatorThatEndsByItself(t *testing.T) {
	for name, chain := range map[string]func(context.Context, rxgo.Observable) rxgo.Iterable{
		"Retry before First": func(ctx context.Context, o rxgo.Observable) rxgo.Iterable {
			return o.Map(identity).Retry(9, always, rxgo.WithContext(ctx)).First()
		},
		"StartWith before Take": func(ctx context.Context, o rxgo.Observable) rxgo.Iterable {
			return o.StartWith(o, rxgo.WithContext(ctx)).Map(identity).Take(1)
		},
		"FlatMap before an error": func(ctx context.Context, o rxgo.Observable) rxgo.Iterable {
			twice := func(item rxgo.Item) rxgo.Observable { return rxgo.Just(item.V, item.V)() }
			return o.FlatMap(twice, rxgo.WithContext(ctx)).Map(func(context.Context, any) (any, error) { return nil, errBroken })
		},
	} {
		bubble(t, name, func(t *testing.T) { // which fails if a goroutine is left
			var s source[int]
			<-rx.PipeContext[int](s.emitting(0, stay, numbers(9)...), chain).Subscribe(nil).Done()
			if n := s.active.Load(); n != 0 {
				t.Errorf("%d subscriptions are left", n)
			}
		})
	}
}

func TestPipeAndItsSubscriber(t *testing.T) {
	bubble(t, "a panic in the function that makes the chain ends that subscription", func(t *testing.T) {
		obs := rx.Pipe[int](leadership.Never[int](), func(rxgo.Observable) rxgo.Observable { panic("oh") })
		sub := obs.Subscribe(nil)
		<-sub.Done()
		var caught *leadership.PanicError
		if !errors.As(sub.Err(), &caught) || caught.Value != "oh" {
			t.Errorf("ended by %v", sub.Err())
		}
	})
	bubble(t, "a panic behind the chain, too, and it releases all", func(t *testing.T) {
		var s source[int]
		sub := rx.PipeContext[int](s.emitting(0, stay, 1, 2), chains["flatMap"]).Subscribe(func(int) { panic("oh") })
		<-sub.Done()
		var caught *leadership.PanicError
		if !errors.As(sub.Err(), &caught) || s.active.Load() != 0 {
			t.Errorf("ended by %v", sub.Err())
		}
	})
	bubble(t, "a panic before the chain passes by rxgo's Retry", func(t *testing.T) {
		var s source[int]
		obs := operators.Map(s.emitting(0, stay, 1, 2), func(int) int { panic("oh") })
		sub := rx.PipeContext[int](obs, chains["retry"]).Subscribe(nil)
		<-sub.Done()
		var caught *leadership.PanicError
		if !errors.As(sub.Err(), &caught) || s.total.Load() != 1 || s.active.Load() != 0 {
			t.Errorf("ended by %v after %d subscriptions", sub.Err(), s.total.Load())
		}
	})
	bubble(t, "operators see the values of the subscriber's context", func(t *testing.T) {
		type key struct{}
		var r trace
		obs := rx.Pipe[string](leadership.Just(1), func(o rxgo.Observable) rxgo.Observable {
			return o.Map(func(ctx context.Context, _ any) (any, error) { return ctx.Value(key{}), nil })
		})
		<-traced(&r, obs, leadership.WithContext(context.WithValue(t.Context(), key{}, "mine"))).Done()
		r.is(t, "mine", "|")
	})
	bubble(t, "an error waits no longer than the subscription for a chain that does not read it", func(t *testing.T) {
		obs := rx.Pipe[int](leadership.Throw[int](errBroken), func(o rxgo.Observable) rxgo.Observable {
			o.Observe()
			return o.Filter(func(any) bool { return true }).Skip(9)
		})
		sub := obs.Subscribe(nil)
		<-sub.Done()
		if !errors.Is(sub.Err(), errBroken) {
			t.Errorf("ended by %v", sub.Err())
		}
	})
	bubble(t, "a chain that never closes gets a second", func(t *testing.T) {
		sub := rx.Pipe[int](leadership.Just(1), func(rxgo.Observable) rxgo.Observable { return rxgo.Never() }).Subscribe(nil)
		synctest.Wait()
		began := time.Now()
		sub.Unsubscribe()
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v", took)
		}
	})
	bubble(t, "Unsubscribe from a function within the chain does not wait for itself for ever", func(t *testing.T) {
		var s source[int]
		subs := make(chan *leadership.Subscription, 1)
		sub := rx.Pipe[int](s.emitting(time.Minute, stay, 1, 2), func(o rxgo.Observable) rxgo.Observable {
			return o.Filter(func(any) bool {
				(<-subs).Unsubscribe()
				return true
			})
		}).Subscribe(func(int) { t.Error("called after the end") })
		subs <- sub
		<-sub.Done()
	})
}
