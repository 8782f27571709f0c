package rx_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reactivex/rxgo/v2"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/rx"
)

// TestWhatIsWrongInRxgo shows the faults that the package comment tells of, without the bridge: if one of them is gone some day, so
// may be what the bridge does about it.
func TestWhatIsWrongInRxgo(t *testing.T) {
	bubble(t, "one observer that does not read stops all of an event source, and Drop loses items", func(t *testing.T) {
		for _, strategy := range []rxgo.BackpressureStrategy{rxgo.Block, rxgo.Drop} {
			ctx, cancel := context.WithCancel(t.Context())
			source := make(chan rxgo.Item)
			o := rxgo.FromEventSource(source, rxgo.WithContext(ctx), rxgo.WithBackPressureStrategy(strategy))
			o.Observe() // and does not read
			busy := o.Observe()
			source <- rxgo.Of(1)
			synctest.Wait()
			select {
			case item := <-busy:
				t.Errorf("strategy %v: the other one got %v", strategy, item)
			case <-time.After(time.Hour):
			}
			cancel()
		}
	})
	bubble(t, "observers of Create share the items", func(t *testing.T) {
		o := rxgo.Create([]rxgo.Producer{func(_ context.Context, next chan<- rxgo.Item) {
			for v := range 10 {
				next <- rxgo.Of(v)
			}
		}})
		a, b := o.Observe(), o.Observe()
		<-a
		if got := len(all(b)); got != 10 { // with the end
			t.Errorf("the second one got %d", got-1)
		}
	})
	bubble(t, "the end of the context looks like a completion", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		items := rxgo.Defer([]rxgo.Producer{func(ctx context.Context, _ chan<- rxgo.Item) { <-ctx.Done() }}).Map(identity).Observe(rxgo.WithContext(ctx))
		cancel()
		if got := all(items); !slices.Equal(got, []string{"|"}) {
			t.Errorf("saw %q", got)
		}
	})
	bubble(t, "Debounce drops what it holds at the end", func(t *testing.T) {
		if got := all(rxgo.Just(1)().Debounce(second).Observe()); !slices.Equal(got, []string{"|"}) {
			t.Errorf("saw %q", got)
		}
	})
	bubble(t, "Take(1) completes at the second item", func(t *testing.T) {
		began := time.Now()
		var s source[int]
		ctx, cancel := context.WithCancel(t.Context())
		got := all(rx.To(s.emitting(time.Minute, stay, 1, 2)).Take(1).Observe(rxgo.WithContext(ctx)))
		if !slices.Equal(got, []string{"1", "|"}) || time.Since(began) != 2*time.Minute {
			t.Errorf("saw %q after %v", got, time.Since(began))
		}
		cancel() // which nobody else does: the source would stay
	})
}

// fatal are the faults that end the process.
var fatal = map[string]struct {
	want string
	run  func()
}{
	"a panic in a function given to an operator": {"oh", func() {
		rx.Pipe[int](leadership.Just(1), func(o rxgo.Observable) rxgo.Observable {
			return o.Map(func(context.Context, any) (any, error) { panic("oh") })
		}).Subscribe(nil)
	}},
	"a second Observe of Debounce": {"close of closed channel", func() {
		o := rxgo.Empty().Debounce(second)
		all(o.Observe())
		all(o.Observe())
	}},
	"the end of BackOffRetry's own context": {"close of closed channel", func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		rx.Pipe[int](leadership.Never[int](), func(o rxgo.Observable) rxgo.Observable {
			return o.BackOffRetry(everySecond{}, rxgo.WithContext(ctx))
		}).Subscribe(nil)
	}},
	"a key that can't be compared": {"comparing uncomparable type", func() {
		all(rxgo.Defer([]rxgo.Producer{func(_ context.Context, next chan<- rxgo.Item) {
			next <- rxgo.Of(list{})
			next <- rxgo.Of(list{})
		}}).DistinctUntilChanged(identity).Observe())
	}},
}

// TestWhatEndsTheProcess runs each fatal fault in a process of its own.
func TestWhatEndsTheProcess(t *testing.T) {
	const variable = "RX_TEST_FATAL"
	if name := os.Getenv(variable); name != "" {
		fatal[name].run()
		time.Sleep(10 * time.Second)
		return
	}
	for name, c := range fatal {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWhatEndsTheProcess$")
			cmd.Env = append(os.Environ(), variable+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "panic: "+c.want) && !strings.Contains(string(out), "error: "+c.want) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
