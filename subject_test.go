package leadership_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/leadership-go/leadership"
)

// hearing notes what a subscriber of numbers is told.
func hearing(o leadership.Observable[int]) (heard func() string) {
	var (
		mu   sync.Mutex
		said = ""
	)
	note := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		said += s
	}
	o.Subscribe(func(v int) { note(fmt.Sprint(v)) },
		leadership.OnError(func(error) { note("#") }), leadership.OnComplete(func() { note("|") }))
	return func() string {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return said
	}
}

func TestSubject(t *testing.T) {
	failure := errors.New("failure")
	for _, tt := range []struct {
		name   string
		replay int
		before []int // what is told before the late one subscribes
		after  []int
		how    error
		early  string
		late   string
		last   string // who subscribes after the terminal
	}{
		{"a late subscriber hears what follows", 0, []int{1, 2}, []int{3}, nil, "123|", "3|", "|"},
		{"a failure reaches all, early and late", 0, []int{1}, nil, failure, "1#", "#", "#"},
		{"the latest n come first", 2, []int{1, 2, 3}, []int{4}, nil, "1234|", "234|", "34|"},
		{"fewer than n are all there are", 3, []int{1}, nil, nil, "1|", "1|", "1|"},
		{"the latest n come before a failure too", 1, []int{1, 2}, []int{3}, failure, "123#", "23#", "3#"},
		{"a replay of less than nothing is none", -1, []int{1}, []int{2}, nil, "12|", "2|", "|"},
		{"many values leave the latest", 2, []int{1, 2, 3, 4, 5, 6, 7, 8}, []int{9}, nil, "123456789|", "789|", "89|"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := leadership.NewReplaySubject[int](tt.replay)
				early := hearing(s.AsObservable())
				for _, v := range tt.before {
					s.Next(v)
				}
				late := hearing(s.AsObservable())
				for _, v := range tt.after {
					s.Next(v)
				}
				if tt.how != nil {
					s.Error(tt.how)
				} else {
					s.Complete()
				}
				s.Next(0)
				s.Error(failure)
				s.Complete()
				for _, check := range []struct{ who, got, want string }{
					{"early", early(), tt.early},
					{"late", late(), tt.late},
					{"last", hearing(s.AsObservable())(), tt.last},
				} {
					if check.got != check.want {
						t.Errorf("the %s subscriber heard %q, want %q", check.who, check.got, check.want)
					}
				}
			})
		})
	}
	t.Run("a zero Subject is ready for use", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var s leadership.Subject[int]
			heard := hearing(s.AsObservable())
			s.Next(1)
			s.Complete()
			if got := heard(); got != "1|" {
				t.Errorf("heard %q", got)
			}
		})
	})
	t.Run("a nil error is an error", func(t *testing.T) {
		s := leadership.NewSubject[int]()
		s.Error(nil)
		if err := s.AsObservable().ForEach(t.Context(), nil); err == nil {
			t.Error("ended well")
		}
	})
	t.Run("subscribers and their callbacks may tell it, and a stuck one ends by itself", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := leadership.NewReplaySubject[int](1)
			gate := make(chan struct{})
			stuck := s.AsObservable().Subscribe(func(int) { <-gate }, leadership.Mailbox(2))
			sum := 0
			quick := s.AsObservable().Subscribe(func(v int) {
				sum += v
				if v < 9 {
					s.Next(v + 1)
				} else {
					s.Complete()
				}
			})
			s.Next(1)
			<-quick.Done()
			if sum != 45 {
				t.Errorf("the sum is %d", sum)
			}
			close(gate)
			<-stuck.Done()
			if !errors.Is(stuck.Err(), leadership.ErrOverflow) {
				t.Errorf("the stuck one ended with %v", stuck.Err())
			}
		})
	})
	t.Run("told by several at a time, all subscribers hear the same order", func(t *testing.T) {
		s := leadership.NewReplaySubject[int](3)
		var heard [3][]int
		var subs []*leadership.Subscription
		for i := range heard {
			subs = append(subs, s.AsObservable().Subscribe(func(v int) { heard[i] = append(heard[i], v) }, leadership.Mailbox(1000)))
		}
		var tellers sync.WaitGroup
		for i := range 4 {
			tellers.Go(func() {
				for j := range 100 {
					s.Next(100*i + j)
				}
			})
		}
		tellers.Wait()
		s.Complete()
		for _, sub := range subs {
			<-sub.Done()
		}
		for i := range heard {
			if len(heard[i]) != 400 || fmt.Sprint(heard[i]) != fmt.Sprint(heard[0]) {
				t.Errorf("subscriber %d heard %d values, in another order than the first one", i, len(heard[i]))
			}
		}
		var late []int
		if err := s.AsObservable().ForEach(t.Context(), func(v int) { late = append(late, v) }); err != nil || fmt.Sprint(late) != fmt.Sprint(heard[0][397:]) {
			t.Errorf("a late one heard %v, %v; the latest are %v", late, err, heard[0][397:])
		}
	})
}

func ExampleSubject() {
	load := leadership.NewReplaySubject[int](1)
	load.Next(70) // nobody hears it now, but it is the latest value
	sub := load.AsObservable().Subscribe(func(v int) { fmt.Println(v, "%") })
	load.Next(90)
	load.Complete()
	<-sub.Done()
	// Output:
	// 70 %
	// 90 %
}
