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

func replayed(n int) func(stream) stream {
	return func(s stream) stream { return operators.ShareReplay(s, n) }
}

// counted counts subscriptions to o, and those of them that are open.
func counted[T any](o leadership.Observable[T], all, open *atomic.Int64) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		all.Add(1)
		open.Add(1)
		s.OnEnd(func() { open.Add(-1) })
		o.SubscribeIn(s, out)
	})
}

func TestShare(t *testing.T) {
	for name, share := range map[string]func(stream) stream{"Share": operators.Share[string], "ShareReplay": replayed(1)} {
		t.Run("one subscriber of "+name+" hears the source", func(t *testing.T) {
			spec(t, share, "-a-(bc)-|", "-a-(bc)-|")
			spec(t, share, "(ab|)", "(ab|)")
			spec(t, share, "-a-#", "-a-#")
			spec(t, share, "|", "|")
			spec(t, share, "#", "#")
			spec(t, share, "--", "")
		})
	}
	for _, tt := range []struct {
		name   string
		share  func(stream) stream
		source string
		from   [3]int // the frames in which three subscribers come
		want   [3]string
		begun  int64
	}{
		{"all share one subscription", operators.Share[string], "-a-b-c-|", [3]int{0, 0, 4}, [3]string{"-a-b-c-|", "-a-b-c-|", "-c-|"}, 1},
		{"an error is for all", operators.Share[string], "-a-b-#", [3]int{0, 2, 4}, [3]string{"-a-b-#", "-b-#", "-#"}, 1},
		{"after a completion it starts afresh", operators.Share[string], "-a-|", [3]int{0, 5, 6}, [3]string{"-a-|", "-a-|", "--|"}, 2},
		{"after an error it starts afresh", operators.Share[string], "-a-#", [3]int{0, 5, 6}, [3]string{"-a-#", "-a-#", "--#"}, 2},
		{"the latest come first", replayed(2), "-a-b-c-|", [3]int{0, 2, 6}, [3]string{"-a-b-c-|", "ab-c-|", "(bc)|"}, 1},
		{"after a completion they come first still", replayed(2), "-a-b-c-|", [3]int{0, 8, 90}, [3]string{"-a-b-c-|", "(bc|)", "(bc|)"}, 1},
		{"after an error no old ones come", replayed(2), "-a-b#", [3]int{0, 5, 6}, [3]string{"-a-b#", "-a-b#", "a-b#"}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var begun, open atomic.Int64
				o := tt.share(counted(marble.Source(tt.source), &begun, &open))
				var all [3]*marble.Recorder
				began := time.Now()
				for i, frame := range tt.from {
					time.Sleep(time.Until(began.Add(time.Duration(frame) * marble.Frame)))
					all[i], _ = marble.Record(o)
				}
				time.Sleep(20 * marble.Frame)
				for i, r := range all {
					if want, _ := marble.Normal(tt.want[i]); r.Diagram() != want {
						t.Errorf("subscriber %d of frame %d\nwant %s\n got %s", i, tt.from[i], want, r.Diagram())
					}
				}
				if begun.Load() != tt.begun || open.Load() != 0 {
					t.Errorf("%d subscriptions, want %d; %d open", begun.Load(), tt.begun, open.Load())
				}
			})
		})
	}
}

func TestShareLeaving(t *testing.T) {
	for name, share := range map[string]func(stream) stream{"Share": operators.Share[string], "ShareReplay": replayed(1)} {
		t.Run("when the last one of "+name+" has left, the source is released, and the next one starts afresh", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var begun, open atomic.Int64
				o := share(counted(marble.Source("-a-b-c-|"), &begun, &open))
				first := o.Subscribe(nil)
				ctx, cancel := context.WithCancel(t.Context())
				second := o.Subscribe(nil, leadership.WithContext(ctx))
				time.Sleep(4 * marble.Frame)
				first.Unsubscribe()
				if open.Load() != 1 {
					t.Error("released while one is there")
				}
				cancel()
				<-second.Done()
				synctest.Wait()
				if open.Load() != 0 {
					t.Error("not released")
				}
				third, _ := marble.Record(o)
				time.Sleep(20 * marble.Frame)
				if got := third.Diagram(); got != "-a-b-c-|" || begun.Load() != 2 || open.Load() != 0 {
					t.Errorf("heard %s after %d subscriptions, %d open", got, begun.Load(), open.Load())
				}
			})
		})
	}
	t.Run("leaving from the callback while a source without end delivers within Subscribe ends that", func(t *testing.T) {
		endless := leadership.FromSeq(func(yield func(int) bool) {
			for n := 0; yield(n); n++ {
				runtime.Gosched()
			}
		})
		var heard []int
		if err := operators.Take(operators.Share(endless), 3).ForEach(t.Context(), func(v int) { heard = append(heard, v) }); err != nil {
			t.Error(err)
		}
		if fmt.Sprint(heard) != "[0 1 2]" {
			t.Errorf("heard %v", heard)
		}
	})
	t.Run("nobody who leaves waits for what runs in the source", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gate := make(chan struct{})
			var open, all atomic.Int64
			stuck := operators.Map(counted(marble.Source("a-|"), &all, &open), func(v string) string {
				<-gate
				return v
			})
			o := operators.Share(stuck)
			heard, sub := marble.Record(o)
			time.Sleep(marble.Frame)
			sub.Unsubscribe() // hangs the bubble if it waits
			if open.Load() != 0 {
				t.Error("not released")
			}
			close(gate)
			synctest.Wait()
			if got := heard.Diagram(); got != "" {
				t.Errorf("heard %s", got)
			}
		})
	})
	t.Run("one whose context has ended already starts nothing", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		source := leadership.New(func(*leadership.Scope, leadership.Observer[int]) { t.Error("subscribed") })
		o := operators.Share(source)
		if err := o.ForEach(ctx, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
	t.Run("one that leaves while it comes leaves no source open", func(t *testing.T) {
		var begun, open atomic.Int64
		o := operators.Share(counted(leadership.Never[int](), &begun, &open))
		for range 2000 {
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			<-o.Subscribe(nil, leadership.WithContext(ctx)).Done()
			if open.Load() != 0 {
				t.Fatal("not released")
			}
		}
	})
	t.Run("a source that ends its own scope ends its subscribers", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begun := 0
			o := operators.Share(leadership.New(func(s *leadership.Scope, _ leadership.Observer[int]) {
				begun++
				s.End()
			}))
			for range 2 {
				if err := o.ForEach(t.Context(), nil); !errors.Is(err, leadership.ErrUnsubscribed) {
					t.Errorf("ended with %v", err)
				}
			}
			if begun != 2 {
				t.Errorf("%d subscriptions", begun)
			}
		})
	})
}

func TestShareSources(t *testing.T) {
	values := make([]int, 200)
	for i := range values {
		values[i] = i
	}
	t.Run("what is delivered within Subscribe reaches the first subscriber", func(t *testing.T) {
		for _, o := range []numbers{operators.Share(leadership.FromSlice(values)), operators.ShareReplay(leadership.FromSlice(values), 200)} {
			for range 2 {
				next := 0
				if err := o.ForEach(t.Context(), func(v int) {
					if v != next {
						t.Fatalf("heard %d, want %d", v, next)
					}
					next++
				}); err != nil || next != len(values) {
					t.Errorf("ended with %v after %d values", err, next)
				}
			}
		}
	})
	t.Run("a source that delivers too much within Subscribe overruns a subscriber that is slow", func(t *testing.T) {
		gate := make(chan struct{})
		heard := 0
		o := operators.Share(leadership.FromSlice(make([]int, 1000)))
		sub := o.Subscribe(func(int) {
			<-gate
			heard++
		})
		close(gate)
		<-sub.Done()
		// The one that it is busy with may have left the mailbox before that was full.
		if !errors.Is(sub.Err(), leadership.ErrOverflow) || heard != 256 && heard != 257 {
			t.Errorf("ended with %v after %d values", sub.Err(), heard)
		}
	})
	t.Run("a slow subscriber ends alone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source := leadership.NewSubject[int]()
			o := operators.Share(source.AsObservable())
			gate := make(chan struct{})
			slow := o.Subscribe(func(int) { <-gate }, leadership.Mailbox(1))
			heard := 0
			quick := o.Subscribe(func(int) { heard++ })
			for range 10 {
				source.Next(1)
				synctest.Wait()
			}
			close(gate)
			<-slow.Done()
			if !errors.Is(slow.Err(), leadership.ErrOverflow) || quick.Err() != nil || heard != 10 {
				t.Errorf("the slow one ended with %v, the other one with %v after %d", slow.Err(), quick.Err(), heard)
			}
			source.Complete()
			<-quick.Done()
		})
	})
	t.Run("Retry starts afresh, for all who retry one new subscription", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var begun, open atomic.Int64
			attempt := leadership.Defer(func() stream { return marble.Source([]string{"-a#", "-b#", "-c|"}[begun.Load()-1]) })
			o := operators.Retry(operators.Share(counted(attempt, &begun, &open)), operators.RetryPolicy{Delay: marble.Frame})
			one, _ := marble.Record(o)
			two, _ := marble.Record(o)
			time.Sleep(20 * marble.Frame)
			if one.Diagram() != "-a--b--c|" || two.Diagram() != one.Diagram() || begun.Load() != 3 || open.Load() != 0 {
				t.Errorf("heard %s and %s, %d subscriptions, %d open", one.Diagram(), two.Diagram(), begun.Load(), open.Load())
			}
		})
	})
	t.Run("failures at once, retried at once, come to an end", func(t *testing.T) {
		n := 0
		o := operators.Retry(operators.Share(leadership.Defer(func() numbers {
			if n++; n < 1000 {
				return leadership.Throw[int](marble.ErrMarble)
			}
			return leadership.Just(n)
		})), operators.RetryPolicy{})
		heard := 0
		if err := o.ForEach(t.Context(), func(v int) { heard = v }); err != nil || heard != 1000 {
			t.Errorf("heard %d, %v", heard, err)
		}
	})
	t.Run("bad input", func(t *testing.T) {
		for _, n := range []int{0, -1} {
			err := operators.ShareReplay(leadership.Just(1), n).ForEach(t.Context(), nil)
			if !errors.Is(err, leadership.ErrInvalidConfig) || !strings.Contains(err.Error(), fmt.Sprintf("ShareReplay n %d must be at least 1", n)) {
				t.Errorf("ended with %v", err)
			}
		}
	})
}

func TestSharePanics(t *testing.T) {
	for _, tt := range []struct {
		name   string
		source stream
	}{
		{"within Subscribe", leadership.Defer(func() stream { panic("boom") })},
		{"at a value", operators.Map(marble.Source("-a-b"), func(v string) string {
			if v == "b" {
				panic("boom")
			}
			return v
		})},
		{"at the first value, within Subscribe", operators.Map(leadership.Just("a"), boom[string, string])},
	} {
		t.Run("a panic upstream "+tt.name+" ends all subscribers, passing by what handles errors", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var begun, open atomic.Int64
				shared := operators.Share(counted(tt.source, &begun, &open))
				o := operators.Retry(shared, operators.RetryPolicy{Max: 3})
				var told [2]error
				first := o.Subscribe(nil, leadership.OnError(func(err error) { told[0] = err }))
				second := o.Subscribe(nil, leadership.OnError(func(err error) { told[1] = err }))
				<-first.Done()
				<-second.Done()
				for i, sub := range []*leadership.Subscription{first, second} {
					var p *leadership.PanicError
					if !errors.As(sub.Err(), &p) || !errors.Is(told[i], sub.Err()) || !strings.Contains(p.Error(), "boom") {
						t.Errorf("subscriber %d was told %v and ended with %v", i, told[i], sub.Err())
					}
				}
				if begun.Load() > 2 || open.Load() != 0 { // none of the retries
					t.Errorf("%d subscriptions, %d open", begun.Load(), open.Load())
				}
			})
		})
	}
	t.Run("a panic in a callback ends that subscriber alone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o := operators.Share(marble.Source("-a-b-|"))
			bad := o.Subscribe(func(string) { panic("callback") })
			good, _ := marble.Record(o)
			<-bad.Done()
			time.Sleep(9 * marble.Frame)
			var p *leadership.PanicError
			if !errors.As(bad.Err(), &p) || p.Value != "callback" || good.Diagram() != "-a-b-|" {
				t.Errorf("ended with %v; the other one heard %s", bad.Err(), good.Diagram())
			}
		})
	})
}

func TestShareFromWithin(t *testing.T) {
	t.Run("a callback may subscribe to the same stream", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o := operators.Share(marble.Source("-a-b-|"))
			var inner *marble.Recorder
			outer := o.Subscribe(func(v string) {
				if v == "a" {
					inner, _ = marble.Record(o)
				}
			})
			<-outer.Done()
			synctest.Wait()
			if got := inner.Diagram(); got != "--b-|" {
				t.Errorf("the inner one heard %s", got)
			}
		})
	})
	t.Run("a function upstream may, too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var o stream
			var inner *marble.Recorder
			o = operators.Share(operators.Map(marble.Source("-a-b-|"), func(v string) string {
				if inner == nil {
					inner, _ = marble.Record(o)
				}
				return v
			}))
			outer, sub := marble.Record(o)
			<-sub.Done()
			synctest.Wait()
			if outer.Diagram() != "-a-b-|" || inner.Diagram() != "a-b-|" {
				t.Errorf("the outer one heard %s, the inner one %s", outer.Diagram(), inner.Diagram())
			}
		})
	})
	t.Run("what subscribes while the source is released starts afresh, and the next one joins it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begun := 0
			var o numbers
			var next *leadership.Subscription
			o = operators.Share(leadership.New(func(s *leadership.Scope, _ leadership.Observer[int]) {
				begun++
				s.OnEnd(func() {
					if next == nil {
						next = o.Subscribe(nil)
					}
				})
			}))
			o.Subscribe(nil).Unsubscribe()
			other := o.Subscribe(nil)
			if begun != 2 {
				t.Errorf("%d subscriptions", begun)
			}
			next.Unsubscribe()
			other.Unsubscribe()
		})
	})
	t.Run("the callback of a completion starts afresh", func(t *testing.T) {
		begun, heard := 0, 0
		o := operators.Share(leadership.Defer(func() numbers {
			begun++
			return leadership.Just(begun)
		}))
		second := make(chan *leadership.Subscription, 1)
		o.Subscribe(nil, leadership.OnComplete(func() { second <- o.Subscribe(func(v int) { heard = v }) }))
		<-(<-second).Done()
		if heard != 2 {
			t.Errorf("heard %d", heard)
		}
	})
}

func TestShareManyComeAndGo(t *testing.T) {
	t.Run("a thousand leave nothing behind, no goroutine either, which would fail the bubble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for name, share := range map[string]func(numbers) numbers{
				"Share":       operators.Share[int],
				"ShareReplay": func(s numbers) numbers { return operators.ShareReplay(s, 3) },
			} {
				var begun, open atomic.Int64
				source := leadership.NewSubject[int]()
				o := share(counted(source.AsObservable(), &begun, &open))
				var subs []*leadership.Subscription
				var heard atomic.Int64
				for i := range 1000 {
					subs = append(subs, o.Subscribe(func(int) { heard.Add(1) }))
					if i%10 == 0 {
						source.Next(i)
						synctest.Wait()
					}
					if i%3 == 0 {
						subs[i/2].Unsubscribe()
					}
				}
				for _, sub := range subs {
					sub.Unsubscribe()
				}
				synctest.Wait()
				if heard.Load() < 1000 || open.Load() != 0 {
					t.Errorf("%s: heard %d values; %d subscriptions are left", name, heard.Load(), open.Load())
				}
			}
		})
	})
	t.Run("several that come and leave at a time never miss the end, nor leave a source open", func(t *testing.T) {
		var begun, open atomic.Int64
		ticking := ticks(t.Context(), 20*time.Microsecond)
		for name, share := range map[string]func(numbers) numbers{
			"Share":       operators.Share[int],
			"ShareReplay": func(s numbers) numbers { return operators.ShareReplay(s, 1) },
		} {
			o := share(counted(operators.Take(ticking, 5), &begun, &open))
			var all sync.WaitGroup
			for i := range 4 {
				all.Go(func() {
					for j := range 80 {
						if (i+j)%3 == 0 {
							if err := o.ForEach(t.Context(), nil); err != nil {
								t.Errorf("%s: ended with %v", name, err)
							}
							continue
						}
						ctx, cancel := context.WithCancel(t.Context())
						if j%2 == 0 {
							all.Go(cancel) // while it comes
						}
						sub := o.Subscribe(nil, leadership.WithContext(ctx))
						for range j % 7 {
							runtime.Gosched()
						}
						sub.Unsubscribe()
						cancel()
					}
				})
			}
			all.Wait()
		}
		// The last ones to leave did not wait for the source.
		for open.Load() != 0 {
			runtime.Gosched()
		}
	})
}

func ExampleShare() {
	begun, source := 0, leadership.NewSubject[string]()
	shared := operators.Share(leadership.Defer(func() leadership.Observable[string] {
		begun++
		return source.AsObservable()
	}))
	first, second := shared.Subscribe(func(v string) { fmt.Println(v) }), shared.Subscribe(nil)
	source.Next("elected")
	source.Complete()
	<-first.Done()
	<-second.Done()
	fmt.Println("subscriptions:", begun)
	// Output:
	// elected
	// subscriptions: 1
}

func ExampleShareReplay() {
	state := operators.ShareReplay(leadership.Just("notelected", "elected"), 1)
	<-state.Subscribe(nil).Done() // it takes both values, and the completion
	late := state.Subscribe(func(v string) { fmt.Println(v) })
	<-late.Done()
	// Output: elected
}
