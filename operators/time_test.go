package operators_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

func debounced(frames int) func(stream) stream {
	return func(s stream) stream { return operators.Debounce(s, time.Duration(frames)*marble.Frame) }
}

func TestDebounce(t *testing.T) {
	spec(t, debounced(2), "-a-b-----|", "-----b---|")
	spec(t, debounced(2), "-a-bc-----d-|", "------c-----(d|)")
	spec(t, debounced(3), "-abcdefg-|", "---------(g|)")
	spec(t, debounced(3), "-a---b-#", "----a--(b#)")
	spec(t, debounced(1), "a--b--|", "-a--b-|")
	spec(t, debounced(5), "--|", "--|")
	spec(t, debounced(5), "--#", "--#")
	spec(t, debounced(2), "-a", "---a")
	spec(t, debounced(0), "-ab-|", "-ab-|")
	t.Run("twice", func(t *testing.T) {
		twice := func(s stream) stream { return s.Pipe(debounced(2), debounced(3)) }
		spec(t, twice, "-a---b-------|", "------a---b--|")
		spec(t, twice, "-a--b--------|", "---------b---|")
	})
	t.Run("a completion while the callback is busy with a timed value waits for it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var busy atomic.Bool
			var said []string
			sub := debounced(1)(marble.Source("a--bc|")).Subscribe(func(v string) {
				if busy.Swap(true) {
					t.Error("two callbacks at a time")
				}
				time.Sleep(10 * marble.Frame)
				said = append(said, v)
				busy.Store(false)
			}, leadership.OnComplete(func() {
				if busy.Load() {
					t.Error("completed within a callback")
				}
				said = append(said, "|")
			}))
			<-sub.Done()
			if fmt.Sprint(said) != "[a c |]" {
				t.Errorf("heard %v", said)
			}
		})
	})
	t.Run("Unsubscribe waits for a timed callback", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var running atomic.Bool
			sub := debounced(1)(marble.Source("a")).Subscribe(func(string) {
				running.Store(true)
				time.Sleep(5 * marble.Frame)
				running.Store(false)
			})
			time.Sleep(2 * marble.Frame)
			if !running.Load() {
				t.Fatal("the callback should run")
			}
			sub.Unsubscribe()
			if running.Load() {
				t.Error("Unsubscribe returned before the callback")
			}
		})
	})
	t.Run("a value that comes while the timer fires waits its whole time", func(t *testing.T) {
		const d = time.Second
		for range 200 {
			synctest.Test(t, func(t *testing.T) {
				var came [5]time.Time
				o := operators.Debounce(leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
					s.Go(func() {
						for i := range came {
							came[i] = time.Now()
							out.Next(i)
							time.Sleep(d)
						}
						time.Sleep(d)
						out.Complete()
					})
				}), d)
				if err := o.ForEach(t.Context(), func(i int) {
					if took := time.Since(came[i]); took != d {
						t.Errorf("value %d was emitted after %v", i, took)
					}
				}); err != nil {
					t.Error(err)
				}
			})
		}
	})
	t.Run("values and timers that race lose nothing that was last", func(t *testing.T) {
		for i := range 60 {
			d := time.Duration(i%20+1) * time.Microsecond
			var last atomic.Int64
			o := operators.Debounce(leadership.Create(func(s *leadership.Scope, out leadership.Observer[int64]) {
				s.Go(func() {
					timer := time.NewTimer(0)
					defer timer.Stop()
					for v := range int64(20) {
						<-timer.C
						timer.Reset(d)
						out.Next(v + 1)
					}
					out.Complete()
				})
			}), d)
			if err := o.ForEach(t.Context(), func(v int64) {
				if before := last.Swap(v); before >= v {
					t.Errorf("%d came after %d", v, before)
				}
			}); err != nil || last.Load() != 20 {
				t.Fatalf("ended with %v after %d", err, last.Load())
			}
		}
	})
	t.Run("a completion right when the timer fires loses nothing", func(t *testing.T) {
		const d = 60 * time.Microsecond
		for i := range 4000 {
			took, heard := d+time.Duration(i%40-5)*time.Microsecond, 0
			o := operators.Debounce(leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
				s.Go(func() {
					out.Next(1)
					for began := time.Now(); time.Since(began) < took; { // a timer would not be that precise
					}
					out.Complete()
				})
			}), d)
			if err := o.ForEach(t.Context(), func(int) { heard++ }); err != nil || heard != 1 {
				t.Fatalf("heard %d values, %v", heard, err)
			}
		}
	})
	t.Run("unsubscribed while timers fire, nothing comes after", func(t *testing.T) {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				var over atomic.Bool
				sub := operators.Debounce(ticks(t.Context(), 3*time.Microsecond), time.Microsecond).Subscribe(func(int) {
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

// ticks counts, one number each d.
func ticks(ctx context.Context, d time.Duration) leadership.Observable[int] {
	return leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
		s.Go(func() {
			ticker := time.NewTicker(d)
			defer ticker.Stop()
			for n := 0; !s.Ended(); n++ {
				select {
				case <-ticker.C:
					out.Next(n)
				case <-s.Context().Done():
				case <-ctx.Done():
					out.Error(context.Cause(ctx))
					return
				}
			}
		})
	})
}

func ExampleDebounce() {
	// A flapping election: only where it stands in the end counts.
	states := operators.Debounce(leadership.Just("elected", "notelected", "elected"), 200*time.Millisecond)
	states.Subscribe(func(s string) { fmt.Println(s) })
	// Output: elected
}
