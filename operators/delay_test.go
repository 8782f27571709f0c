package operators_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

func delayed(frames int) func(stream) stream {
	return func(s stream) stream { return operators.Delay(s, time.Duration(frames)*marble.Frame) }
}

func limited(frames int) func(stream) stream {
	return func(s stream) stream { return operators.Timeout(s, time.Duration(frames)*marble.Frame) }
}

func TestDelay(t *testing.T) {
	spec(t, delayed(2), "-a-bc-|", "---a-bc-|")
	spec(t, delayed(1), "ab-(cd)|", "-ab-(cd)|")
	spec(t, delayed(5), "-a(bc)d|", "------a(bc)d|")
	spec(t, delayed(5), "-a-------b-|", "------a-------b-|")
	spec(t, delayed(3), "-a-b-#", "----a#")
	spec(t, delayed(3), "-a--#", "----#")
	spec(t, delayed(3), "-a---#", "----a#")
	spec(t, delayed(2), "-(a|)", "---(a|)")
	spec(t, delayed(2), "--|", "----|")
	spec(t, delayed(2), "--#", "--#")
	spec(t, delayed(2), "|", "--|")
	spec(t, delayed(2), "-a", "---a")
	spec(t, delayed(2), "", "")
	spec(t, delayed(0), "-(ab)c|", "-(ab)c|")
	spec(t, delayed(-1), "-(ab)c#", "-(ab)c#")
	t.Run("twice", func(t *testing.T) {
		spec(t, func(s stream) stream { return s.Pipe(delayed(1), delayed(2)) }, "ab-c|", "---ab-c|")
	})
	t.Run("each value comes d after it came, through any number that wait", func(t *testing.T) {
		const n = 2000
		for _, d := range []time.Duration{1, time.Millisecond, 99 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				var came [n]time.Time
				source := leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
					s.Go(func() {
						for v := range came {
							came[v] = time.Now()
							out.Next(v)
							time.Sleep(time.Duration(v*v%1999) * time.Microsecond)
						}
						out.Complete()
					})
				})
				heard := 0
				if err := operators.Delay(source, d).ForEach(t.Context(), func(v int) {
					if late := time.Since(came[v]); v != heard || late != d {
						t.Errorf("%d came after %v instead of %d", v, late, heard)
					}
					heard++
				}); err != nil || heard != n {
					t.Errorf("heard %d, %v", heard, err)
				}
			})
		}
	})
	t.Run("values that never stop take no more memory than those that wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			type page [4096]byte
			const n = 3000
			heard := 0
			source := operators.Map(operators.Take(ticks(t.Context(), time.Millisecond), n), func(int) page { return page{} })
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if err := operators.Delay(source, 10*time.Millisecond+1).ForEach(t.Context(), func(page) { heard++ }); err != nil || heard != n {
				t.Errorf("heard %d, %v", heard, err)
			}
			runtime.ReadMemStats(&after)
			if took := (after.TotalAlloc - before.TotalAlloc) / 4096; took > n/4 {
				t.Errorf("memory of %d values for %d", took, n)
			}
		})
	})
	t.Run("a source that completed is released at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var open atomic.Int32
			sub := operators.Delay(tallied(&open, leadership.Just(1)), time.Hour).Subscribe(nil)
			if open.Load() != 0 {
				t.Error("it is open while the delay lasts")
			}
			<-sub.Done()
			if sub.Err() != nil {
				t.Error(sub.Err())
			}
		})
	})
	t.Run("a subscription that ends while values wait stops the timer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			sub := operators.Delay(leadership.Just(1, 2), time.Hour).Subscribe(func(int) { t.Error("called") })
			sub.Unsubscribe()
			<-sub.Done()
			if took := time.Since(began); took != 0 {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("what was due before an error comes before it, and what was not is dropped", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			// Frames 2 and 3 are due while the subscriber is busy with frame 1, frame 6 is not when the error comes.
			r, sub := marble.Record(unhurried(delayed(1)(marble.Source("abc--d#")), 3))
			<-sub.Done()
			if got := r.Diagram(); got != "----a--b--(c#)" {
				t.Errorf("got %s", got)
			}
		})
	})
	t.Run("an error right when a value is due comes after it or without it", func(t *testing.T) {
		const d = 60 * time.Microsecond
		for i := range 1000 {
			took := d + time.Duration(i%40-5)*time.Microsecond
			source := leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
				s.Go(func() {
					out.Next(1)
					for began := time.Now(); time.Since(began) < took; { // a timer would not be that precise
					}
					out.Error(marble.ErrMarble)
				})
			})
			ends := 0
			o := atEnd(t, operators.Delay(source, d), func() { ends++ })
			if err := o.ForEach(t.Context(), nil); !errors.Is(err, marble.ErrMarble) || ends != 1 {
				t.Fatalf("%d terminals, ended with %v", ends, err)
			}
		}
	})
}

func TestDelayKeepsNoMoreThanTheMailboxHolds(t *testing.T) {
	for _, tt := range []struct {
		name            string
		values, mailbox int
		want            error
	}{
		{"the default is met", 256, 0, nil},
		{"the default is exceeded", 257, 0, leadership.ErrOverflow},
		{"the subscriber's is met", 2, 2, nil},
		{"the subscriber's is exceeded", 3, 2, leadership.ErrOverflow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var open atomic.Int32
				heard, ends := 0, 0
				source := tallied(&open, leadership.FromSlice(make([]int, tt.values)))
				sub := atEnd(t, operators.Delay(source, time.Second), func() {
					ends++
					if open.Load() != 0 {
						t.Error("told before the source was released")
					}
				}).Subscribe(func(int) { heard++ }, leadership.Mailbox(tt.mailbox))
				<-sub.Done()
				wanted := tt.values
				if tt.want != nil {
					wanted = 0
				}
				if err := sub.Err(); !errors.Is(err, tt.want) || heard != wanted || ends != 1 {
					t.Errorf("heard %d, ended %d times, with %v", heard, ends, err)
				}
			})
		})
	}
	t.Run("what waits for a busy subscriber counts too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			// While the subscriber has a, b is due, and c and d wait for their time: e is one too many.
			r, sub := marble.Record(unhurried(delayed(2)(marble.Source("abcdefg|")), 10), leadership.Mailbox(3))
			<-sub.Done()
			if got := r.Diagram(); got != "------------a---------(b#)" || !errors.Is(sub.Err(), leadership.ErrOverflow) {
				t.Errorf("got %s, %v", got, sub.Err())
			}
		})
	})
}

func TestTimeout(t *testing.T) {
	spec(t, limited(3), "-a-b-----c-|", "-a-b--#")
	spec(t, limited(3), "-a--b--c--|", "-a--b--c--|")
	spec(t, limited(3), "---a--(bc)--|", "---a--(bc)--|")
	spec(t, limited(2), "----a", "--#")
	spec(t, limited(2), "", "--#")
	spec(t, limited(2), "-a", "-a-#")
	spec(t, limited(5), "--|", "--|")
	spec(t, limited(2), "--|", "--|")
	spec(t, limited(2), "---|", "--#")
	spec(t, limited(5), "-a-#", "-a-#")
	spec(t, limited(1), "abcd-", "abcd#")
	spec(t, limited(0), "-a---------b|", "-a---------b|")
	spec(t, limited(-1), "-a---------b#", "-a---------b#")
	t.Run("the error says for how long there was none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			err := operators.Timeout(leadership.Never[int](), 1500*time.Millisecond).ForEach(t.Context(), nil)
			if !errors.Is(err, operators.ErrTimeout) || err.Error() != "leadership: timed out: no value for 1.5s" {
				t.Errorf("ended with %v", err)
			}
		})
	})
	t.Run("the source is released before the error is told", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var open atomic.Int32
			told := false
			sub := atEnd(t, operators.Timeout(tallied(&open, leadership.Never[int]()), time.Second), func() {
				told = true
				if open.Load() != 0 {
					t.Error("it is open")
				}
			}).Subscribe(nil)
			<-sub.Done()
			if !told {
				t.Error("not told")
			}
		})
	})
	t.Run("a source that keeps Subscribe busy is ended too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			stuck := leadership.New(func(s *leadership.Scope, out leadership.Observer[int]) {
				out.Next(1)
				<-s.Context().Done()
				out.Next(2)
				out.Complete()
			})
			heard, ends := 0, 0
			sub := atEnd(t, operators.Timeout(stuck, time.Second), func() { ends++ }).Subscribe(func(v int) { heard += v })
			<-sub.Done() // the source may leave Subscribe before the timer has told the error
			if err := sub.Err(); !errors.Is(err, operators.ErrTimeout) || heard != 1 || ends != 1 || time.Since(began) != time.Second {
				t.Errorf("heard %d, ended %d times, with %v, after %v", heard, ends, err, time.Since(began))
			}
		})
	})
	for _, tt := range []struct{ name, source, want string }{
		// Each value takes 5 frames, the limit is 3.
		{"the time of a slow subscriber is not the source's", "ab-c|", "-----a----b----(c|)"},
		{"after a slow subscriber the whole time counts", "ab", "-----a----b--#"},
		{"a value in the time after a slow subscriber", "a------b", "-----a------b--#"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, sub := marble.Record(unhurried(limited(3)(marble.Source(tt.source)), 5))
				<-sub.Done()
				if got := r.Diagram(); got != tt.want {
					t.Errorf("\nwant %s\n got %s", tt.want, got)
				}
			})
		})
	}
	t.Run("a retry begins the time anew", func(t *testing.T) {
		spec(t, func(s stream) stream {
			return operators.Retry(operators.Timeout(s, 2*marble.Frame), operators.RetryPolicy{Max: 2})
		}, "-a--b", "-a--a--a-#")
	})
	t.Run("a completion in the same instant as the timer is told, or its error, but not both", func(t *testing.T) {
		for range 500 {
			synctest.Test(t, func(t *testing.T) {
				source := leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
					s.Go(func() {
						time.Sleep(time.Second)
						out.Complete()
					})
				})
				ends := 0
				sub := atEnd(t, operators.Timeout(source, time.Second), func() { ends++ }).Subscribe(nil)
				time.Sleep(time.Minute)
				if err := sub.Err(); ends != 1 || err != nil && !errors.Is(err, operators.ErrTimeout) {
					t.Errorf("%d terminals, ended with %v", ends, err)
				}
			})
		}
	})
	t.Run("a value or a completion that races with the timer comes before its error or not at all", func(t *testing.T) {
		const d = 60 * time.Microsecond
		timeouts := 0
		for i := range 2000 {
			took := d + time.Duration(i%40-20)*time.Microsecond
			source := leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
				s.Go(func() {
					for began := time.Now(); time.Since(began) < took; { // a timer would not be that precise
					}
					if i%2 == 0 {
						out.Next(1)
					}
					out.Complete()
				})
			})
			heard, ends := 0, 0
			err := atEnd(t, operators.Timeout(source, d), func() { ends++ }).ForEach(t.Context(), func(int) { heard++ })
			switch {
			case ends != 1:
				t.Fatalf("%d terminals", ends)
			case err == nil && heard != 1-i%2:
				t.Fatalf("completed after %d values", heard)
			case err != nil && !errors.Is(err, operators.ErrTimeout):
				t.Fatal(err)
			case err != nil:
				timeouts++
			}
		}
		t.Logf("%d of 2000 timed out", timeouts)
	})
}

func ExampleDelay() {
	began := time.Now()
	err := operators.Delay(leadership.Just("a", "b"), 10*time.Millisecond).ForEach(context.Background(), func(v string) {
		fmt.Println(v, time.Since(began) >= 10*time.Millisecond)
	})
	fmt.Println(err)
	// Output:
	// a true
	// b true
	// <nil>
}

func ExampleTimeout() {
	// A watch that says nothing for too long is taken for dead, and made anew.
	watch := operators.Timeout(leadership.Never[string](), 10*time.Millisecond)
	err := operators.Retry(watch, operators.RetryPolicy{Max: 2}).ForEach(context.Background(), nil)
	fmt.Println(errors.Is(err, operators.ErrTimeout), err)
	// Output: true leadership: timed out: no value for 10ms
}
