package operators_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

// unpacked shows a slice by its values and, after them, how many these are.
func unpacked(slices leadership.Observable[[]string]) stream {
	return flattened(operators.Map(slices, func(values []string) []string { return append(values, strconv.Itoa(len(values))) }))
}

func countBuffered(n int) func(stream) stream {
	return func(s stream) stream { return unpacked(operators.BufferCount(s, n)) }
}

func timeBuffered(frames int) func(stream) stream {
	return func(s stream) stream { return unpacked(operators.BufferTime(s, time.Duration(frames)*marble.Frame)) }
}

func eitherBuffered(frames, n int) func(stream) stream {
	return func(s stream) stream {
		return unpacked(operators.BufferTimeOrCount(s, time.Duration(frames)*marble.Frame, n))
	}
}

func TestBufferCount(t *testing.T) {
	spec(t, countBuffered(2), "-a-b-c-|", "---(ab2)---(c1|)")
	spec(t, countBuffered(2), "(abcde)-|", "(ab2cd2)-(e1|)")
	spec(t, countBuffered(2), "-a-b-|", "---(ab2)-|")
	spec(t, countBuffered(3), "-a-b-#", "-----#")
	spec(t, countBuffered(2), "-a-b-c-#", "---(ab2)---#")
	spec(t, countBuffered(1), "-a-b-|", "-(a1)-(b1)-|")
	spec(t, countBuffered(5), "-a", "")
	spec(t, countBuffered(2), "--|", "--|")
	spec(t, countBuffered(2), "--#", "--#")
	t.Run("a great n takes no memory before there are values", func(t *testing.T) {
		values := make([]int, 1000)
		heard := 0
		if err := operators.BufferCount(leadership.FromSlice(values), 1<<50).ForEach(t.Context(), func(b []int) {
			heard += len(b)
		}); err != nil || heard != 1000 {
			t.Errorf("heard %d, %v", heard, err)
		}
	})
	t.Run("a slice costs one allocation", func(t *testing.T) {
		few, many := leadership.FromSlice(make([]int, 10)), leadership.FromSlice(make([]int, 1000))
		next := func([]int) {}
		base := testing.AllocsPerRun(20, func() { operators.BufferCount(few, 10).Subscribe(next) })
		if got := testing.AllocsPerRun(20, func() { operators.BufferCount(many, 10).Subscribe(next) }); got > base+99 {
			t.Errorf("%v allocations for 100 slices, %v for one", got, base)
		}
	})
}

func TestBufferTime(t *testing.T) {
	spec(t, timeBuffered(3), "-a-b----c-|", "---(ab2)--0--(c1)(0|)")
	spec(t, timeBuffered(3), "-ab-(cd)|", "---(ab2)-(cd2|)")
	spec(t, timeBuffered(2), "---|", "--0(0|)")
	spec(t, timeBuffered(5), "|", "(0|)")
	spec(t, timeBuffered(2), "-a-b-#", "--(a1)-(b1)#")
	spec(t, timeBuffered(4), "-a-b-c#", "----(ab2)-#")
	spec(t, timeBuffered(3), "-#", "-#")
	spec(t, func(s stream) stream { return operators.Take(timeBuffered(2)(s), 3) }, "-", "--0-0-(0|)")
	t.Run("it keeps to its times, whatever the subscriber does", func(t *testing.T) {
		const d = time.Second
		synctest.Test(t, func(t *testing.T) {
			began, heard := time.Now(), 0
			o := operators.Take(operators.BufferTime(ticks(t.Context(), d/3+1), d), 500)
			if err := o.ForEach(t.Context(), func(b []int) {
				heard++
				if at := time.Since(began); at != time.Duration(heard)*d {
					t.Errorf("%d, %v, was heard at %v", heard, b, at)
				}
				time.Sleep(d * time.Duration(heard%3) / 3)
			}); err != nil || heard != 500 {
				t.Errorf("heard %d, %v", heard, err)
			}
		})
	})
	t.Run("a timer that fires late shifts none of the times after it", func(t *testing.T) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		const d = 10 * time.Millisecond
		var late []time.Duration
		for range 30 { // until the machine did what it should
			late = late[:0]
			began := time.Now()
			var busy sync.WaitGroup
			o := operators.Take(operators.BufferTime(leadership.Never[int](), d), 7)
			if err := o.ForEach(t.Context(), func([]int) {
				at := time.Since(began)
				late = append(late, at-time.Duration(len(late)+1)*d)
				if len(late) == 1 {
					busy.Go(func() {
						for time.Since(began) < at+d*3/2 { // the only processor is not free when the second time has come
						}
					})
				}
			}); err != nil {
				t.Error(err)
			}
			busy.Wait()
			if late[1] > d/5 && slices.Min(late[2:]) < late[1]/2 {
				return
			}
		}
		t.Errorf("it was late by %v", late)
	})
	t.Run("a subscriber that was busy for several times is back at them then", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var at []time.Duration
			began := time.Now()
			o := operators.Take(operators.BufferTime(leadership.Never[int](), time.Second), 6)
			if err := o.ForEach(t.Context(), func(b []int) {
				if b == nil {
					t.Error("heard nil instead of an empty slice")
				}
				at = append(at, time.Since(began))
				if len(at) == 1 {
					time.Sleep(2500 * time.Millisecond)
				}
			}); err != nil {
				t.Error(err)
			}
			if got := fmt.Sprint(at); got != "[1s 3.5s 3.5s 4s 5s 6s]" {
				t.Errorf("heard at %s", got)
			}
		})
	})
}

func TestBufferTimeOrCount(t *testing.T) {
	spec(t, eitherBuffered(3, 2), "-abc--d-----|", "--(ab2)--(c1)--(d1)--0(0|)")
	spec(t, eitherBuffered(3, 2), "(abcde)-|", "(ab2cd2)-(e1|)")
	spec(t, eitherBuffered(3, 2), "--(ab)--|", "--(ab2)--(0|)")
	spec(t, eitherBuffered(3, 1), "-a---b|", "-(a1)--0(b1)(0|)")
	spec(t, eitherBuffered(5, 3), "-ab#", "---#")
	spec(t, eitherBuffered(5, 3), "-ab-c-#", "----(abc3)-#")
	spec(t, eitherBuffered(2, 9), "-a-b-|", "--(a1)-(b1)(0|)")
	spec(t, eitherBuffered(2, 9), "|", "(0|)")
	spec(t, eitherBuffered(2, 9), "--#", "--#")
	t.Run("it may hold more than the mailbox", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			heard := 0
			o := operators.BufferTimeOrCount(leadership.FromSlice(make([]int, 1000)), time.Second, 300)
			if err := o.ForEach(t.Context(), func(b []int) { heard += len(b) }); err != nil || heard != 1000 {
				t.Errorf("heard %d, %v", heard, err)
			}
		})
	})
	t.Run("a slice that gets full while the timer fires has its whole time after it", func(t *testing.T) {
		const d = time.Second
		for range 300 {
			synctest.Test(t, func(t *testing.T) {
				var full time.Time
				o := operators.BufferTimeOrCount(operators.Take(ticks(t.Context(), d), 5), d, 1)
				if err := operators.Take(o, 5).ForEach(t.Context(), func(b []int) {
					if len(b) == 0 && time.Since(full) < d {
						t.Errorf("an empty one %v after a full one", time.Since(full))
					}
					if len(b) > 0 {
						full = time.Now()
					}
				}); err != nil {
					t.Error(err)
				}
			})
		}
	})
	t.Run("a slice that gets full right when its time is over comes once", func(t *testing.T) {
		const d = 60 * time.Microsecond
		for i := range 1000 {
			took := d + time.Duration(i%40-5)*time.Microsecond
			source := leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
				s.Go(func() {
					out.Next(1)
					for began := time.Now(); time.Since(began) < took; { // a timer would not be that precise
					}
					out.Next(2)
					out.Next(3)
					out.Complete()
				})
			})
			var heard []int
			if err := operators.BufferTimeOrCount(source, d, 2).ForEach(t.Context(), func(b []int) {
				if len(b) > 2 {
					t.Errorf("a slice of %v", b)
				}
				heard = append(heard, b...)
			}); err != nil || !slices.Equal(heard, []int{1, 2, 3}) {
				t.Fatalf("heard %v, %v", heard, err)
			}
		}
	})
}

func TestBadBuffers(t *testing.T) {
	for _, tt := range []struct {
		want string
		o    leadership.Observable[[]int]
	}{
		{"operators.BufferCount count 0 must be at least 1", operators.BufferCount(forbidden(t), 0)},
		{"operators.BufferCount count -3 must be at least 1", operators.BufferCount(forbidden(t), -3)},
		{"operators.BufferTime duration 0s must be positive", operators.BufferTime(forbidden(t), 0)},
		{"operators.BufferTime duration -1s must be positive", operators.BufferTime(forbidden(t), -time.Second)},
		{"operators.BufferTimeOrCount duration 0s must be positive", operators.BufferTimeOrCount(forbidden(t), 0, 1)},
		{"operators.BufferTimeOrCount count 0 must be at least 1", operators.BufferTimeOrCount(forbidden(t), time.Second, 0)},
	} {
		t.Run(tt.want, func(t *testing.T) {
			err := tt.o.ForEach(t.Context(), nil)
			if !errors.Is(err, leadership.ErrInvalidConfig) || err.Error() != "leadership: invalid config: "+tt.want {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

func TestASliceBelongsToItsReceiver(t *testing.T) {
	for name, op := range map[string]func(numbers) leadership.Observable[[]int]{
		"BufferCount":       func(s numbers) leadership.Observable[[]int] { return operators.BufferCount(s, 3) },
		"BufferTime":        func(s numbers) leadership.Observable[[]int] { return operators.BufferTime(s, 30*time.Second) },
		"BufferTimeOrCount": func(s numbers) leadership.Observable[[]int] { return operators.BufferTimeOrCount(s, time.Minute, 3) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var received, copies [][]int
				o := operators.Take(ticks(t.Context(), 10*time.Second), 20)
				if err := op(o).ForEach(t.Context(), func(b []int) {
					received, copies = append(received, b), append(copies, slices.Clone(b))
					_ = append(b, -1, -1, -1) // into what room there is
				}); err != nil {
					t.Error(err)
				}
				want := make([]int, 20)
				for i := range want {
					want[i] = i
				}
				if got := slices.Concat(copies...); !slices.Equal(got, want) {
					t.Errorf("heard %v", got)
				}
				if got := slices.Concat(received...); !slices.Equal(got, want) {
					t.Errorf("what was heard changed to %v", got)
				}
			})
		})
	}
}

func TestBuffersKeepNoMoreThanTheMailboxHolds(t *testing.T) {
	type slices = leadership.Observable[[]int]
	for _, tt := range []struct {
		name    string
		op      func(numbers) slices
		source  numbers
		mailbox int
		heard   int // values
		want    error
	}{
		{"a slice as long as the default", minutely, leadership.FromSlice(make([]int, 256)), 0, 256, nil},
		{"one more than the default", minutely, leadership.FromSlice(make([]int, 257)), 0, 0, leadership.ErrOverflow},
		{"a slice as long as the mailbox", minutely, leadership.Just(1, 2), 2, 2, nil},
		{"one more than the mailbox", minutely, leadership.Just(1, 2, 3), 2, 0, leadership.ErrOverflow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var open atomic.Int32
				heard, ends := 0, 0
				sub := atEnd(t, tt.op(tallied(&open, tt.source)), func() {
					ends++
					if open.Load() != 0 {
						t.Error("told before the source was released")
					}
				}).Subscribe(func(b []int) { heard += len(b) }, leadership.Mailbox(tt.mailbox))
				<-sub.Done()
				if err := sub.Err(); !errors.Is(err, tt.want) || heard != tt.heard || ends != 1 {
					t.Errorf("heard %d, ended %d times, with %v", heard, ends, err)
				}
			})
		})
	}
	for name, op := range map[string]func(numbers) slices{
		"BufferTime, of which more are due":        func(s numbers) slices { return operators.BufferTime(s, time.Second) },
		"BufferTimeOrCount, of which more are due": func(s numbers) slices { return operators.BufferTimeOrCount(s, time.Hour, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var open atomic.Int32
				heard, ends := 0, 0
				source := operators.Debounce(tallied(&open, ticks(t.Context(), time.Second)), time.Millisecond) // so that it does not wait itself
				sub := atEnd(t, op(source), func() {
					ends++
					if open.Load() != 0 {
						t.Error("told before the source was released")
					}
				}).Subscribe(func([]int) {
					if heard++; heard == 1 {
						time.Sleep(time.Minute)
					}
				}, leadership.Mailbox(2))
				<-sub.Done()
				if err := sub.Err(); !errors.Is(err, leadership.ErrOverflow) || heard != 3 || ends != 1 {
					t.Errorf("heard %d, ended %d times, with %v", heard, ends, err)
				}
			})
		})
	}
}

func minutely(s numbers) leadership.Observable[[]int] { return operators.BufferTime(s, time.Minute) }

func ExampleBufferCount() {
	show(operators.BufferCount(leadership.Just("a", "b", "c"), 2))
	// Output: [a b] [c] |
}

func ExampleBufferTime() {
	show(operators.BufferTime(leadership.Just("a", "b", "c"), time.Second))
	// Output: [a b c] |
}

func ExampleBufferTimeOrCount() {
	show(operators.BufferTimeOrCount(leadership.Just("a", "b", "c"), time.Second, 2))
	// Output: [a b] [c] |
}
