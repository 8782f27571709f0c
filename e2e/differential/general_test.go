package differential

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reactivex/rxgo/v2"
	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
)

// everything is the operator of a row that is true of all of them.
const everything = "(all)"

func generalDiffers() []difference {
	return []difference{
		{
			operator: everything,
			standard: "Who unsubscribes is told nothing more. It knows no contexts.",
			here:     "the end of the subscriber's context is neither a completion nor an error: Err of the subscription has its cause",
			rxgo: &deviation{
				does:  "closes its channel when the context ends, as a completion does",
				alone: cancelLooksLikeCompletion,
			},
			ro: &deviation{
				does:  "goes on when the context given to Subscribe ends, unless the source itself hears of it",
				alone: contextIsNotHeardOf,
			},
		},
		{
			operator: everything,
			standard: "An exception in a function given to an operator becomes an error of the stream, in RxJava and RxJS.",
			here:     "ends that one subscription with a PanicError, which Retry does not try again",
			rxgo: &deviation{
				does:  "ends the process",
				alone: func(t *testing.T) { endsTheProcess(t, "a panic in a function") },
			},
			ro: &deviation{
				does:  "makes an error of it, as others are: Retry tries again",
				alone: panicIsRetried,
			},
		},
		{
			operator: everything,
			standard: "Each subscription to a cold Observable gets all items.",
			here:     "each subscription has a state of its own",
			rxgo: &deviation{
				does:  "deals the items out between the observers of Merge, Concat, Amb, Retry, StartWith and others; a second Observe of Debounce, FlatMap and others ends the process",
				alone: secondObserver,
			},
		},
		{
			operator: "Retry",
			standard: "It subscribes to the source again after an error.",
			here:     "subscribes again",
			rxgo: &deviation{
				does:  "can't subscribe to Create again: the error is lost, and looks like a completion",
				alone: retryOverCreate,
			},
		},
		{
			operator: "Retry",
			standard: "Unsubscribing ends it.",
			here:     "a wait ends with the subscription",
			rxgo: &deviation{
				does:  "ends the process when the context given to BackOffRetry ends",
				alone: func(t *testing.T) { endsTheProcess(t, "the end of the context of BackOffRetry") },
			},
			ro: &deviation{
				does:  "holds Subscribe up until it has ended, so that nobody can unsubscribe",
				alone: subscribeBlocks(func(o ro.Observable[string]) ro.Observable[string] { return ro.Retry[string]()(o) }),
			},
		},
		{
			operator: "Concat",
			standard: "Who has subscribed can unsubscribe.",
			here:     "Subscribe returns when the sources have been subscribed to",
			ro: &deviation{
				does:  "holds Subscribe up until it has ended, so that nobody can unsubscribe",
				alone: subscribeBlocks(func(o ro.Observable[string]) ro.Observable[string] { return ro.Concat(o) }),
			},
		},
	}
}

// fatal are the faults that end the process, and what it says then.
var fatal = map[string]struct {
	says string
	run  func()
}{
	"a panic in a function": {"panic: oh", func() {
		drain(rxgo.Just(1)().Map(func(context.Context, any) (any, error) { panic("oh") }).Observe())
	}},
	"a second Observe of Debounce": {"panic: close of closed channel", func() {
		o := rxgo.Just(1)().Debounce(rxgo.WithDuration(time.Millisecond))
		drain(o.Observe())
		drain(o.Observe())
	}},
	"the end of the context of BackOffRetry": {"panic: close of closed channel", func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		drain(rxgo.Never().BackOffRetry(&constant{}, rxgo.WithContext(ctx)).Observe())
	}},
}

const fatalVariable = "DIFFERENTIAL_TEST_FATAL"

// TestFatal is what endsTheProcess runs in a process of its own.
func TestFatal(t *testing.T) {
	if name := os.Getenv(fatalVariable); name != "" {
		fatal[name].run()
		select {} // until the panic of another goroutine
	}
	for name := range fatal {
		t.Run(name, func(t *testing.T) { endsTheProcess(t, name) })
	}
}

func endsTheProcess(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestFatal$")
	cmd.Env = append(os.Environ(), fatalVariable+"="+name)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), fatal[name].says) {
		t.Errorf("%v\n%s", err, out)
	}
}

func drain(items <-chan rxgo.Item) []string {
	var got []string
	for item := range items {
		if item.Error() {
			got = append(got, failed+name(item.E))
			continue
		}
		got = append(got, text(item.V))
	}
	return got
}

func takeUntilTakesACondition(t *testing.T) {
	in := input{sources: []trace{{{1 * frame, "a1"}, {2 * frame, "a2"}, {3 * frame, "a3"}}}}
	got := staged(t, in, func(s *stage) { recordRx(s, s.rxSource(0).TakeUntil(func(v any) bool { return v == "a2" })) })
	if want := (trace{{1 * frame, "a1"}, {2 * frame, "a2"}, {2 * frame, completed}}); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func scanHasNoSeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		drain(rxgo.Just("a", "b")().Scan(func(_ context.Context, before, v any) (any, error) {
			if (before == nil) != first {
				t.Errorf("before %v it got %v", v, before)
			}
			first = false
			return v, nil
		}).Observe())
		if first {
			t.Error("it was not called")
		}
	})
}

func cancelLooksLikeCompletion(t *testing.T) {
	in := input{sources: []trace{{{1 * frame, "a1"}}}}
	var err error
	ours := staged(t, in, func(s *stage) {
		ctx, cancel := context.WithTimeout(s.ctx, 2*frame)
		defer cancel()
		sub := s.source(0).Subscribe(func(v string) { s.note(v) }, leadership.WithContext(ctx),
			leadership.OnError(s.failure), leadership.OnComplete(func() { s.note(completed) }))
		<-sub.Done()
		err = sub.Err()
	})
	if want := (trace{{1 * frame, "a1"}}); !slices.Equal(ours, want) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("here: %v, Err %v", ours, err)
	}
	rx := staged(t, in, func(s *stage) {
		ctx, cancel := context.WithTimeout(s.ctx, 2*frame)
		defer cancel()
		for item := range s.rxSource(0).Map(rxIdentity).Observe(rxgo.WithContext(ctx)) {
			s.note(text(item.V))
		}
		s.note(completed)
	})
	if want := (trace{{1 * frame, "a1"}, {2 * frame, completed}}); !slices.Equal(rx, want) {
		t.Errorf("rxgo: %v", rx)
	}
}

func contextIsNotHeardOf(t *testing.T) {
	in := input{sources: []trace{{{1 * frame, "a1"}, {3 * frame, "a2"}, {3 * frame, completed}}}}
	got := staged(t, in, func(s *stage) {
		ctx, cancel := context.WithTimeout(s.ctx, 2*frame)
		defer cancel()
		sub := ro.Map(upper)(s.roSource(0)).SubscribeWithContext(ctx, ro.NewObserver(s.note, s.failure, func() { s.note(completed) }))
		<-s.ctx.Done()
		sub.Unsubscribe()
	})
	if want := (trace{{1 * frame, "A1"}, {3 * frame, "A2"}, {3 * frame, completed}}); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func panicIsRetried(t *testing.T) {
	in := input{sources: []trace{{{1 * frame, "a1"}, {1 * frame, completed}}}}
	calls := 0
	once := func(v string) string {
		if calls++; calls == 1 {
			panic("oh")
		}
		return v
	}
	got := staged(t, in, func(s *stage) { recordRo(s, ro.Retry[string]()(ro.Map(once)(s.roAgain()))) })
	if want := (trace{{2 * frame, "a1"}, {2 * frame, completed}}); !slices.Equal(got, want) {
		t.Errorf("samber/ro: %v", got)
	}
	calls = 0
	var err error
	got = staged(t, in, func(s *stage) {
		sub := operators.Retry(operators.Map(s.again(), once), operators.RetryPolicy{}).Subscribe(s.note)
		<-sub.Done()
		err = sub.Err()
	})
	var p *leadership.PanicError
	if len(got) > 0 || !errors.As(err, &p) || p.Value != "oh" {
		t.Errorf("here: %v, Err %v", got, err)
	}
}

func secondObserver(t *testing.T) {
	values := []any{"a", "b", "c", "d"}
	for name, chain := range map[string]func() rxgo.Observable{
		"Merge":     func() rxgo.Observable { return rxgo.Merge([]rxgo.Observable{rxgo.Just(values...)()}) },
		"Concat":    func() rxgo.Observable { return rxgo.Concat([]rxgo.Observable{rxgo.Just(values...)()}) },
		"Amb":       func() rxgo.Observable { return rxgo.Amb([]rxgo.Observable{rxgo.Just(values...)()}) },
		"Retry":     func() rxgo.Observable { return rxgo.Just(values...)().Retry(0, nil) },
		"StartWith": func() rxgo.Observable { return rxgo.Empty().StartWith(rxgo.Just(values...)()) },
	} {
		synctest.Test(t, func(t *testing.T) {
			o := chain()
			first, second := o.Observe(), o.Observe()
			<-first
			if got := len(drain(second)); got != len(values)-1 {
				t.Errorf("%s: after the first one took an item, the second one got %d", name, got)
			}
		})
	}
	endsTheProcess(t, "a second Observe of Debounce")
	here := leadership.Just("a", "b")
	for name, o := range map[string]leadership.Observable[string]{
		"Merge":     operators.Merge(here),
		"Concat":    operators.Concat(here),
		"Race":      operators.Race(here),
		"Retry":     operators.Retry(here, operators.RetryPolicy{}),
		"StartWith": operators.StartWith(leadership.Empty[string](), "a", "b"),
		"FlatMap":   operators.FlatMap(here, func(v string) leadership.Observable[string] { return leadership.Just(v) }),
	} {
		for range 2 {
			var got []string
			o.Subscribe(func(v string) { got = append(got, v) })
			if !slices.Equal(got, []string{"a", "b"}) {
				t.Errorf("here, %s: got %v", name, got)
			}
		}
	}
	peer := ro.Just("a", "b")
	for name, o := range map[string]ro.Observable[string]{
		"Merge":     ro.Merge(peer),
		"Concat":    ro.Concat(peer),
		"Race":      ro.Race(peer),
		"Retry":     ro.Retry[string]()(peer),
		"StartWith": ro.StartWith("a", "b")(ro.Empty[string]()),
	} {
		for range 2 {
			if got, err := ro.Collect(o); len(got) != 2 || err != nil {
				t.Errorf("samber/ro, %s: got %v, %v", name, got, err)
			}
		}
	}
}

// subscribeBlocks shows that Subscribe returns only when the source, of 5 frames, has ended.
func subscribeBlocks(chain func(ro.Observable[string]) ro.Observable[string]) func(*testing.T) {
	return func(t *testing.T) {
		in := input{sources: []trace{{{5 * frame, completed}}}}
		for name, run := range map[string]struct {
			o    func(*stage) ro.Observable[string]
			want time.Duration
		}{
			"the source alone": {(*stage).roAgain, 0},
			"the operator":     {func(s *stage) ro.Observable[string] { return chain(s.roAgain()) }, 5 * frame},
		} {
			staged(t, in, func(s *stage) {
				sub := run.o(s).Subscribe(ro.NoopObserver[string]())
				if took := time.Since(s.start); took != run.want {
					t.Errorf("Subscribe of %s took %v", name, took)
				}
				sub.Unsubscribe()
			})
		}
	}
}

func retryOverCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		producer := func(_ context.Context, next chan<- rxgo.Item) {
			attempts++
			next <- rxgo.Of("a")
			next <- rxgo.Error(errRefused)
		}
		always := func(error) bool { return true }
		if got := drain(rxgo.Create([]rxgo.Producer{producer}).Retry(2, always).Observe()); !slices.Equal(got, []string{"a"}) || attempts != 1 {
			t.Errorf("over Create: %v, %d attempts", got, attempts)
		}
		attempts = 0
		if got := drain(rxgo.Defer([]rxgo.Producer{producer}).Retry(2, always).Observe()); len(got) != 4 || attempts != 3 {
			t.Errorf("over Defer: %v, %d attempts", got, attempts)
		}
	})
}
