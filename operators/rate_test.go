package operators_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

func throttled(frames int, edge operators.ThrottleEdge) func(stream) stream {
	return func(s stream) stream { return operators.Throttle(s, time.Duration(frames)*marble.Frame, edge) }
}

func sampled(frames int) func(stream) stream {
	return func(s stream) stream { return operators.Sample(s, time.Duration(frames)*marble.Frame) }
}

func TestThrottle(t *testing.T) {
	const leading, trailing, both = operators.ThrottleLeading, operators.ThrottleTrailing, operators.ThrottleBoth
	for _, tt := range []struct {
		name                    string
		frames                  int
		source                  string
		leading, trailing, both string
	}{
		{
			"of several values in a window, those at its edges", 3,
			"-abc----d-ef----|",
			"-a------d-------|",
			"----c------f----|",
			"-a--c---d--f----|",
		},
		{
			"a value that is alone in its window is emitted once", 2,
			"-a----b----|",
			"-a----b----|",
			"---a----b--|",
			"-a----b----|",
		},
		{
			"one window after the other", 2,
			"abcdefg----|",
			"a--d--g----|",
			"--c-e-g----|",
			"a-c-e-g----|",
		},
		{
			"a window without a value is the last of its series", 2,
			"ab-----cd----|",
			"a------c-----|",
			"--b------d---|",
			"a-b----c-d---|",
		},
		{"several values in one frame", 2, "-(abc)---|", "-a---|", "---c-|", "-a-c-|"},
		{"what waits is emitted before the completion", 5, "-ab|", "-a-|", "---(b|)", "-a-(b|)"},
		{"what waits is emitted before an error", 5, "-ab#", "-a-#", "---(b#)", "-a-(b#)"},
		{"a value that is alone at the end is emitted once", 5, "-a|", "-a|", "--(a|)", "-a|"},
		{"the source goes on", 2, "-ab", "-a", "---b", "-a-b"},
		{"no value", 2, "---|", "---|", "---|", "---|"},
		{"an error alone", 2, "---#", "---#", "---#", "---#"},
		{"silence", 2, "", "", "", ""},
		{"no time", 0, "-(ab)c|", "-(ab)c|", "-(ab)c|", "-(ab)c|"},
		{"a negative time", -1, "-(ab)c#", "-(ab)c#", "-(ab)c#", "-(ab)c#"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec(t, throttled(tt.frames, leading), tt.source, tt.leading)
			spec(t, throttled(tt.frames, trailing), tt.source, tt.trailing)
			spec(t, throttled(tt.frames, both), tt.source, tt.both)
		})
	}
	t.Run("an edge that is none is bad input", func(t *testing.T) {
		for _, d := range []time.Duration{0, time.Second} {
			o := operators.Throttle(forbidden(t), d, both+1)
			err := o.ForEach(t.Context(), nil)
			const want = "leadership: invalid config: operators.Throttle edge 3 must be one of the ThrottleEdge constants"
			if !errors.Is(err, leadership.ErrInvalidConfig) || err.Error() != want {
				t.Errorf("ended with %v", err)
			}
		}
	})
	t.Run("a window counts from when its value came, however long the subscriber takes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, sub := marble.Record(unhurried(throttled(3, leading)(marble.Source("ab--cd--|")), 2))
			<-sub.Done()
			if got := r.Diagram(); got != "--a---c-|" {
				t.Errorf("got %s", got)
			}
		})
	})
}

func TestSample(t *testing.T) {
	spec(t, sampled(3), "-ab--c-----d-|", "---b--c-----d|")
	spec(t, sampled(2), "abcdefg-|", "--c-e-g-|")
	spec(t, sampled(3), "-----------a------b-|", "------------a-----b-|")
	spec(t, sampled(3), "-a--a-|", "---a--(a|)")
	spec(t, sampled(3), "---(ab)--|", "---b--|")
	spec(t, sampled(5), "-a-b|", "----(b|)")
	spec(t, sampled(5), "-a-b#", "----(b#)")
	spec(t, sampled(2), "--a--|", "--a--|")
	spec(t, sampled(2), "-----|", "-----|")
	spec(t, sampled(2), "-----#", "-----#")
	spec(t, sampled(2), "-a", "--a")
	spec(t, sampled(0), "-(ab)c|", "-(ab)c|")
	spec(t, sampled(-1), "-(ab)c#", "-(ab)c#")
	t.Run("it keeps to its times, whatever comes between", func(t *testing.T) {
		const d = time.Second
		synctest.Test(t, func(t *testing.T) {
			began, heard := time.Now(), 0
			o := operators.Sample(leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
				s.Go(func() {
					for v := range 500 {
						time.Sleep(time.Duration(v*v%4999) * time.Millisecond)
						out.Next(v)
					}
					time.Sleep(d)
					out.Complete()
				})
			}), d)
			if err := o.ForEach(t.Context(), func(int) {
				heard++
				if at := time.Since(began); at%d != 0 {
					t.Errorf("heard at %v", at)
				}
				time.Sleep(d / 3)
			}); err != nil || heard < 300 {
				t.Errorf("heard %d, %v", heard, err)
			}
		})
	})
}

// timedOperators are the operators with timers, for numbers.
var timedOperators = map[string]func(s numbers, d time.Duration) numbers{
	"Debounce": operators.Debounce[int],
	"Throttle, leading": func(s numbers, d time.Duration) numbers {
		return operators.Throttle(s, d, operators.ThrottleLeading)
	},
	"Throttle, trailing": func(s numbers, d time.Duration) numbers {
		return operators.Throttle(s, d, operators.ThrottleTrailing)
	},
	"Throttle, both": func(s numbers, d time.Duration) numbers {
		return operators.Throttle(s, d, operators.ThrottleBoth)
	},
	"Sample":     operators.Sample[int],
	"Delay":      operators.Delay[int],
	"Timeout":    func(s numbers, d time.Duration) numbers { return operators.Timeout(s, time.Minute+d) },
	"BufferTime": func(s numbers, d time.Duration) numbers { return flattened(operators.BufferTime(s, d)) },
	"BufferTimeOrCount": func(s numbers, d time.Duration) numbers {
		return flattened(operators.BufferTimeOrCount(s, d, 3))
	},
}

// What timedOperators do with what comes.
var (
	keepsFirst = []string{"Throttle, leading"}
	keepsAll   = []string{"Delay", "Timeout", "BufferTime", "BufferTimeOrCount"}
)

func flattened[T any](buffers leadership.Observable[[]T]) leadership.Observable[T] {
	return operators.ConcatMap(buffers, leadership.FromSlice[T])
}

// forbidden is a source that must not be subscribed to.
func forbidden(t *testing.T) numbers {
	return leadership.New(func(*leadership.Scope, leadership.Observer[int]) { t.Error("subscribed") })
}

// unhurried takes some frames for each value before it passes it on.
func unhurried(s stream, frames int) stream {
	return operators.Map(s, func(v string) string {
		time.Sleep(time.Duration(frames) * marble.Frame)
		return v
	})
}

// tallied counts in open how many subscriptions to o are not released.
func tallied[T any](open *atomic.Int32, o leadership.Observable[T]) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		open.Add(1)
		s.OnEnd(func() { open.Add(-1) })
		o.SubscribeIn(s, out)
	})
}

func TestWithTimersASlowSubscriberIsCalledInOrderAndOneAtATime(t *testing.T) {
	for name, op := range timedOperators {
		for _, end := range []error{nil, marble.ErrMarble} {
			t.Run(fmt.Sprint(name, ", ended with ", end), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const n = 40
					source := leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
						s.Go(func() {
							for v := range n {
								out.Next(v + 1)
								time.Sleep(marble.Frame / 2)
							}
							if end != nil {
								out.Error(end)
								return
							}
							out.Complete()
						})
					})
					var busy atomic.Bool
					var heard []int
					var over bool
					enter := func() {
						if over || busy.Swap(true) {
							t.Error("called during another call, or after the terminal")
						}
					}
					sub := op(source, marble.Frame).Subscribe(func(v int) {
						enter()
						time.Sleep(marble.Frame * 5 / 3)
						heard = append(heard, v)
						busy.Store(false)
					}, leadership.OnComplete(func() {
						enter()
						over = true
					}), leadership.OnError(func(error) {
						enter()
						over = true
					}))
					<-sub.Done()
					if err := sub.Err(); !errors.Is(err, end) || !over {
						t.Errorf("ended with %v, told %v", err, over)
					}
					if !slices.IsSorted(heard) || len(slices.Compact(slices.Clone(heard))) != len(heard) {
						t.Errorf("heard %v", heard)
					}
					dropping := end != nil && slices.Contains([]string{"Delay", "BufferTime", "BufferTimeOrCount"}, name)
					switch {
					case len(heard) == 0 || name != "Debounce" && len(heard) < n/4:
						t.Errorf("heard only %v", heard)
					case dropping || slices.Contains(keepsFirst, name):
					case heard[len(heard)-1] != n:
						t.Errorf("the last one is missing: %v", heard)
					case slices.Contains(keepsAll, name) && len(heard) != n:
						t.Errorf("of %d there are %d: %v", n, len(heard), heard)
					}
				})
			})
		}
	}
}

func TestWithTimersACallbackMayFeedItsSource(t *testing.T) {
	for name, op := range timedOperators {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var self leadership.Observer[int]
				source := leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
					self = out
					s.Go(func() {
						for v := range 20 {
							out.Next(v)
							time.Sleep(marble.Frame)
						}
					})
				})
				heard, busy := 0, false
				sub := op(source, marble.Frame*3/2).Subscribe(func(v int) {
					if busy {
						t.Error("called within its own call")
					}
					busy = true
					heard++
					switch {
					case heard == 8:
						self.Complete()
					case v < 20:
						self.Next(v + 20)
					}
					busy = false
				})
				time.Sleep(100 * marble.Frame)
				if name == "Debounce" { // it hears nothing as long as somebody speaks
					self.Complete()
				}
				<-sub.Done()
				if err := sub.Err(); err != nil || heard == 0 {
					t.Errorf("heard %d, ended with %v", heard, err)
				}
			})
		})
	}
}

func TestWithTimersACallbackMayUnsubscribe(t *testing.T) {
	for name, op := range timedOperators {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var open atomic.Int32
				var sub *leadership.Subscription
				subscribed := make(chan struct{})
				heard := 0
				source := tallied(&open, leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
					s.Go(func() {
						for v := 0; !s.Ended(); v++ {
							time.Sleep(marble.Frame * time.Duration(1+v%3))
							out.Next(v)
						}
					})
				}))
				sub = op(source, marble.Frame*3/2).Subscribe(func(int) {
					heard++
					<-subscribed
					sub.Unsubscribe()
					if open.Load() != 0 {
						t.Error("the source is not released")
					}
				})
				close(subscribed)
				<-sub.Done()
				time.Sleep(100 * marble.Frame)
				if heard != 1 || !errors.Is(sub.Err(), leadership.ErrUnsubscribed) {
					t.Errorf("heard %d, ended with %v", heard, sub.Err())
				}
			})
		})
	}
}

func TestWithTimersValuesThatRaceWithThemKeepTheirOrder(t *testing.T) {
	const n = 20
	for name, op := range timedOperators {
		t.Run(name, func(t *testing.T) {
			for i := range 20 {
				d := time.Duration(i%20+1) * time.Microsecond
				source := leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
					s.Go(func() {
						timer := time.NewTimer(0)
						defer timer.Stop()
						for v := range n {
							<-timer.C
							timer.Reset(d)
							out.Next(v + 1)
						}
						out.Complete()
					})
				})
				heard := make([]int, 0, n)
				if err := op(source, d).ForEach(t.Context(), func(v int) { heard = append(heard, v) }); err != nil {
					t.Fatal(err)
				}
				switch {
				case !slices.IsSorted(heard) || len(heard) > n || len(heard) == 0:
					t.Fatalf("heard %v", heard)
				case slices.Contains(keepsAll, name) && len(heard) != n:
					t.Fatalf("heard only %v", heard)
				case slices.Contains(keepsFirst, name) && heard[0] != 1:
					t.Fatalf("heard %v", heard)
				case !slices.Contains(keepsFirst, name) && heard[len(heard)-1] != n:
					t.Fatalf("the last one is missing: %v", heard)
				}
			}
		})
	}
}

func TestWithTimersACompletionRightWhenTheyFireLosesNothing(t *testing.T) {
	const d = 60 * time.Microsecond
	for name, op := range timedOperators {
		t.Run(name, func(t *testing.T) {
			for i := range 500 {
				took := d + time.Duration(i%40-5)*time.Microsecond
				source := leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
					s.Go(func() {
						out.Next(1)
						for began := time.Now(); time.Since(began) < took; { // a timer would not be that precise
						}
						out.Complete()
					})
				})
				heard := 0
				if err := op(source, d).ForEach(t.Context(), func(int) { heard++ }); err != nil || heard != 1 {
					t.Fatalf("heard %d values, %v", heard, err)
				}
			}
		})
	}
}

func TestWithTimersNothingComesAfterUnsubscribe(t *testing.T) {
	for name, op := range timedOperators {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			for range 30 {
				all.Go(func() {
					var over atomic.Bool
					sub := op(ticks(t.Context(), 3*time.Microsecond), time.Microsecond).Subscribe(func(int) {
						if over.Load() {
							t.Error("called after Unsubscribe had returned")
						}
					})
					timer := time.NewTimer(50 * time.Microsecond)
					<-timer.C
					sub.Unsubscribe()
					over.Store(true)
				})
			}
			all.Wait()
		})
	}
}

func TestMoreThanTheMailboxHoldsMayNotBeDue(t *testing.T) {
	for name, first := range map[string]int{ // the first value that comes from a timer
		"Throttle, trailing": 1, "Throttle, both": 2, "Sample": 1,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var open atomic.Int32
				told := false
				o := timedOperators[name](tallied(&open, ticks(t.Context(), marble.Frame/2)), marble.Frame)
				heard := 0
				sub := atEnd(t, o, func() {
					told = true
					if open.Load() != 0 {
						t.Error("told before the source was released")
					}
				}).Subscribe(func(int) {
					if heard++; heard == first {
						time.Sleep(20 * marble.Frame)
					}
				}, leadership.Mailbox(2))
				<-sub.Done()
				if err := sub.Err(); !errors.Is(err, leadership.ErrOverflow) || heard != first+2 || !told {
					t.Errorf("heard %d, ended with %v, told %v", heard, err, told)
				}
			})
		})
	}
}

// TestATimedValueAllocatesNothing is for what fires: that a value allocates nothing on its way in, the table of frugal operators says.
func TestATimedValueAllocatesNothing(t *testing.T) {
	for _, name := range []string{"Throttle, leading", "Throttle, trailing", "Throttle, both", "Sample", "Delay", "Timeout"} {
		t.Run(name, func(t *testing.T) {
			var push func()
			source := leadership.New(func(s *leadership.Scope, out leadership.Observer[int]) {
				next := func() { out.Next(1) }
				push = func() { s.Do(next) }
			})
			heard := make(chan struct{}, 1)
			sub := timedOperators[name](source, time.Microsecond).Subscribe(func(int) {
				select {
				case heard <- struct{}{}:
				default:
				}
			})
			defer sub.Unsubscribe()
			one := func() {
				push()
				<-heard
			}
			if name == "Throttle, leading" { // nothing comes later: push until the window is over
				one = func() {
					for len(heard) == 0 {
						push()
					}
					<-heard
				}
			}
			for range 100 {
				one()
			}
			if got := testing.AllocsPerRun(200, one); got >= 1 {
				t.Errorf("%v allocations for a value", got)
			}
		})
	}
}

func ExampleThrottle() {
	statuses := leadership.Just("elected", "notelected", "elected.first")
	show(operators.Throttle(statuses, time.Second, operators.ThrottleLeading))
	show(operators.Throttle(statuses, time.Second, operators.ThrottleTrailing))
	show(operators.Throttle(statuses, time.Second, operators.ThrottleBoth))
	// Output:
	// elected |
	// elected.first |
	// elected elected.first |
}

func ExampleSample() {
	// What is new when the source ends is not lost.
	show(operators.Sample(leadership.Just("elected", "notelected"), time.Minute))
	// Output: notelected |
}
