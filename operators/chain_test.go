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
	"filter":       func(s stream) stream { return operators.Filter(s, func(v string) bool { return v != "b" }) },
	"map":          func(s stream) stream { return operators.Map(s, strings.ToUpper) },
	"distinct":     operators.DistinctUntilChanged[string],
	"by":           func(s stream) stream { return operators.DistinctUntilChangedBy(s, strings.ToLower) },
	"debounce":     debounced(2),
	"retry":        retried(operators.RetryPolicy{Max: 2, Delay: marble.Frame, Jitter: 0.5}),
	"again":        retried(operators.RetryPolicy{Max: 1}),
	"take":         taken(2),
	"until":        until("---x"),
	"first":        operators.First[string],
	"last":         operators.Last[string],
	"at":           at(1),
	"while":        func(s stream) stream { return operators.TakeWhile(s, func(v string) bool { return v != "c" }) },
	"skip":         skipped(1),
	"skipping":     func(s stream) stream { return operators.SkipWhile(s, func(v string) bool { return v == "a" }) },
	"seen":         operators.Distinct[string],
	"ignore":       operators.IgnoreElements[string],
	"start":        begun("c", "a"),
	"pairs":        paired,
	"materialized": materialized,
	"failing": func(s stream) stream {
		return operators.MapErr(s, func(v string) (string, error) {
			if strings.EqualFold(v, "x") {
				return "", marble.ErrMarble
			}
			return v, nil
		})
	},
	"least": func(s stream) stream {
		return operators.Scan(s, "a", func(before, v string) string { return min(before, v) })
	},
	"caught":   caught("-(ab)-c|"),
	"returned": returned,
	"rounds":   repeated(rounds(3)),
	"repeated": repeated(later(1)),
	"answered": repeated(answered("--x--x-xx-|")),
	"tapped":   tapped,
	"hooked":   hooked,
	"finished": finished,
	"written":  written,
	"terminal": func(s stream) stream { return letters(operators.ErrorsAsTerminal(edgy(s))) },
	"flat":     flat("-v--(vv)|"),
	"concat":   concatenated("-v--v|"),
	"switch":   switched("v--v|"),
	"nested": func(s stream) stream {
		return operators.SwitchMap(s, func(string) stream { return operators.Take(flat("v-v|")(marble.Source("-a-b")), 3) })
	},
	"merge":    with(merged, "-a-(bc)-|"),
	"split":    func(s stream) stream { return operators.Merge(s, s) },
	"and then": with(chained, "a-b|"),
	"race":     with(raced, "---a-b"),
	"combine":  with(second(operators.CombineLatest[string, string, string]), "a-b-c|"),
	"zip":      with(second(operators.Zip[string, string, string]), "--b-(ac)--a"),
	"latest":   with(second(operators.WithLatestFrom[string, string, string]), "a--b--c|"),
	"calm": func(s stream) stream {
		return letters(operators.DebounceEdges(edgy(s), 2*marble.Frame))
	},
	"leader": func(s stream) stream {
		return operators.Map(operators.LeaderChanges(edgy(s)), func(v *leadership.Vote) string { return v.ServiceID })
	},
	"leading": func(s stream) stream {
		return operators.WhileLeading(edgy(s), func(uint64) stream { return marble.Source("a-b-(ab)|") })
	},
	"throttle": throttled(2, operators.ThrottleLeading),
	"trailing": throttled(2, operators.ThrottleTrailing),
	"both":     throttled(2, operators.ThrottleBoth),
	"sample":   sampled(2), "delay": delayed(2), "timeout": limited(4),
	"buffer": countBuffered(2), "buffer time": timeBuffered(3), "buffer both": eitherBuffered(3, 2),
	"share":   operators.Share[string],
	"replay":  replayed(2),
	"observe": operators.ObserveOn[string],
	"window":  bounded("--x-x(xx)"),
	"counted": func(s stream) stream { return operators.ConcatMap(operators.WindowCount(s, 2), itself[string]) },
	"timed":   func(s stream) stream { return operators.FlatMap(operators.WindowTime(s, 2*marble.Frame), taken(1)) },
	"lazy": func(s stream) stream {
		slow := func(w stream) stream { return operators.Concat(w, marble.Source("---|")) }
		return operators.ConcatMap(operators.WindowTime(s, 3*marble.Frame), slow)
	},
	"windows": func(s stream) stream {
		return operators.FlatMap(operators.Take(operators.WindowCount(s, 1), 3), itself[string])
	},
	"groups":  letterGroups(framed),
	"regroup": letterGroups(taken(1)),
	"faulty": func(s stream) stream {
		return operators.Map(s, func(v string) string {
			if v == "X" || v == "x" {
				panic("x")
			}
			return v
		})
	},
}

// second makes an operator for two that keeps what comes from the second one.
func second(op func(a, b stream, f func(a, b string) string) stream) func(a, b stream) stream {
	return func(a, b stream) stream { return op(a, b, func(_, b string) string { return b }) }
}

// edgy makes an election of letters: a elects, b relegates, c and x repeat that the member follows.
func edgy(s stream) messages {
	return operators.Map(s, func(v string) message {
		m := message{Status: leadership.StatusNotElected, Vote: &leadership.Vote{ServiceID: v}}
		switch strings.ToLower(v) {
		case "a":
			m.Status = leadership.StatusElectedFirst
		case "b":
			m.Status = leadership.StatusRelegation
		}
		return m
	})
}

// letters undoes edgy.
func letters(m messages) stream {
	return operators.Map(m, func(m message) string { return m.Vote.ServiceID })
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
		heard      int
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
		case how == "slow" && heard < 50: // not for ever: an endless stream may bring values just as fast, and keep Subscribe busy with them
			heard++
			time.Sleep(marble.Frame * 3 / 2)
		case how == "panic" && cut:
			panic("callback")
		case how == "from the callback" && cut:
			select {
			case <-subscribed:
				sub.Unsubscribe()
			default: // what is delivered within Subscribe comes too early for that
			}
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
	errors.As(err, &panicked)
	switch {
	case len(terminals) > 1:
		fail("%d terminals", len(terminals))
	case len(terminals) == 1 && terminals[0] == nil && panicked != nil && slices.Contains(chain, "faulty"):
		// One source has completed the whole while another one was about to panic: Err tells of both.
	case len(terminals) == 1 && !errors.Is(err, terminals[0]):
		fail("told %v, but Err is %v", terminals[0], err)
	case len(terminals) == 0 && err == nil:
		fail("ended well without a completion")
	case len(terminals) == 0 && !errors.Is(err, leadership.ErrUnsubscribed) && !errors.Is(err, cause):
		fail("nobody told of %v", err)
	case panicked != nil && how != "panic" && !strings.ContainsAny(diagram, "x"):
		fail("%v", err)
	case !strings.Contains(diagram, "#") && !slices.Contains(chain, "failing") && errors.Is(err, marble.ErrMarble):
		fail("an error out of nothing")
	}
	return failed
}
