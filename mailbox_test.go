package leadership

import (
	"errors"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"weak"
)

func TestAMailboxOfManyHoldsNoMoreThanItsSize(t *testing.T) {
	const size = 256
	for _, before := range []int{0, 1, size / 8, size / 2, size} { // how many are delivered before the callback is stuck
		synctest.Test(t, func(t *testing.T) {
			f := newFeed[int](size, nil)
			gate := make(chan struct{})
			heard := 0
			sub := f.observable().Subscribe(func(v int) {
				if v > before {
					<-gate
				}
				heard++
			})
			for v := range 10 * size {
				f.publish(nil, v)
				if v <= before+1 {
					synctest.Wait()
				}
			}
			synctest.Wait()
			close(gate)
			<-sub.Done()
			if want := before + 1 + 1 + size; heard != want || !errors.Is(sub.Err(), ErrOverflow) {
				t.Errorf("stuck after %d it heard %d values, want %d, then %v", before, heard, want, sub.Err())
			}
		})
	}
}

func TestAMailboxHasRoomForItsSizeAsSoonAsTheLastValueIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 256
		f := newFeed[int](size, nil)
		burst := func() {
			for v := range size {
				f.publish(nil, v)
			}
		}
		n := 0
		sub := f.observable().Subscribe(func(int) {
			if n++; n < 10*size && n%size == 0 {
				burst() // the runner is not back for more yet
			}
		})
		burst()
		synctest.Wait()
		sub.Unsubscribe()
		if n != 10*size {
			t.Errorf("heard %d values, then %v", n, sub.Err())
		}
	})
}

func TestUnsubscribeWithinWhatARunnerHasTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed[int](256, nil)
		gate := make(chan struct{})
		var heard []int
		var sub *Subscription
		sub = f.observable().Subscribe(func(v int) {
			if v == 0 {
				<-gate
			}
			heard = append(heard, v)
			if v == 3 {
				sub.Unsubscribe()
			}
		})
		for v := range 100 {
			f.publish(nil, v)
		}
		close(gate)
		<-sub.Done()
		if len(heard) != 4 {
			t.Errorf("heard %v", heard)
		}
	})
}

func TestAMailboxKeepsNothingThatWasDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed[*[64]byte](64, nil)
		gate := make(chan struct{})
		n := 0
		sub := f.observable().Subscribe(func(*[64]byte) {
			if n++; n == 1 || n == 33 {
				<-gate
			}
		})
		var delivered []weak.Pointer[[64]byte]
		for range 64 {
			v := new([64]byte)
			delivered = append(delivered, weak.Make(v))
			f.publish(nil, v)
		}
		gate <- struct{}{}
		synctest.Wait() // stuck at the 33rd
		runtime.GC()
		for i, w := range delivered[1:24] { // what the runner took together may be there until it has delivered all of it
			if w.Value() != nil {
				t.Errorf("value %d is kept", i+1)
			}
		}
		close(gate)
		sub.Unsubscribe()
	})
}

func TestAHugeMailboxIsNoHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := NewSubject[int](), 0
		sub := s.AsObservable().Subscribe(func(int) { n++ }, Mailbox(math.MaxInt))
		for i := range 100 {
			s.Next(i)
		}
		synctest.Wait()
		if n != 100 {
			t.Errorf("heard %d of 100", n)
		}
		sub.Unsubscribe()
	})
}

func TestALargeReplayDoesNotOverrunItsSubscriber(t *testing.T) {
	for _, size := range []int{256, 1000, math.MaxInt} {
		synctest.Test(t, func(t *testing.T) {
			s, n := NewReplaySubject[int](size), 0
			for i := range 1000 {
				s.Next(i)
			}
			sub := s.AsObservable().Subscribe(func(int) { n++ })
			for i := range 256 {
				s.Next(i)
			}
			synctest.Wait()
			if want := min(size, 1000) + 256; n != want || sub.Err() != nil {
				t.Errorf("replaying %d, a subscriber heard %d values of %d, and ended with %v", size, n, want, sub.Err())
			}
			sub.Unsubscribe()
		})
	}
}
