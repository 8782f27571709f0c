package operators_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

// framed emits what a window does between an i, when it opens, and an o, when it is over.
func framed(window stream) stream {
	return operators.Concat(leadership.Just("i"), window, leadership.Just("o"))
}

// bounded makes windows of which one opens with each value of a diagram.
func bounded(diagram string) func(stream) stream {
	return func(s stream) stream { return operators.FlatMap(operators.Window(s, marble.Source(diagram)), framed) }
}

func counting(n int) func(stream) stream {
	return func(s stream) stream { return operators.FlatMap(operators.WindowCount(s, n), framed) }
}

func timed(frames int) func(stream) stream {
	return func(s stream) stream {
		return operators.FlatMap(operators.WindowTime(s, time.Duration(frames)*marble.Frame), framed)
	}
}

// itself makes of a window the stream that it is.
func itself[T any](window leadership.Observable[T]) leadership.Observable[T] { return window }

func TestWindow(t *testing.T) {
	spec(t, bounded("----x---"), "-a-b--c-|", "ia-b(oi)-c-(o|)")
	spec(t, bounded("-(xx)"), "a-b|", "(ia)(oioi)b(o|)")
	spec(t, bounded("--x-|"), "-a-b---c|", "ia(oi)b---c(o|)")
	spec(t, bounded("|"), "-a-|", "ia-(o|)")
	spec(t, bounded("--x-#"), "-a-b---c|", "ia(oi)b#")
	spec(t, bounded("--x"), "-a-b#", "ia(oi)b#")
	spec(t, bounded("--x"), "-|", "i(o|)")
	spec(t, bounded(""), "(ab|)", "(iabo|)")
	spec(t, bounded(""), "--", "i")
	t.Run("boundaries that are there at once come before the source", func(t *testing.T) {
		o := operators.FlatMap(operators.Window(leadership.Just("a"), leadership.Just(1, 2)), framed)
		heard := ""
		if err := o.ForEach(t.Context(), func(v string) { heard += v }); err != nil || heard != "ioioiao" {
			t.Errorf("heard %s, %v", heard, err)
		}
	})
	t.Run("windows that wait for their turn keep their values", func(t *testing.T) {
		slow := func(w stream) stream { return operators.Concat(w, marble.Source("------|")) }
		spec(t, func(s stream) stream { return operators.ConcatMap(operators.Window(s, marble.Source("--x-x")), slow) },
			"-a-b-c|", "-a------b-----c-----|")
	})
	t.Run("who leaves a window disturbs neither the source nor the other windows", func(t *testing.T) {
		spec(t, func(s stream) stream {
			return operators.FlatMap(operators.Window(s, marble.Source("----x")), taken(1))
		}, "-ab--cd|", "-a---c-|")
	})
}

func TestWindowCount(t *testing.T) {
	spec(t, counting(2), "-a-b-c-|", "ia-(boi)-c-(o|)")
	spec(t, counting(2), "-a-b|", "ia-(boi)(o|)")
	spec(t, counting(1), "(ab|)", "(iaoiboio|)")
	spec(t, counting(3), "-a-#", "ia-#")
	spec(t, counting(3), "|", "(io|)")
	spec(t, counting(3), "#", "(i#)")
}

func TestWindowTime(t *testing.T) {
	spec(t, timed(4), "-a-b--c-|", "ia-b(oi)-c-(o|)")
	spec(t, timed(2), "-a-----b|", "ia(oi)-(oi)-(oi)b(o|)")
	spec(t, timed(2), "--a-(b|)", "i-(aoi)-(bo|)")
	spec(t, timed(2), "-a-#", "ia(oi)#")
	t.Run("a boundary stands for those that a subscriber kept from coming", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			opened := 0
			sub := operators.WindowTime(leadership.Never[int](), marble.Frame).Subscribe(func(numbers) {
				if opened++; opened == 2 {
					time.Sleep(10*marble.Frame + marble.Frame/2) // on the goroutine of the timer
				}
			})
			time.Sleep(12*marble.Frame + marble.Frame/4)
			sub.Unsubscribe()
			if opened != 3 {
				t.Errorf("%d windows, want those of frames 0, 1 and 12", opened)
			}
		})
	})
}

func TestWhatIsSaidAfterTheTerminalOpensNothing(t *testing.T) {
	for _, fails := range []bool{false, true} {
		source := leadership.New(func(_ *leadership.Scope, out leadership.Observer[int]) {
			if fails {
				out.Error(marble.ErrMarble)
			} else {
				out.Complete()
			}
			out.Next(1)
			out.Error(errors.New("another"))
			out.Complete()
		})
		opened, told := 0, ""
		for name, o := range map[string]leadership.Observable[numbers]{
			"Window":      operators.Window(source, leadership.Never[int]()),
			"WindowCount": operators.WindowCount(source, 1),
			"GroupBy": operators.StartWith(operators.Map(operators.GroupBy(source, func(v int) int { return v }),
				func(g operators.Group[int, int]) numbers { return g.Observable }), leadership.Never[int]()),
		} {
			opened, told = 0, ""
			atEnd(t, o, func() { told += "." }).Subscribe(func(numbers) { opened++ })
			if opened != 1 || told != "." {
				t.Errorf("%s: %d opened, %d terminals", name, opened, len(told))
			}
		}
	}
}

func TestWindowBadInput(t *testing.T) {
	for _, tt := range []struct {
		o    leadership.Observable[numbers]
		want string
	}{
		{operators.WindowCount(leadership.Just(1), 0), "operators.WindowCount n 0 must be at least 1"},
		{operators.WindowCount(leadership.Just(1), -1), "operators.WindowCount n -1 must be at least 1"},
		{operators.WindowTime(leadership.Just(1), 0), "operators.WindowTime d 0s must be more than 0"},
		{operators.WindowTime(leadership.Just(1), -time.Second), "operators.WindowTime d -1s must be more than 0"},
	} {
		if err := tt.o.ForEach(t.Context(), nil); !errors.Is(err, leadership.ErrInvalidConfig) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ended with %v, want %s", err, tt.want)
		}
	}
}

// collect subscribes to all that outer emits, each in a subscription of its own, and gives what these hear. With kept it does so only when
// asked for the result.
func collect(outer leadership.Observable[numbers], kept bool, opts ...leadership.SubscribeOption) (heard func() []string, sub *leadership.Subscription) {
	var (
		mu      sync.Mutex
		windows []numbers
		said    []string
	)
	listen := func(i int, w numbers) {
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			said[i] += what
		}
		w.Subscribe(func(v int) { note(fmt.Sprint(v)) },
			leadership.OnError(func(err error) { note(" " + err.Error()) }), leadership.OnComplete(func() { note("|") }))
	}
	sub = outer.Subscribe(func(w numbers) {
		mu.Lock()
		i := len(windows)
		windows, said = append(windows, w), append(said, "")
		mu.Unlock()
		if !kept {
			listen(i, w)
		}
	}, opts...)
	return func() []string {
		if kept {
			for i, w := range windows {
				listen(i, w)
			}
		}
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return said
	}, sub
}

func TestWindowOfAnotherSubscription(t *testing.T) {
	failure, cause := errors.New("failure"), errors.New("cause")
	const unsubscribed = " leadership: unsubscribed"
	for _, tt := range []struct {
		name   string
		source numbers
		end    func(sub *leadership.Subscription, cancel func())
		want   []string
	}{
		{"a completion ends the open window", leadership.Just(1, 2, 3), nil, []string{"12|", "3|"}},
		{"a failure does", operators.Concat(leadership.Just(1, 2, 3), leadership.Throw[int](failure)), nil, []string{"12|", "3 failure"}},
		{"Unsubscribe fails it", operators.Concat(leadership.Just(1, 2, 3), leadership.Never[int]()), func(sub *leadership.Subscription, _ func()) {
			sub.Unsubscribe()
		}, []string{"12|", "3" + unsubscribed}},
		{"the end of the context does", operators.Concat(leadership.Just(1, 2, 3), leadership.Never[int]()), func(_ *leadership.Subscription, cancel func()) {
			cancel()
		}, []string{"12|", "3 cause"}},
	} {
		for _, kept := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, subscribed to late %v", tt.name, kept), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancelCause(t.Context())
					heard, sub := collect(operators.WindowCount(tt.source, 2), kept, leadership.WithContext(ctx))
					if tt.end != nil {
						tt.end(sub, func() { cancel(cause) })
					}
					<-sub.Done()
					if got := heard(); fmt.Sprint(got) != fmt.Sprint(tt.want) {
						t.Errorf("heard %q, want %q", got, tt.want)
					}
					cancel(nil)
				})
			})
		}
	}
	t.Run("an error reaches the window, and then the whole", func(t *testing.T) {
		var told []string
		note := func(who string) leadership.SubscribeOption {
			return leadership.OnError(func(err error) { told = append(told, fmt.Sprint(who, " ", err)) })
		}
		o := operators.WindowCount(operators.Concat(leadership.Just(1), leadership.Throw[int](failure)), 2)
		o.Subscribe(func(w numbers) { w.Subscribe(nil, note("window")) }, note("whole"))
		if got := fmt.Sprint(told); got != "[window failure whole failure]" {
			t.Errorf("told %s", got)
		}
	})
	t.Run("a panic upstream fails it with the PanicError", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			heard, sub := collect(operators.WindowCount(operators.Map(leadership.Just(1), boom[int, int]), 2), false)
			var p *leadership.PanicError
			if got := heard(); len(got) != 1 || !strings.Contains(got[0], "boom") || !errors.As(sub.Err(), &p) {
				t.Errorf("heard %q, ended with %v", got, sub.Err())
			}
		})
	})
	t.Run("Take of windows fails the last one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			heard, sub := collect(operators.Take(operators.WindowCount(leadership.Just(1, 2, 3), 2), 2), false)
			if got, want := heard(), []string{"12|", unsubscribed}; fmt.Sprint(got) != fmt.Sprint(want) || sub.Err() != nil {
				t.Errorf("heard %q, want %q; ended with %v", got, want, sub.Err())
			}
			o := operators.FlatMap(operators.Take(operators.WindowCount(leadership.Just(1, 2, 3), 2), 2), itself)
			if err := o.ForEach(t.Context(), nil); !errors.Is(err, leadership.ErrUnsubscribed) {
				t.Errorf("FlatMap below ended with %v", err)
			}
		})
	})
	t.Run("Unsubscribe does not wait for who hears of it by a window", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gate := make(chan struct{})
			told := false
			sub := operators.Window(leadership.Never[int](), leadership.Never[int]()).Subscribe(func(w numbers) {
				w.Subscribe(nil, leadership.OnError(func(error) {
					<-gate
					told = true
				}))
			})
			sub.Unsubscribe()
			close(gate)
			synctest.Wait()
			if !told {
				t.Error("nobody told")
			}
		})
	})
	t.Run("a window has one subscriber", func(t *testing.T) {
		var windows []numbers
		operators.WindowCount(leadership.Just(1), 2).Subscribe(func(w numbers) { windows = append(windows, w) })
		heard := 0
		if err := windows[0].ForEach(t.Context(), func(v int) { heard += v }); err != nil || heard != 1 {
			t.Errorf("the first one heard %d, %v", heard, err)
		}
		for range 2 {
			if err := windows[0].ForEach(t.Context(), func(int) { t.Error("a value") }); !errors.Is(err, operators.ErrSubscribed) {
				t.Errorf("the next one ended with %v", err)
			}
		}
	})
	t.Run("a panic in its callback ends its subscription alone", func(t *testing.T) {
		var inner *leadership.Subscription
		sub := operators.WindowCount(leadership.Just(1, 2, 3), 5).Subscribe(func(w numbers) {
			inner = w.Subscribe(func(v int) {
				if v == 2 {
					panic("callback")
				}
			})
		})
		var p *leadership.PanicError
		if !errors.As(inner.Err(), &p) || p.Value != "callback" || sub.Err() != nil {
			t.Errorf("ended with %v, the whole with %v", inner.Err(), sub.Err())
		}
	})
	t.Run("its callback may unsubscribe the whole, and the whole's callback the window", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source := leadership.NewSubject[int]()
			var sub, inner *leadership.Subscription
			heard := 0
			sub = operators.WindowCount(source.AsObservable(), 2).Subscribe(func(w numbers) {
				if inner != nil {
					inner.Unsubscribe()
				}
				inner = w.Subscribe(func(v int) {
					heard += v
					if v == 3 {
						sub.Unsubscribe()
					}
				})
			})
			for v := range 9 {
				source.Next(v)
			}
			<-sub.Done()
			<-inner.Done()
			if heard != 0+1+2+3 || !errors.Is(inner.Err(), leadership.ErrUnsubscribed) {
				t.Errorf("heard %d, ended with %v", heard, inner.Err())
			}
		})
	})
	t.Run("when its subscription ends on its own, the source delivers to nobody", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source := leadership.NewSubject[int]()
			heard := ""
			ctx, cancel := context.WithCancel(t.Context())
			sub := operators.WindowCount(source.AsObservable(), 2).Subscribe(func(w numbers) {
				w.Subscribe(func(v int) { heard += fmt.Sprint(v) }, leadership.WithContext(ctx))
				ctx = t.Context()
			})
			source.Next(1)
			synctest.Wait()
			cancel()
			for v := range 3 {
				source.Next(v + 2)
			}
			synctest.Wait()
			sub.Unsubscribe()
			if heard != "134" {
				t.Errorf("heard %s", heard)
			}
		})
	})
}

func TestWindowKeepsNoMoreThanTheMailboxHolds(t *testing.T) {
	const overflow = " leadership: subscriber too slow, mailbox full"
	for _, tt := range []struct {
		values, mailbox int
		want            []string
	}{
		{2, 2, []string{"12|"}},
		{3, 2, []string{"12" + overflow}},
		{6, 2, []string{"12" + overflow, "6|"}}, // the source and the next window go on
		{256, 0, nil},
		{257, 0, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			values := make([]int, tt.values)
			for i := range values {
				values[i] = i + 1
			}
			size := 5
			if tt.mailbox == 0 {
				size = 1000
			}
			heard, sub := collect(operators.WindowCount(leadership.FromSlice(values), size), true, leadership.Mailbox(tt.mailbox))
			got := heard()
			switch {
			case sub.Err() != nil:
				t.Errorf("%d values: ended with %v", tt.values, sub.Err())
			case tt.want != nil && fmt.Sprint(got) != fmt.Sprint(tt.want):
				t.Errorf("%d values: heard %q, want %q", tt.values, got, tt.want)
			case tt.want == nil && strings.HasSuffix(got[0], "|") != (tt.values == 256):
				t.Errorf("%d values: heard %q", tt.values, got)
			}
		})
	}
}

// TestWindowsAndSubscribersThatRace has windows subscribed to on other goroutines, at any moment.
func TestWindowsAndSubscribersThatRace(t *testing.T) {
	t.Run("each value arrives once and in order, and each window ends", func(t *testing.T) {
		for range 60 {
			const n, size = 400, 7
			var all sync.WaitGroup
			heard := make([][]int, n/size+1)
			i := 0
			err := operators.WindowCount(leadership.FromSlice(make([]int, n)), size).ForEach(t.Context(), func(w numbers) {
				mine := i
				i++
				all.Go(func() {
					if err := operators.Scan(w, 0, func(sum, _ int) int { return sum + 1 }).ForEach(t.Context(), func(v int) {
						heard[mine] = append(heard[mine], v)
					}); err != nil {
						t.Error(err)
					}
				})
			})
			all.Wait()
			if err != nil {
				t.Fatal(err)
			}
			for i, values := range heard {
				want := min(size, n-i*size)
				if len(values) != want || want > 0 && values[want-1] != want {
					t.Fatalf("window %d heard %v", i, values)
				}
			}
		}
	})
	t.Run("unsubscribed at any moment, all windows end, and nothing comes after", func(t *testing.T) {
		for round := range 100 {
			var ended atomic.Int64
			var opened int64
			sub := operators.Window(ticks(t.Context(), 2*time.Microsecond), ticks(t.Context(), 5*time.Microsecond)).Subscribe(func(w numbers) {
				opened++
				listen := func() {
					w.Subscribe(nil, leadership.OnComplete(func() { ended.Add(1) }), leadership.OnError(func(err error) {
						if !errors.Is(err, leadership.ErrUnsubscribed) {
							t.Errorf("a window ended with %v", err)
						}
						ended.Add(1)
					}))
				}
				if opened%2 == 0 {
					go listen()
				} else {
					listen()
				}
			}, leadership.Mailbox(1<<20))
			for range round % 20 {
				runtime.Gosched()
			}
			sub.Unsubscribe()
			for ended.Load() != opened {
				runtime.Gosched()
			}
		}
	})
}

// length makes of a window how many values it had.
func length[T any](window leadership.Observable[T]) leadership.Observable[int] {
	return operators.Last(operators.Scan(operators.StartWith(operators.Map(window, func(T) int { return 1 }), 0), 0,
		func(n, more int) int { return n + more }))
}

func ExampleWindow() {
	var job, shift leadership.Observer[string]
	jobs := leadership.Create(func(_ *leadership.Scope, out leadership.Observer[string]) { job = out })
	shifts := leadership.Create(func(_ *leadership.Scope, out leadership.Observer[string]) { shift = out })
	show(operators.ConcatMap(operators.Window(jobs, shifts), length[string])) // jobs in each shift
	job.Next("a")
	job.Next("b")
	shift.Next("night")
	shift.Next("morning")
	job.Next("c")
	job.Complete()
	// Output: 2 0 1 |
}

func ExampleWindowCount() {
	lastOf := operators.Last[int]
	show(operators.ConcatMap(operators.WindowCount(leadership.Just(1, 2, 3, 4, 5), 2), lastOf))
	// Output: 2 4 5 |
}

func ExampleWindowTime() {
	// Within one second, each value passes but once.
	states := leadership.Just("elected", "notelected", "elected")
	show(operators.ConcatMap(operators.WindowTime(states, time.Second), operators.Distinct[string]))
	// Output: elected notelected |
}
