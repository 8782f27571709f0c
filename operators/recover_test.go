package operators_test

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

func retried(p operators.RetryPolicy) func(stream) stream {
	return func(s stream) stream { return operators.Retry(s, p) }
}

func TestRetry(t *testing.T) {
	const frame = marble.Frame
	spec(t, retried(operators.RetryPolicy{Max: 2}), "-a-#", "-a--a--a-#")
	spec(t, retried(operators.RetryPolicy{Max: 2}), "-a-|", "-a-|")
	spec(t, retried(operators.RetryPolicy{Max: 2, Delay: 3 * frame}), "a#", "a---a---a#")
	spec(t, retried(operators.RetryPolicy{Max: 4, Delay: frame, Factor: 2}), "#", "---------------#")
	spec(t, retried(operators.RetryPolicy{Max: 4, Delay: frame, Factor: 2, MaxDelay: 2 * frame}), "#", "-------#")
	spec(t, retried(operators.RetryPolicy{If: func(err error) bool { return !errors.Is(err, marble.ErrMarble) }}), "-a#", "-a#")
	t.Run("a healthy spell makes the next failure the first again", func(t *testing.T) {
		attempt := 0
		source := leadership.Defer(func() stream {
			attempt++
			return marble.Source([]string{"", "#", "#", "-----#", "#", "#", "#"}[attempt])
		})
		synctest.Test(t, func(t *testing.T) {
			r, sub := marble.Record(operators.Retry(source, operators.RetryPolicy{Max: 2, Delay: frame, Factor: 2, Healthy: 3 * frame}))
			<-sub.Done()
			// 1 + 2 frames of waiting, 5 of health, 1 + 2 again.
			if got, want := r.Diagram(), "-----------#"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if attempt != 5 {
				t.Errorf("%d attempts, want 5", attempt)
			}
		})
	})
	t.Run("jitter spreads the delay within its part", func(t *testing.T) {
		seen := map[time.Duration]bool{}
		for range 100 {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				sub := operators.Retry(leadership.Throw[int](marble.ErrMarble), operators.RetryPolicy{Max: 1, Delay: time.Second, Jitter: 0.2}).Subscribe(nil)
				<-sub.Done()
				took := time.Since(began)
				if took < 800*time.Millisecond || took > 1200*time.Millisecond {
					t.Errorf("waited %v", took)
				}
				seen[took] = true
			})
		}
		if len(seen) < 50 {
			t.Errorf("only %d different delays of 100", len(seen))
		}
	})
	t.Run("the failed attempt is released before the next begins", func(t *testing.T) {
		open, attempts := 0, 0
		source := leadership.New(func(s *leadership.Scope, out leadership.Observer[int]) {
			attempts++
			if open++; open > 1 {
				t.Error("two attempts at a time")
			}
			s.OnEnd(func() { open-- })
			out.Error(marble.ErrMarble)
		})
		err := operators.Retry(source, operators.RetryPolicy{Max: 9}).ForEach(t.Context(), nil)
		if !errors.Is(err, marble.ErrMarble) || open != 0 || attempts != 10 {
			t.Errorf("ended with %v, %d open, %d attempts", err, open, attempts)
		}
	})
	t.Run("failures at once do not grow the stack", func(t *testing.T) {
		const last = 2000
		n := 0
		depths := map[int]bool{}
		source := leadership.Defer(func() leadership.Observable[int] {
			depths[runtime.Callers(0, make([]uintptr, 10*last))] = true
			if n++; n == last {
				return leadership.Just(n)
			}
			return leadership.Throw[int](marble.ErrMarble)
		})
		if err := operators.Retry(source, operators.RetryPolicy{}).ForEach(t.Context(), func(v int) {
			if v != last {
				t.Errorf("heard %d", v)
			}
		}); err != nil || len(depths) != 1 {
			t.Errorf("ended with %v; %d different depths", err, len(depths))
		}
	})
	t.Run("policies out of range are brought into it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, p := range []operators.RetryPolicy{
				{Delay: -1, Factor: -1, MaxDelay: -1, Jitter: -1, Healthy: -1},
				{Delay: math.MaxInt64, Factor: math.Inf(1), MaxDelay: math.MaxInt64, Jitter: math.Inf(1)},
				{Delay: time.Second, Factor: math.NaN(), Jitter: math.NaN()},
			} {
				p.Max = 3
				began := time.Now()
				sub := operators.Retry(leadership.Throw[int](marble.ErrMarble), p).Subscribe(nil)
				time.Sleep(time.Minute)
				sub.Unsubscribe()
				<-sub.Done()
				if took := time.Since(began); took != time.Minute {
					t.Errorf("%+v took %v", p, took)
				}
			}
		})
	})
	t.Run("a panic is not retried", func(t *testing.T) {
		attempts := 0
		source := leadership.Defer(func() leadership.Observable[int] {
			attempts++
			panic("boom")
		})
		var failed *leadership.PanicError
		if err := operators.Retry(source, operators.RetryPolicy{}).ForEach(t.Context(), nil); !errors.As(err, &failed) || attempts != 1 {
			t.Errorf("ended with %v after %d attempts", err, attempts)
		}
	})
}

func TestRetryPassesAPanicOnThatSomebodyHasHandedOn(t *testing.T) {
	attempts := 0
	panicked := leadership.Defer(func() numbers {
		attempts++
		return leadership.Throw[int](fmt.Errorf("handed on: %w", &leadership.PanicError{Value: "boom"}))
	})
	policy := operators.RetryPolicy{Max: 3, If: func(error) bool {
		t.Error("the policy was asked")
		return true
	}}
	var p *leadership.PanicError
	if err := operators.Retry(panicked, policy).ForEach(t.Context(), nil); !errors.As(err, &p) || attempts != 1 {
		t.Errorf("%d attempts, ended with %v", attempts, err)
	}
}

func ExampleRetry() {
	attempt := 0
	source := leadership.Defer(func() leadership.Observable[string] {
		if attempt++; attempt < 3 {
			return leadership.Throw[string](errors.New("not yet"))
		}
		return leadership.Just(fmt.Sprintf("attempt %d", attempt))
	})
	operators.Retry(source, operators.RetryPolicy{Max: 5}).Subscribe(func(s string) { fmt.Println(s) })
	// Output: attempt 3
}
