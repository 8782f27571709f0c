package robridge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samber/lo"
	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
	robridge "github.com/leadership-go/leadership/bridges/ro"
	"github.com/leadership-go/leadership/operators"
)

// chain is what stands in the middle of a pipe.
type chain = func(ro.Observable[int]) ro.Observable[int]

// chains are operators of each kind that ro has: with and without goroutines, locks, timers, waiting within Subscribe or not.
var chains = map[string]chain{
	"nothing":    identity[ro.Observable[int]],
	"map":        ro.Map(identity[int]),
	"filter":     ro.Filter(func(int) bool { return true }),
	"distinct":   ro.Distinct[int](),
	"scan":       ro.Scan(func(a, b int) int { return a + b }, 0),
	"take":       ro.Take[int](1),
	"first":      ro.First(func(int) bool { return true }),
	"last":       ro.Last(func(int) bool { return true }),
	"skip":       ro.Skip[int](1),
	"startWith":  ro.StartWith(7),
	"endWith":    ro.EndWith(7),
	"tap":        ro.TapOnFinalize[int](func() {}),
	"serialize":  ro.Serialize[int](),
	"context":    ro.ContextWithValue[int]("key", "value"),
	"throw":      ro.ThrowOnContextCancel[int](),
	"retry":      ro.Retry[int](),
	"retryDelay": ro.RetryWithConfig[int](ro.RetryConfig{Delay: time.Hour}),
	"catch":      ro.Catch(func(err error) ro.Observable[int] { return ro.Throw[int](err) }),
	"repeat":     ro.RepeatWith[int](3),
	"while":      ro.While[int](func() bool { return true }),
	"doWhile":    ro.DoWhile[int](func() bool { return true }),
	"timeout":    ro.Timeout[int](time.Hour),
	"throttle":   ro.ThrottleTime[int](time.Millisecond),
	"sample":     ro.SampleTime[int](time.Second),
	"delayEach":  ro.DelayEach[int](time.Millisecond),
	"concat":     func(o ro.Observable[int]) ro.Observable[int] { return ro.ConcatWith(o)(o) },
	"merge":      func(o ro.Observable[int]) ro.Observable[int] { return ro.MergeWith(o, o)(o) },
	"race":       func(o ro.Observable[int]) ro.Observable[int] { return ro.RaceWith(o)(o) },
	"resume":     func(o ro.Observable[int]) ro.Observable[int] { return ro.OnErrorResumeNextWith(o)(o) },
	"flatMap":    ro.FlatMap(func(v int) ro.Observable[int] { return ro.Of(v, v) }),
	"flatTimer": ro.FlatMap(func(v int) ro.Observable[int] {
		return ro.Map(func(time.Duration) int { return v })(ro.Timer(time.Hour))
	}),
	"flatChannel": ro.FlatMap(func(int) ro.Observable[int] { return ro.FromChannel(make(chan int)) }),
	"retryFlatChannel": func(o ro.Observable[int]) ro.Observable[int] {
		return ro.Pipe2(o, ro.FlatMap(func(v int) ro.Observable[int] { return ro.RepeatWithInterval(v, 99, time.Hour) }), ro.Retry[int]())
	},
	"mergeMap": func(o ro.Observable[int]) ro.Observable[int] {
		return ro.MergeMap(func(v int) ro.Observable[int] { return ro.RepeatWithInterval(v, 9, time.Second) })(o)
	},
	"takeUntil": func(o ro.Observable[int]) ro.Observable[int] { return ro.TakeUntil[int](ro.Interval(time.Hour))(o) },
	"observeOn": ro.ObserveOn[int](2),
	"subscribeOn": func(o ro.Observable[int]) ro.Observable[int] {
		return ro.Pipe2(o, ro.SubscribeOn[int](2), ro.Map(identity[int]))
	},
	"share": func(o ro.Observable[int]) ro.Observable[int] {
		return ro.Pipe2(o, ro.Share[int](), ro.Map(identity[int]))
	},
	"shareReplay": func(o ro.Observable[int]) ro.Observable[int] { return ro.ShareReplay[int](2)(o) },
	"zip": func(o ro.Observable[int]) ro.Observable[int] {
		return ro.Map(func(values lo.Tuple2[int, int]) int { return values.A })(ro.Zip2(o, o))
	},
	"combine": func(o ro.Observable[int]) ro.Observable[int] {
		return ro.Map(func(values []any) int { return values[0].(int) })(ro.CombineLatestAny(ro.Map(toAny)(o), ro.Map(toAny)(o)))
	},
	"group": func(o ro.Observable[int]) ro.Observable[int] {
		return ro.Pipe2(o, ro.GroupBy(func(v int) int { return v % 2 }), ro.MergeAll[int]())
	},
	"window": func(o ro.Observable[int]) ro.Observable[int] {
		return ro.Pipe2(o, ro.WindowWhen[int](ro.Interval(time.Second)), ro.MergeAll[int]())
	},
	"buffer": func(o ro.Observable[int]) ro.Observable[int] {
		return ro.Pipe2(o, ro.BufferWithTimeOrCount[int](2, time.Second), ro.Flatten[int]())
	},
	"materialize": func(o ro.Observable[int]) ro.Observable[int] {
		return ro.Pipe2(o, ro.Materialize[int](), ro.Dematerialize[int]())
	},
	"nested": func(o ro.Observable[int]) ro.Observable[int] {
		return ro.FlatMap(func(int) ro.Observable[int] { return robridge.To(leadership.Never[int]()) })(o)
	},
}

// delayed burns time while a subscriber stands still, which no bubble likes.
var delayed = ro.Delay[int](time.Millisecond)

func toAny(v int) any { return v }

func TestCancelIsNoCompletion(t *testing.T) {
	for name, chain := range chains {
		bubble(t, name, func(t *testing.T) {
			var s counted[int]
			var r trace
			ctx, cancel := context.WithCancelCause(t.Context())
			sub := traced(&r, robridge.Pipe(s.emitting(time.Minute, stay, numbers(100)...), chain), leadership.WithContext(ctx))
			time.Sleep(30 * time.Second)
			cancel(errors.New("enough"))
			began := time.Now()
			<-sub.Done()
			if err := sub.Err(); err == nil || err.Error() != "enough" {
				t.Errorf("ended by %v", err)
			}
			s.released(t, 1)
			if took := time.Since(began); took != 0 && took != 50*time.Millisecond { // the latter where ro waits for its source
				t.Errorf("took %v", took)
			}
			for _, what := range r.all() {
				if strings.HasPrefix(what, "#") || what == "|" {
					t.Errorf("saw %q", what)
				}
			}
			time.Sleep(time.Hour) // timers of ro's own
		})
	}
}

// TestCancelOfChainsThatStandStill is by the real clock, as chains that stand still hold locks.
func TestCancelOfChainsThatStandStill(t *testing.T) {
	all := maps.Clone(chains)
	all["delay"] = delayed
	for name, chain := range all {
		t.Run(name, func(t *testing.T) {
			var s counted[int]
			block := make(chan struct{})
			sub := robridge.Pipe(s.emitting(time.Millisecond, stay, numbers(100)...), chain).Subscribe(func(int) { <-block })
			time.Sleep(20 * time.Millisecond)
			time.AfterFunc(20*time.Millisecond, func() { close(block) })
			sub.Unsubscribe()
			letGo(t)
			s.released(t, 1)
			if err := sub.Err(); err != nil && !errors.Is(err, leadership.ErrUnsubscribed) {
				t.Errorf("ended by %v", err)
			}
		})
	}
}

// letGo waits until no passage waits for ro any more. Which chain is over is told by its goroutine, which ends a moment after Unsubscribe.
func letGo(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	stacks := make([]byte, 1<<20)
	for {
		now := stacks[:runtime.Stack(stacks, true)]
		if !bytes.Contains(now, []byte("(*passage).release")) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("ro has not let go:\n%s", now)
		}
		runtime.Gosched()
	}
}

func TestThousandCancelledChainsLeaveNothing(t *testing.T) {
	for name, through := range map[string]func(leadership.Observable[int], chain) leadership.Observable[int]{
		"Pipe": func(src leadership.Observable[int], c chain) leadership.Observable[int] { return robridge.Pipe(src, c) },
		"To and From": func(src leadership.Observable[int], c chain) leadership.Observable[int] {
			return leadership.Defer(func() leadership.Observable[int] { return robridge.From(c(robridge.To(src))) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			all := maps.Clone(chains)
			all["delay"] = delayed
			if name != "Pipe" { // without which their teardowns race with values that are on their way
				delete(all, "group")
				delete(all, "observeOn")
				delete(all, "subscribeOn")
			}
			before := runtime.NumGoroutine()
			var s counted[int]
			var leaving sync.WaitGroup
			alive := make(chan struct{}, 50)
			for i := range 1000/len(all) + 1 {
				for _, chain := range all {
					alive <- struct{}{}
					begun, first := make(chan struct{}, 100), make(chan int, 100)
					src := leadership.Defer(func() leadership.Observable[int] {
						begun <- struct{}{}
						return s.emitting(time.Microsecond, stay, numbers(10)...)
					})
					sub := through(src, chain).Subscribe(func(v int) { first <- v })
					leaving.Go(func() {
						defer func() { <-alive }()
						if i%3 > 0 { // else perhaps before it has begun
							<-begun
							select {
							case <-first:
							case <-time.After(5 * time.Millisecond):
							}
						}
						sub.Unsubscribe()
					})
				}
			}
			leaving.Wait()
			// What ro has of its own ends on its own, a moment later.
			deadline := time.Now().Add(10 * time.Second)
			for runtime.NumGoroutine() > before || s.active.Load() > 0 {
				if time.Now().After(deadline) {
					stacks := make([]byte, 1<<20)
					t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
				}
				time.Sleep(10 * time.Millisecond)
			}
			s.released(t, 600)
		})
	}
}

func TestPipe(t *testing.T) {
	var s counted[int]
	three := s.emitting(time.Minute, complete, 1, 2, 3)
	failing := s.emitting(time.Minute, fail, 1)
	text := ro.Map(func(v int) string { return fmt.Sprint(v) })
	for name, c := range map[string]struct {
		obs  leadership.Observable[string]
		want string
	}{
		"values and completion": {robridge.Pipe(three, text), "1 2 3 |"},
		"within Subscribe":      {robridge.Pipe(leadership.Just(1, 2, 3), text), "1 2 3 |"},
		"an error is the end":   {robridge.Pipe(failing, text), "1 #broken"},
		"retry subscribes again": {robridge.Pipe(failing, func(o ro.Observable[int]) ro.Observable[string] {
			return ro.Pipe2(o, text, ro.RetryWithConfig[string](ro.RetryConfig{MaxRetries: 2}))
		}), "1 1 1 #broken"},
		"one catches it":          {robridge.Pipe(failing, func(o ro.Observable[int]) ro.Observable[string] { return ro.Pipe2(o, text, ro.OnErrorReturn("caught")) }), "1 caught |"},
		"an error of an operator": {robridge.Pipe(three, ro.MapErr(func(int) (string, error) { return "", errBroken })), "#broken"},
		"no observable":           {robridge.Pipe(three, func(ro.Observable[int]) ro.Observable[string] { return nil }), "#leadership: invalid config: robridge.Pipe chain must not return nil"},
		"no chain":                {robridge.Pipe[int, string](three, nil), "#leadership: invalid config: robridge.Pipe chain must not be nil"},
		"ours retry, too":         {operators.Retry(robridge.Pipe(failing, text), operators.RetryPolicy{Max: 1}), "1 1 #broken"},
		"in the middle of ours":   {operators.Filter(robridge.Pipe(operators.Map(three, func(v int) int { return 10 * v }), text), func(v string) bool { return v != "20" }), "10 30 |"},
		"the source is not used":  {robridge.Pipe(three, func(ro.Observable[int]) ro.Observable[string] { return ro.Of("a") }), "a |"},
		"the source is used twice": {robridge.Pipe(three, func(o ro.Observable[int]) ro.Observable[string] {
			return text(ro.ConcatWith(o)(o))
		}), "1 2 3 1 2 3 |"},
	} {
		bubble(t, name, func(t *testing.T) {
			for range 2 { // the second subscription sees the same
				var r trace
				<-traced(&r, c.obs).Done()
				if got := strings.Join(r.all(), " "); got != c.want {
					t.Errorf("saw %q, want %q", got, c.want)
				}
			}
			s.released(t, 0)
		})
	}
}

func TestPipeReleasesItsSourceWhenTheChainHasEnough(t *testing.T) {
	for name, c := range map[string]struct {
		chain chain
		after time.Duration
		want  string
	}{
		"Take": {func(o ro.Observable[int]) ro.Observable[int] {
			return ro.Pipe2(o, ro.Map(identity[int]), ro.Take[int](1))
		}, time.Minute, "0|"},
		"First":     {ro.First(func(v int) bool { return v == 1 }), 2 * time.Minute, "1|"},
		"TakeWhile": {ro.TakeWhile(func(v int) bool { return v < 1 }), 2 * time.Minute, "0|"},
		"TakeUntil": {ro.TakeUntil[int](ro.Interval(90 * time.Second)), 90 * time.Second, "0|"},
		"ElementAt": {ro.ElementAt[int](1), 2 * time.Minute, "1|"},
		"a panic":   {ro.Map(func(int) int { panic("oh") }), time.Minute, "#ro.Observer: unexpected error: oh"},
		"ThrowIfEmpty": {func(o ro.Observable[int]) ro.Observable[int] {
			return ro.ThrowIfEmpty[int](func() error { return errBroken })(ro.Take[int](0)(o))
		}, 0, "#broken"},
	} {
		bubble(t, name, func(t *testing.T) {
			var s counted[int]
			var r trace
			began := time.Now()
			sub := robridge.Pipe(s.emitting(time.Minute, complete, numbers(100)...), c.chain).Subscribe(
				func(v int) { r.add(fmt.Sprint(v)) },
				leadership.OnError(func(err error) {
					s.released(t, 0)
					r.add("#" + err.Error())
				}),
				leadership.OnComplete(func() {
					s.released(t, 0)
					r.add("|")
				}))
			<-sub.Done()
			synctest.Wait()
			s.released(t, 0)
			if took := time.Since(began); took != c.after {
				t.Errorf("took %v", took)
			}
			if got := strings.Join(r.all(), ""); got != c.want {
				t.Errorf("saw %q, want %q", got, c.want)
			}
		})
	}
}

func TestPipeAndItsSubscriber(t *testing.T) {
	bubble(t, "a panic in the function that makes the chain ends that subscription", func(t *testing.T) {
		obs := robridge.Pipe(leadership.Never[int](), func(o ro.Observable[int]) ro.Observable[int] { return ro.Take[int](-1)(o) })
		sub := obs.Subscribe(nil)
		<-sub.Done()
		if err, ok := panicValue(sub.Err()).(error); !ok || !errors.Is(err, ro.ErrTakeWrongCount) {
			t.Errorf("ended by %v", sub.Err())
		}
	})
	bubble(t, "a panic behind the chain, too, and it releases all", func(t *testing.T) {
		var s counted[int]
		sub := robridge.Pipe(s.emitting(0, stay, 1, 2), chains["flatMap"]).Subscribe(func(int) { panic("oh") })
		<-sub.Done()
		if panicValue(sub.Err()) != "oh" {
			t.Errorf("ended by %v", sub.Err())
		}
		s.released(t, 1)
	})
	bubble(t, "a panic before the chain passes by ro's Retry", func(t *testing.T) {
		var s counted[int]
		obs := operators.Map(s.emitting(0, stay, 1, 2), func(int) int { panic("oh") })
		sub := robridge.Pipe(obs, chains["retry"]).Subscribe(nil)
		<-sub.Done()
		if panicValue(sub.Err()) != "oh" || s.total.Load() != 1 {
			t.Errorf("ended by %v after %d subscriptions", sub.Err(), s.total.Load())
		}
		s.released(t, 1)
	})
	bubble(t, "a panic that gets out of the chain", func(t *testing.T) {
		var s counted[int]
		obs := robridge.Pipe(s.emitting(0, stay, 1, 2), func(o ro.Observable[int]) ro.Observable[int] {
			return ro.NewObservable(func(ro.Observer[int]) ro.Teardown { return o.Subscribe(newPanicking[int]()).Unsubscribe })
		})
		sub := operators.Retry(obs, operators.RetryPolicy{Max: 3}).Subscribe(nil)
		<-sub.Done()
		if panicValue(sub.Err()) != "oh" || s.total.Load() != 1 {
			t.Errorf("ended by %v after %d subscriptions", sub.Err(), s.total.Load())
		}
		s.released(t, 1)
	})
	bubble(t, "operators see the values of the subscriber's context", func(t *testing.T) {
		type key struct{}
		var r trace
		obs := robridge.Pipe(leadership.Just(1), ro.MapWithContext(func(ctx context.Context, _ int) (context.Context, any) { return ctx, ctx.Value(key{}) }))
		<-traced(&r, obs, leadership.WithContext(context.WithValue(t.Context(), key{}, "mine"))).Done()
		r.is(t, "mine", "|")
	})
	bubble(t, "a context of ro's own ends the source with an error", func(t *testing.T) {
		var s counted[int]
		var r trace
		obs := robridge.Pipe(s.emitting(time.Minute, stay, 1, 2), func(o ro.Observable[int]) ro.Observable[int] {
			return ro.NewObservableWithContext(func(ctx context.Context, d ro.Observer[int]) ro.Teardown {
				ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
				unsubscribe := o.SubscribeWithContext(ctx, d).Unsubscribe
				return func() {
					cancel()
					unsubscribe()
				}
			})
		})
		<-traced(&r, obs).Done()
		r.is(t, "1", "#context deadline exceeded")
		s.released(t, 1)
	})
	bubble(t, "a source that is subscribed to after the end fails at once", func(t *testing.T) {
		var s counted[int]
		var kept ro.Observable[int]
		<-robridge.Pipe(s.emitting(0, complete, 1), func(o ro.Observable[int]) ro.Observable[int] {
			kept = o
			return o
		}).Subscribe(nil).Done()
		var r trace
		kept.Subscribe(observer[int](&r))
		r.is(t, "#"+leadership.ErrUnsubscribed.Error())
	})
	bubble(t, "a chain of which nothing ends goes with Unsubscribe", func(t *testing.T) {
		sub := robridge.Pipe(leadership.Just(1), func(ro.Observable[int]) ro.Observable[struct{}] { return ro.Never() }).Subscribe(nil)
		synctest.Wait()
		began := time.Now()
		sub.Unsubscribe()
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v", took)
		}
	})
	bubble(t, "Unsubscribe from a function within the chain does not wait for itself for ever", func(t *testing.T) {
		var s counted[int]
		subs := make(chan *leadership.Subscription, 1)
		sub := robridge.Pipe(s.emitting(time.Minute, stay, 1, 2), func(o ro.Observable[int]) ro.Observable[int] {
			return ro.Filter(func(int) bool {
				(<-subs).Unsubscribe()
				return true
			})(o)
		}).Subscribe(func(int) { t.Error("called after the end") })
		subs <- sub
		<-sub.Done()
		s.released(t, 1)
	})
	bubble(t, "a slow subscriber gets all of a source that can wait", func(t *testing.T) {
		var seen []int
		err := robridge.Pipe(leadership.FromSlice(numbers(1000)), chains["map"]).ForEach(t.Context(), func(v int) {
			time.Sleep(time.Second)
			seen = append(seen, v)
		})
		if err != nil || !slices.Equal(seen, numbers(1000)) {
			t.Errorf("saw %d, %v", len(seen), err)
		}
	})
}
