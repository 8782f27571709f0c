package operators_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

// TestNoMoreWaitsThanTheMailboxHolds lets one value through after the mailbox was full once: what is taken from a queue together still counts.
func TestNoMoreWaitsThanTheMailboxHolds(t *testing.T) {
	const size = 4
	for name, op := range map[string]func(numbers) numbers{
		"Debounce":  func(s numbers) numbers { return operators.Debounce(s, marble.Frame) },
		"Delay":     func(s numbers) numbers { return operators.Delay(s, marble.Frame) },
		"ObserveOn": operators.ObserveOn[int],
		"Merge":     func(s numbers) numbers { return operators.Merge(s, leadership.Never[int]()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// From a goroutine for each value, so that none of them waits for the subscriber.
				src := leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
					s.Go(func() {
						for v := range 100 {
							s.Go(func() { out.Next(v) })
							time.Sleep(2 * marble.Frame)
						}
					})
				})
				heard, began := 0, time.Now()
				gate := make(chan struct{})
				sub := op(src).Subscribe(func(int) {
					heard++
					<-gate
				}, leadership.Mailbox(size))
				time.Sleep(2*marble.Frame*(1+size) - marble.Frame/2) // one is with the subscriber, and the mailbox is full
				gate <- struct{}{}
				<-time.After(marble.Frame * 20)
				close(gate)
				<-sub.Done()
				// One that was let through, one with the subscriber, and what waited.
				if want := 2 + size; heard > want || !errors.Is(sub.Err(), leadership.ErrOverflow) {
					t.Errorf("%d values were kept, want %d at most, until %v; %v", heard, want, time.Since(began), sub.Err())
				}
			})
		})
	}
}
