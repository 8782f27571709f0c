package robridge_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/samber/lo"
	"github.com/samber/ro"
)

// TestWhatIsWrongInRo shows the traps that the package comment tells of, without the bridge: if one of them is gone some day, so may be what the
// bridge does about it.
func TestWhatIsWrongInRo(t *testing.T) {
	bubble(t, "what delivers within Subscribe does not hear that nobody listens any more", func(t *testing.T) {
		made := 0
		values, err := ro.Collect(ro.Pipe2(ro.Range(0, 1000), ro.Map(func(v int64) int64 { made++; return v }), ro.Take[int64](1)))
		if len(values) != 1 || err != nil || made != 1000 {
			t.Errorf("%d were made for %v, %v", made, values, err)
		}
	})
	bubble(t, "Retry, Concat and their like wait within Subscribe for what is hot", func(t *testing.T) {
		for name, operator := range map[string]func(ro.Observable[int]) ro.Observable[int]{
			"Retry":       ro.Retry[int](),
			"ConcatWith":  ro.ConcatWith(ro.Empty[int]()),
			"RepeatWith":  ro.RepeatWith[int](1),
			"SubscribeOn": ro.SubscribeOn[int](1),
		} {
			hot := ro.NewPublishSubject[int]()
			began := time.Now()
			time.AfterFunc(time.Hour, hot.Complete)
			operator(hot).Subscribe(ro.NoopObserver[int]())
			if took := time.Since(began); took != time.Hour {
				t.Errorf("%s: took %v", name, took)
			}
		}
	})
	bubble(t, "the end of the context is a completion here and an error there", func(t *testing.T) {
		var interval, never trace
		ctx, cancel := context.WithCancel(t.Context())
		ro.Interval(time.Hour).SubscribeWithContext(ctx, observer[int64](&interval))
		ro.Never().SubscribeWithContext(ctx, observer[struct{}](&never))
		cancel()
		time.Sleep(time.Second)
		interval.is(t, "|")
		never.is(t, "#context canceled")
	})
	bubble(t, "an error may be nil", func(t *testing.T) {
		seen := errBroken
		ro.Throw[int](nil).Subscribe(ro.OnError[int](func(err error) { seen = err }))
		if seen != nil {
			t.Errorf("got %v", seen)
		}
	})
	bubble(t, "values and a completion follow the error that a panic of the observer makes", func(t *testing.T) {
		var r trace
		ro.Of(1, 2).Subscribe(ro.NewObserver(
			func(v int) { panic(fmt.Sprint("oh ", v)) },
			func(err error) { r.add(err.Error()) },
			func() { r.add("|") }))
		r.is(t, "ro.Observer: unexpected error: oh 1", "ro.Observer: unexpected error: oh 2", "|")
	})
	bubble(t, "the subscriptions of MergeMapI share one index", func(t *testing.T) {
		o := ro.MergeMapI(func(_ int, i int64) ro.Observable[int64] { return ro.Of(i) })(ro.Of(7, 7))
		first, _ := ro.Collect(o)
		second, _ := ro.Collect(o)
		if !slices.Equal(first, []int64{0, 1}) || !slices.Equal(second, []int64{2, 3}) {
			t.Errorf("got %v and %v", first, second)
		}
	})
	bubble(t, "OnErrorResumeNextWith grows each time that it is applied", func(t *testing.T) {
		operator := ro.OnErrorResumeNextWith(ro.Of(9))
		first, _ := ro.Collect(operator(ro.Of(1)))
		second, _ := ro.Collect(operator(ro.Of(2)))
		if !slices.Equal(first, []int{1, 9}) || !slices.Equal(second, []int{2, 1, 9}) {
			t.Errorf("got %v and %v", first, second)
		}
	})
	bubble(t, "Concat goes on after an error", func(t *testing.T) {
		subscribed := false
		_, err := ro.Collect(ro.Concat(ro.Throw[int](errBroken), ro.Defer(func() ro.Observable[int] {
			subscribed = true
			return ro.Of(1)
		})))
		if !errors.Is(err, errBroken) || !subscribed {
			t.Errorf("%v, %t", err, subscribed)
		}
	})
	bubble(t, "Zip and Zip2 lose what comes from sources that are hot", func(t *testing.T) {
		var all, two trace
		ro.Zip(ro.RepeatWithInterval(1, 2, time.Minute), ro.Of(3, 4)).Subscribe(observer[[]int](&all))
		ro.Zip2(ro.RepeatWithInterval(1, 2, time.Minute), ro.Of(3, 4)).Subscribe(observer[lo.Tuple2[int, int]](&two))
		time.Sleep(time.Hour)
		all.is(t, "|")
		two.is(t)
	})
	bubble(t, "Share ends for all with the context of whoever came first", func(t *testing.T) {
		shared := ro.Share[int64]()(ro.Interval(time.Hour))
		ctx, cancel := context.WithCancel(t.Context())
		first := shared.SubscribeWithContext(ctx, ro.NoopObserver[int64]())
		var r trace
		shared.Subscribe(observer[int64](&r))
		time.Sleep(90 * time.Minute)
		first.Unsubscribe()
		cancel()
		time.Sleep(time.Second)
		r.is(t, "0", "|")
	})
	bubble(t, "Timeout breaks on values whose context has another type than the subscription's", func(t *testing.T) {
		_, err := ro.Collect(ro.Pipe2(ro.Of(1, 2), ro.ContextWithValue[int]("key", "value"), ro.Timeout[int](time.Second)))
		if err == nil || !strings.Contains(err.Error(), "inconsistently typed value") {
			t.Errorf("got %v", err)
		}
	})
}

// panicking is an observer of one's own kind, as opposed to one that ro makes: it lets a panic out.
type panicking[T any] struct{ ro.Observer[T] }

func newPanicking[T any]() panicking[T] { return panicking[T]{ro.NoopObserver[T]()} }

func (panicking[T]) NextWithContext(context.Context, T) { panic("oh") }

// fatal are the faults that stop a goroutine for ever, or end the process.
var fatal = map[string]struct {
	want string
	run  func()
}{
	"a Subject that is told of a value by its own observer": {"stopped", func() {
		s := ro.NewPublishSubject[int]()
		s.Subscribe(ro.OnNext(func(v int) {
			if v == 1 {
				s.Next(2)
			}
		}))
		s.Next(1)
	}},
	"a Subject that its own observer subscribes to": {"stopped", func() {
		s := ro.NewPublishSubject[int]()
		s.Subscribe(ro.OnNext(func(int) { s.Subscribe(ro.NoopObserver[int]()) }))
		s.Next(1)
	}},
	"a Subject while one observer does not return": {"stopped", func() {
		s := ro.NewPublishSubject[int]()
		called := make(chan struct{})
		s.Subscribe(ro.OnNext(func(int) { close(called); select {} }))
		go s.Next(1)
		<-called
		s.Next(2)
	}},
	"Unsubscribe behind GroupBy and MergeAll, from the observer": {"stopped", func() {
		s := ro.NewPublishSubject[int]()
		var sub ro.Subscription
		groups := ro.GroupBy(func(int) int { return 0 })(s)
		sub = ro.MergeAll[int]()(groups).Subscribe(ro.OnNext(func(v int) {
			if v == 2 {
				sub.Unsubscribe()
			}
		}))
		s.Next(1)
		s.Next(2)
	}},
	"a UnicastSubject whose subscriber has left before it has all that waited": {"stopped", func() {
		s := ro.NewUnicastSubject[int](9)
		s.Next(1)
		s.Next(2)
		var sub ro.Subscriber[int]
		sub = ro.NewSafeSubscriber(ro.OnNext(func(int) { sub.Unsubscribe() }))
		s.Subscribe(sub)
	}},
	"an observer that panics behind a lock": {"stopped", func() {
		ro.Serialize[int]()(ro.Of(1)).Subscribe(newPanicking[int]())
	}},
	"Delay before an observer that does not return": {"stopped", func() {
		s := ro.NewPublishSubject[int]()
		ro.Delay[int](time.Millisecond)(s).Subscribe(ro.OnNext(func(int) { select {} }))
		for { // until the second value is due, too, and everybody waits for it
			s.Next(1)
		}
	}},
	"a panic in Future": {"panic: oh", func() {
		ro.Future(func() (int, error) { panic("oh") }).Subscribe(ro.NoopObserver[int]()).Wait()
	}},
}

// TestWhatStopsForEver runs each fatal fault in a process of its own.
func TestWhatStopsForEver(t *testing.T) {
	const variable = "ROBRIDGE_TEST_FATAL"
	if name := os.Getenv(variable); name != "" {
		returned := make(chan struct{})
		go func() {
			defer close(returned)
			fatal[name].run()
		}()
		select {
		case <-returned:
			fmt.Println("returned")
		case <-time.After(500 * time.Millisecond):
			fmt.Println("stopped")
		}
		os.Exit(0)
	}
	for name, c := range fatal {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWhatStopsForEver$")
			cmd.Env = append(os.Environ(), variable+"="+name, "GORACE=atexit_sleep_ms=0")
			out, err := cmd.CombinedOutput()
			if !strings.Contains(string(out), c.want) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
