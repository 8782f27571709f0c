package operators_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

// slowly hears a stream with a callback that takes so many frames, and notes the frame in which each call begins.
func slowly(o stream, frames int, opts ...leadership.SubscribeOption) (heard func() string, sub *leadership.Subscription) {
	began := time.Now()
	var calls []string
	note := func(what string) {
		calls = append(calls, fmt.Sprintf("%s%d", what, (time.Since(began)+marble.Frame/2)/marble.Frame))
	}
	sub = o.Subscribe(func(v string) {
		note(v)
		time.Sleep(time.Duration(frames) * marble.Frame)
	}, append(opts, leadership.OnError(func(error) { note("#") }), leadership.OnComplete(func() { note("|") }))...)
	return func() string { return fmt.Sprint(calls) }, sub
}

func TestObserveOn(t *testing.T) {
	spec(t, operators.ObserveOn[string], "-a-(bc)-|", "-a-(bc)-|")
	spec(t, operators.ObserveOn[string], "(ab|)", "(ab|)")
	spec(t, operators.ObserveOn[string], "-a-(b#)", "-a-(b#)")
	spec(t, operators.ObserveOn[string], "|", "|")
	spec(t, operators.ObserveOn[string], "#", "#")
	spec(t, operators.ObserveOn[string], "--", "")
	for _, tt := range []struct{ name, source, want string }{
		{"a slow subscriber holds the source up no more, and hears everything", "-a-b-c-|", "[a1 b5 c9 |13]"},
		{"an error does not overtake values", "-abc#", "[a1 b5 c9 #13]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told []time.Duration
				began := time.Now()
				source := operators.Map(marble.Source(tt.source), func(v string) string {
					told = append(told, time.Since(began).Round(marble.Frame)/marble.Frame)
					return v
				})
				heard, sub := slowly(operators.ObserveOn(source), 4)
				<-sub.Done()
				if got := heard(); got != tt.want {
					t.Errorf("heard %s, want %s", got, tt.want)
				}
				if len(told) != 3 || told[2] > 5 {
					t.Errorf("the source was held up: %v", told)
				}
			})
		})
	}
	t.Run("the source is released with its terminal, before that is told", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			released := false
			source := leadership.New(func(s *leadership.Scope, out leadership.Observer[int]) {
				s.OnEnd(func() { released = true })
				out.Next(1)
				out.Complete()
				out.Next(2)
				out.Error(marble.ErrMarble)
			})
			gate := make(chan struct{})
			heard := 0
			sub := operators.ObserveOn(source).Subscribe(func(v int) {
				<-gate
				heard += v
			})
			if !released {
				t.Error("not released")
			}
			close(gate)
			<-sub.Done()
			if sub.Err() != nil || heard != 1 {
				t.Errorf("heard %d, %v", heard, sub.Err())
			}
		})
	})
	t.Run("no more than the mailbox holds may wait, besides the one that is heard", func(t *testing.T) {
		for _, tt := range []struct {
			values, mailbox, heard int
			want                   error
		}{
			{257, 0, 257, nil},
			{258, 0, 257, leadership.ErrOverflow},
			{1000, 0, 257, leadership.ErrOverflow},
			{4, 3, 4, nil},
			{5, 3, 4, leadership.ErrOverflow},
		} {
			synctest.Test(t, func(t *testing.T) {
				source := leadership.NewSubject[int]()
				open, heard := 0, 0
				gate := make(chan struct{})
				o := operators.Merge(held[int](&open), source.AsObservable())
				sub := operators.ObserveOn(pushed(o, tt.values)).Subscribe(func(v int) {
					<-gate
					if v != heard {
						t.Errorf("heard %d, want %d", v, heard)
					}
					heard++
				}, leadership.Mailbox(tt.mailbox))
				synctest.Wait()
				if (open == 0) != (tt.want != nil) {
					t.Errorf("%d values: %d sources open", tt.values, open)
				}
				close(gate)
				synctest.Wait()
				sub.Unsubscribe()
				if err := sub.Err(); heard != tt.heard || tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && !errors.Is(err, leadership.ErrUnsubscribed) {
					t.Errorf("%d values, mailbox %d: heard %d, ended with %v", tt.values, tt.mailbox, heard, err)
				}
			})
		}
	})
	t.Run("where the goroutine has taken a batch, what is left of it counts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			step := make(chan struct{})
			var push leadership.Observer[int]
			source := leadership.Create(func(_ *leadership.Scope, out leadership.Observer[int]) { push = out })
			heard := 0
			sub := operators.ObserveOn(source).Subscribe(func(int) {
				<-step
				heard++
			}, leadership.Mailbox(3))
			for range 4 { // one is heard, three wait
				push.Next(1)
				synctest.Wait()
			}
			step <- struct{}{}
			synctest.Wait() // the second one is heard: it and the two after it are one batch
			push.Next(1)
			if sub.Err() != nil {
				t.Fatal(sub.Err())
			}
			push.Next(1) // a fourth to wait
			close(step)
			<-sub.Done()
			if !errors.Is(sub.Err(), leadership.ErrOverflow) || heard != 5 {
				t.Errorf("ended with %v after %d", sub.Err(), heard)
			}
		})
	})
	t.Run("Unsubscribe waits for the callback on the goroutine, which then ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			heard, sub := slowly(operators.ObserveOn(marble.Source("-abc")), 4)
			time.Sleep(6 * marble.Frame)
			began := time.Now()
			sub.Unsubscribe()
			if took := time.Since(began).Round(marble.Frame); took != 3*marble.Frame || heard() != "[a1 b5]" {
				t.Errorf("waited %v, heard %s", took, heard())
			}
		})
	})
	t.Run("a callback may unsubscribe", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var sub *leadership.Subscription
			subscribed := make(chan struct{})
			heard := 0
			sub = operators.ObserveOn(marble.Source("-(abc)")).Subscribe(func(string) {
				heard++
				<-subscribed
				sub.Unsubscribe()
			})
			close(subscribed)
			<-sub.Done()
			if heard != 1 {
				t.Errorf("heard %d", heard)
			}
		})
	})
	t.Run("after the end nothing runs for what waited", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			mapped := 0
			o := operators.Map(operators.ObserveOn(leadership.Just(1, 2, 3)), func(v int) int {
				mapped++
				return v
			})
			subscribed := make(chan struct{})
			var sub *leadership.Subscription
			sub = o.Subscribe(func(int) {
				<-subscribed
				sub.Unsubscribe()
			})
			close(subscribed)
			<-sub.Done()
			if mapped != 1 {
				t.Errorf("%d values were mapped", mapped)
			}
		})
	})
	t.Run("what was emitted is not kept", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var push leadership.Observer[*[64]int]
			sub := operators.ObserveOn(leadership.New(func(_ *leadership.Scope, out leadership.Observer[*[64]int]) { push = out })).Subscribe(nil)
			if !collected(push) {
				t.Error("a value is kept")
			}
			sub.Unsubscribe()
		})
	})
	t.Run("a panic in the callback ends the subscription", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			open := 0
			sub := operators.ObserveOn(held(&open, 1, 2)).Subscribe(func(int) { panic("callback") })
			<-sub.Done()
			var p *leadership.PanicError
			if !errors.As(sub.Err(), &p) || open != 0 {
				t.Errorf("ended with %v, %d open", sub.Err(), open)
			}
		})
	})
	t.Run("nothing is lost between goroutines that come and go", func(t *testing.T) {
		for range 50 {
			const n = 300
			var heard []int
			source := leadership.New(func(_ *leadership.Scope, out leadership.Observer[int]) {
				for i := range n {
					out.Next(i)
				}
				out.Complete()
			})
			if err := operators.ObserveOn(source).ForEach(t.Context(), func(v int) { heard = append(heard, v) }, leadership.Mailbox(n)); err != nil {
				t.Fatal(err)
			}
			if len(heard) != n || !slices.IsSorted(heard) {
				t.Fatalf("heard %v", heard)
			}
		}
	})
}

// pushed emits 0 to n-1 within Subscribe, after subscribing to o, which it emits too.
func pushed(o numbers, n int) numbers {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[int]) {
		o.SubscribeIn(s, out)
		for i := range n {
			out.Next(i)
			synctest.Wait() // for the goroutine to take the first one
		}
	})
}

func TestObserveOnAllocatesNothingForAnEvent(t *testing.T) {
	const burst = 200
	var push leadership.Observer[int]
	start, done := make(chan struct{}), make(chan struct{})
	sub := operators.ObserveOn(leadership.New(func(_ *leadership.Scope, out leadership.Observer[int]) { push = out })).Subscribe(func(v int) {
		switch v {
		case 0:
			<-start
		case burst - 1:
			done <- struct{}{}
		}
	})
	defer sub.Unsubscribe()
	got := testing.AllocsPerRun(50, func() {
		for v := range burst {
			push.Next(v)
		}
		start <- struct{}{}
		<-done
	})
	if got > 3 { // for the goroutine
		t.Errorf("%v allocations for %d events in one burst", got, burst)
	}
}

func ExampleObserveOn() {
	source := leadership.NewSubject[string]()
	gate := make(chan struct{})
	sub := operators.ObserveOn(source.AsObservable()).Subscribe(func(v string) {
		<-gate // as long as it takes: nothing upstream waits
		fmt.Println("job for", v)
	})
	source.Next("node-1")
	source.Next("node-2")
	source.Complete()
	close(gate)
	<-sub.Done()
	// Output:
	// job for node-1
	// job for node-2
}
