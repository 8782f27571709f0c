package operators_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

// links are the operators that random chains are made of.
var links = map[string]func(stream) stream{
	"filter":   func(s stream) stream { return operators.Filter(s, func(v string) bool { return v != "b" }) },
	"map":      func(s stream) stream { return operators.Map(s, strings.ToUpper) },
	"distinct": operators.DistinctUntilChanged[string],
	"by":       func(s stream) stream { return operators.DistinctUntilChangedBy(s, strings.ToLower) },
	"debounce": debounced(2),
	"retry":    retried(operators.RetryPolicy{Max: 2, Delay: marble.Frame, Jitter: 0.5}),
	"again":    retried(operators.RetryPolicy{Max: 1}),
	"faulty": func(s stream) stream {
		return operators.Map(s, func(v string) string {
			if v == "X" || v == "x" {
				panic("x")
			}
			return v
		})
	},
}

// TestRandomChains cancels random chains at random and checks the rules that hold for every stream. synctest finds what is left over.
func TestRandomChains(t *testing.T) {
	names := slices.Sorted(maps.Keys(links))
	diagrams := rapid.StringMatching(`([-abcx]|\([abx]{1,3}\)){0,12}[|#]?`)
	rapid.Check(t, func(r *rapid.T) {
		diagram := diagrams.Draw(r, "source")
		chain := rapid.SliceOfN(rapid.SampledFrom(names), 0, 5).Draw(r, "chain")
		cutAt := time.Duration(rapid.IntRange(0, 30*4).Draw(r, "quarters of a frame")) * marble.Frame / 4
		how := rapid.SampledFrom([]string{"unsubscribe", "context", "from the callback", "panic", "slow", "not at all"}).Draw(r, "end")
		failed := ""
		// What fails in the bubble is told outside of it, where rapid can shrink it.
		synctest.Test(t, func(t *testing.T) {
			failed = runChain(t, diagram, chain, cutAt, how)
		})
		if failed != "" {
			r.Fatalf("%s %v, %s at %v: %s", diagram, chain, how, cutAt, failed)
		}
	})
}

func runChain(t *testing.T, diagram string, chain []string, cutAt time.Duration, how string) (failed string) {
	o := marble.Source(diagram)
	for _, name := range chain {
		o = links[name](o)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var (
		sub        *leadership.Subscription
		busy       bool
		over       bool // Unsubscribe has returned
		terminals  []error
		subscribed = make(chan struct{})
		began      = time.Now()
	)
	fail := func(format string, args ...any) {
		if failed == "" {
			failed = fmt.Sprintf(format, args...)
		}
	}
	enter := func(what string) {
		switch {
		case busy:
			fail("%s during another call", what)
		case over:
			fail("%s after Unsubscribe had returned", what)
		case len(terminals) > 0:
			fail("%s after the terminal %v", what, terminals)
		}
		busy = true
	}
	next := func(v string) {
		enter(v)
		defer func() { busy = false }()
		cut := time.Since(began) >= cutAt
		switch {
		case how == "slow":
			time.Sleep(marble.Frame * 3 / 2)
		case how == "panic" && cut:
			panic("callback")
		case how == "from the callback" && cut:
			<-subscribed
			sub.Unsubscribe()
		}
	}
	sub = o.Subscribe(next, leadership.WithContext(ctx), leadership.OnError(func(err error) {
		enter("error")
		terminals, busy = append(terminals, err), false
	}), leadership.OnComplete(func() {
		enter("completion")
		terminals, busy = append(terminals, nil), false
	}))
	close(subscribed)
	time.Sleep(cutAt)
	cause := errors.New("cut")
	switch how {
	case "unsubscribe":
		sub.Unsubscribe()
		over = true
	case "context":
		cancel(cause)
	}
	time.Sleep(200 * marble.Frame)
	synctest.Wait()
	sub.Unsubscribe()
	over = true
	<-sub.Done()
	err := sub.Err()
	var panicked *leadership.PanicError
	switch {
	case len(terminals) > 1:
		fail("%d terminals", len(terminals))
	case len(terminals) == 1 && !errors.Is(err, terminals[0]):
		fail("told %v, but Err is %v", terminals[0], err)
	case len(terminals) == 0 && err == nil:
		fail("ended well without a completion")
	case len(terminals) == 0 && !errors.Is(err, leadership.ErrUnsubscribed) && !errors.Is(err, cause):
		fail("nobody told of %v", err)
	case errors.As(err, &panicked) && how != "panic" && !strings.ContainsAny(diagram, "x"):
		fail("%v", err)
	case !strings.Contains(diagram, "#") && errors.Is(err, marble.ErrMarble):
		fail("an error out of nothing")
	}
	return failed
}
