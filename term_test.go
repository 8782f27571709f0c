package leadership

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// newTestTerm is a term of token 7 with lease to go, and a count of its lapses.
func newTestTerm(lease time.Duration) (*term, *int) {
	lapses := new(int)
	c := newClock()
	return newTerm(context.Background(), "key", Holder{Session: "s1", Token: 7}, c.now().after(lease), c, func() { *lapses++ }), lapses
}

func TestTerm(t *testing.T) {
	t.Run("it is valid until its deadline, and lapses at the first question after", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			shared, lapses := newTestTerm(time.Second)
			tm := Term{shared}
			ctx := tm.Context()
			time.Sleep(time.Second - 1)
			if !tm.Valid() || ctx.Err() != nil {
				t.Fatal("over too early")
			}
			if got := time.Until(tm.Deadline()); got != 1 {
				t.Errorf("deadline in %v", got)
			}
			time.Sleep(time.Nanosecond)
			if tm.Valid() || *lapses != 1 {
				t.Fatalf("valid at the deadline; %d lapses", *lapses)
			}
			if !errors.Is(context.Cause(ctx), ErrLeaseExpired) {
				t.Errorf("cause %v", context.Cause(ctx))
			}
			if shared.extend(shared.clock.now().after(time.Hour)) || tm.Valid() {
				t.Error("a term that lapsed resumed")
			}
			if !tm.Deadline().IsZero() {
				t.Error("it still has a deadline")
			}
		})
	})
	t.Run("its context says no at the first question after the deadline, before any timer", func(t *testing.T) {
		for name, over := range map[string]func(context.Context) bool{
			"Err":  func(ctx context.Context) bool { return ctx.Err() != nil },
			"Done": func(ctx context.Context) bool { <-ctx.Done(); return true },
			"a derived context": func(ctx context.Context) bool {
				child, cancel := context.WithCancel(ctx)
				defer cancel()
				return child.Err() != nil
			},
		} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					shared, _ := newTestTerm(time.Second)
					ctx := Term{shared}.Context()
					time.Sleep(2 * time.Second)
					if !over(ctx) {
						t.Error("it is not over")
					}
				})
			})
		}
	})
	t.Run("a proof moves the deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			shared, _ := newTestTerm(time.Second)
			shared.extend(shared.clock.now().after(3 * time.Second))
			time.Sleep(2 * time.Second)
			if !(Term{shared}).Valid() {
				t.Error("over too early")
			}
		})
	})
	t.Run("the boot clock ends it, too", func(t *testing.T) {
		shared, _ := newTestTerm(time.Hour)
		shared.clock.boot -= 2 * time.Hour // as after a suspend of two hours
		if (Term{shared}).Valid() {
			t.Error("it survived the suspend")
		}
	})
	t.Run("it ends with its cause", func(t *testing.T) {
		shared, lapses := newTestTerm(time.Hour)
		ctx := Term{shared}.Context()
		shared.end(ErrResigned)
		if (Term{shared}).Valid() || !errors.Is(context.Cause(ctx), ErrResigned) || *lapses != 0 {
			t.Errorf("cause %v, %d lapses", context.Cause(ctx), *lapses)
		}
	})
	t.Run("the zero Term is over", func(t *testing.T) {
		var tm Term
		if tm.Valid() || tm.Token() != 0 || !tm.Deadline().IsZero() || tm.Context().Err() == nil {
			t.Error("it is not")
		}
	})
}

func TestInstant(t *testing.T) {
	at := instant{mono: 5, boot: 8}
	for _, tt := range []struct {
		name     string
		deadline instant
		over     bool
	}{
		{"both clocks before it", instant{6, 9}, false},
		{"the monotonic clock at it", instant{5, 9}, true},
		{"the boot clock at it", instant{6, 8}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if at.reached(tt.deadline) != tt.over || (at.until(tt.deadline) <= 0) != tt.over {
				t.Errorf("reached %v, until %v", at.reached(tt.deadline), at.until(tt.deadline))
			}
		})
	}
}

func TestBootClockRunsOn(t *testing.T) {
	a := bootClock()
	for b := bootClock(); b <= a; b = bootClock() {
		if b < a {
			t.Fatalf("it went back from %v to %v", a, b)
		}
	}
}
