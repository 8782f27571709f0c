package leadership

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestForEach(t *testing.T) {
	cause := errors.New("enough")
	for _, tt := range []struct {
		name   string
		source Observable[string]
		want   string
		err    error
	}{
		{"completion is no error", Just("a", "b"), "ab", nil},
		{"an error is returned", Throw[string](errTest), "", errTest},
		{"the context's cause is returned", FromSeq(endless), "xxx", cause},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			var got strings.Builder
			err := tt.source.ForEach(ctx, func(v string) {
				got.WriteString(v)
				if got.Len() == 3 {
					cancel(cause)
				}
			})
			if got.String() != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("heard %q, ended with %v", got.String(), err)
			}
		})
	}
	t.Run("it returns after the callback that runs at the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed[string](8, nil)
			f.publish([]string{"a"})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			returned := false
			err := f.observable().ForEach(ctx, func(string) {
				time.Sleep(time.Hour)
				returned = true
			})
			if !returned || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("ended with %v; callback returned: %v", err, returned)
			}
		})
	})
	t.Run("a panic is returned", func(t *testing.T) {
		var p *PanicError
		if err := Just(1).ForEach(t.Context(), func(int) { panic("no") }); !errors.As(err, &p) {
			t.Error(err)
		}
	})
	t.Run("options count, the mailbox too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed[string](8, nil)
			told := false
			go func() {
				synctest.Wait()
				for range 5 {
					f.publish(nil, "a")
				}
			}()
			err := f.observable().ForEach(t.Context(), func(string) { time.Sleep(time.Second) }, Mailbox(2), OnError(func(error) { told = true }))
			if !errors.Is(err, ErrOverflow) || !told {
				t.Errorf("ended with %v, told: %v", err, told)
			}
		})
	})
}

func TestSeq(t *testing.T) {
	read := func(seq iter.Seq2[string, error], limit int) string {
		var got []string
		for v, err := range seq {
			if err != nil {
				got = append(got, "#"+err.Error())
				if v != "" {
					got = append(got, "value with the error: "+v)
				}
				continue
			}
			if got = append(got, v); len(got) == limit {
				break
			}
		}
		return strings.Join(got, " ")
	}
	for _, tt := range []struct {
		name   string
		source Observable[string]
		limit  int
		want   string
	}{
		{"to the completion", Just("a", "b"), 9, "a b"},
		{"to the error, which comes last", New(func(_ *Scope, out Observer[string]) {
			out.Next("a")
			out.Error(errTest)
		}), 9, "a #test"},
		{"left in the middle", FromSeq(endless), 3, "x x x"},
		{"of nothing", Empty[string](), 9, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // whoever is left over is found out
				seq := tt.source.Seq(t.Context())
				for range 2 {
					if got := read(seq, tt.limit); got != tt.want {
						t.Errorf("read %q, want %q", got, tt.want)
					}
				}
			})
		})
	}
	t.Run("the context's end is an error, never an end of the stream", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			f := newFeed[string](8, nil)
			f.publish([]string{"a"})
			if got, want := read(f.observable().Seq(ctx), 9), "a #"+context.DeadlineExceeded.Error(); got != want {
				t.Errorf("read %q, want %q", got, want)
			}
			if got, want := read(Just("a").Seq(ctx), 9), "#"+context.DeadlineExceeded.Error(); got != want {
				t.Errorf("read %q, want %q", got, want)
			}
		})
	})
	t.Run("the body runs on the goroutine that ranges, and a panic in it is its own", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if recover() != "mine" {
					t.Error("the panic did not arrive")
				}
			}()
			for _, err := range FromSeq(endless).Seq(t.Context()) {
				t.Log(err)
				panic("mine")
			}
		})
	})
	t.Run("a loop within a loop over the same hot source", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed[string](8, nil)
			f.publish([]string{"a", "b"})
			n := 0
			for _, err := range f.observable().Seq(t.Context()) {
				for _, inner := range f.observable().Seq(t.Context()) {
					if err != nil || inner != nil {
						t.Error(err, inner)
					}
					n++
					break
				}
				if n == 2 {
					break
				}
			}
		})
	})
}

func TestChan(t *testing.T) {
	t.Run("closed after the last value, and the subscription says why", func(t *testing.T) {
		for _, tt := range []struct {
			source Observable[string]
			want   string
			err    error
		}{
			{Just("a", "b"), "ab", nil},
			{Throw[string](errTest), "", errTest},
		} {
			values, sub := tt.source.Chan(t.Context())
			got := ""
			for v := range values {
				got += v
			}
			if got != tt.want || !errors.Is(sub.Err(), tt.err) {
				t.Errorf("received %q, ended with %v", got, sub.Err())
			}
		}
	})
	t.Run("one that nobody receives from holds up nobody and ends with its context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed(4, repeats)
			ctx, cancel := context.WithCancel(t.Context())
			values, sub := f.observable().Chan(ctx)
			synctest.Wait()
			for i := range 100 {
				f.publish(nil, fmt.Sprint("a", i))
				synctest.Wait()
			}
			if sub.Coalesced() == 0 {
				t.Error("nothing was coalesced")
			}
			if got := <-values; got != "a0" {
				t.Errorf("received %q", got)
			}
			cancel()
			<-sub.Done()
			if v, ok := <-values; ok {
				t.Errorf("received %q after the end", v)
			}
			if !errors.Is(sub.Err(), context.Canceled) {
				t.Errorf("Err %v", sub.Err())
			}
		})
	})
	t.Run("after Unsubscribe it is closed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			values, sub := FromSeq(endless).Chan(t.Context())
			<-values
			sub.Unsubscribe()
			if _, ok := <-values; ok {
				t.Error("a value after Unsubscribe")
			}
			if !errors.Is(sub.Err(), ErrUnsubscribed) {
				t.Errorf("Err %v", sub.Err())
			}
		})
	})
}

func TestFromChan(t *testing.T) {
	t.Run("to the close", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			values := make(chan string, 3)
			values <- "a"
			values <- "b"
			close(values)
			var r trace
			<-r.subscribe(FromChan(values), nil).Done()
			r.is(t, "a b |")
		})
	})
	t.Run("each value to one subscriber, and none taken after Unsubscribe", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			values := make(chan int)
			var mu sync.Mutex
			seen := map[int]int{}
			note := func(v int) {
				mu.Lock()
				defer mu.Unlock()
				seen[v]++
			}
			first, second := FromChan(values).Subscribe(note), FromChan(values).Subscribe(note)
			for i := range 100 {
				values <- i
			}
			synctest.Wait()
			first.Unsubscribe()
			second.Unsubscribe()
			select {
			case values <- 100:
				t.Error("somebody still receives")
			default:
			}
			if len(seen) != 100 {
				t.Errorf("%d values seen", len(seen))
			}
		})
	})
	t.Run("a nil channel is silent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var r trace
			sub := r.subscribe(FromChan[string](nil), nil)
			synctest.Wait()
			sub.Unsubscribe()
			r.is(t, "")
		})
	})
}
