package differential

import (
	"slices"
	"time"

	"github.com/reactivex/rxgo/v2"
	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
)

func recovering() map[string]comparison {
	always := func(error) bool { return true }
	return map[string]comparison{
		"Retry": {
			shape: shape{sources: 3, most: 3, errors: 6, n: [2]int{1, 4}},
			ours:  func(s *stage) { recordOurs(s, operators.Retry(s.again(), operators.RetryPolicy{Max: s.n})) },
			rxgo:  func(s *stage) { recordRx(s, s.rxAgain().Retry(s.n, always, rxgo.WithContext(s.ctx))) },
			ro: func(s *stage) {
				recordRo(s, ro.RetryWithConfig[string](ro.RetryConfig{MaxRetries: uint64(s.n)})(s.roAgain()))
			},
		},
		"Retry with a delay": {
			shape:    shape{sources: 3, most: 3, errors: 6, n: [2]int{1, 4}, d: [2]int{0, 3}},
			operator: "Retry",
			called:   map[peer]string{inRxgo: "BackOffRetry", inRo: "RetryWithConfig"},
			ours: func(s *stage) {
				recordOurs(s, operators.Retry(s.again(), operators.RetryPolicy{Max: s.n, Delay: s.d}))
			},
			rxgo: func(s *stage) { recordRx(s, s.rxAgain().BackOffRetry(&constant{s.d, s.n})) },
			ro: func(s *stage) {
				recordRo(s, ro.RetryWithConfig[string](ro.RetryConfig{MaxRetries: uint64(s.n), Delay: s.d})(s.roAgain()))
			},
		},
		"Catch": {
			shape:  shape{sources: 3, most: 3, errors: 6},
			called: map[peer]string{inRxgo: "OnErrorResumeNext"},
			ours: func(s *stage) {
				recordOurs(s, operators.Catch(s.again(), func(error) leadership.Observable[string] { return s.again() }))
			},
			rxgo: func(s *stage) {
				recordRx(s, s.rxAgain().OnErrorResumeNext(func(error) rxgo.Observable { return s.rxAgain() }))
			},
			ro: func(s *stage) {
				recordRo(s, ro.Catch(func(error) ro.Observable[string] { return s.roAgain() })(s.roAgain()))
			},
		},
		"OnErrorReturn": {
			shape: shape{errors: 5},
			ours: func(s *stage) {
				recordOurs(s, operators.OnErrorReturn(s.source(0), func(error) string { return "x" }))
			},
			rxgo: func(s *stage) { recordRx(s, s.rxSource(0).OnErrorReturn(func(error) any { return "x" })) },
			ro:   func(s *stage) { recordRo(s, ro.OnErrorReturn("x")(s.roSource(0))) },
		},
		"RepeatWhen": {
			shape:  shape{most: 4, n: [2]int{0, 3}},
			called: map[peer]string{inRxgo: "Repeat", inRo: "RepeatWith"},
			ours: func(s *stage) {
				recordOurs(s, operators.RepeatWhen(s.again(), func(completions leadership.Observable[int]) leadership.Observable[int] {
					return operators.TakeWhile(completions, func(rounds int) bool { return rounds <= s.n })
				}))
			},
			rxgo: func(s *stage) { recordRx(s, s.rxAgain().Repeat(int64(s.n), nil)) },
			ro:   func(s *stage) { recordRo(s, ro.RepeatWith[string](int64(s.n+1))(s.roAgain())) },
		},
	}
}

func recoveringDiffers() []difference {
	return []difference{
		{
			operator: "Catch",
			standard: "The stream that goes on is not caught again.",
			here:     "an error of that stream passes on",
			rxgo: &deviation{
				does: "asks the function again when the stream that goes on fails, without end",
				account: func(in input, _ trace) trace {
					var made trace
					var at time.Duration
					for i := 0; at < horizon; i++ {
						values, end := in.sources[min(i, len(in.sources)-1)].later(at).split()
						made = made.with(values...)
						if !end.failure() {
							if end.what != "" {
								made = made.with(end)
							}
							break
						}
						at = end.at
					}
					return made.until(horizon)
				},
			},
		},
		{
			operator: "RepeatWhen",
			standard: "repeat subscribes to the source again; an error is the end.",
			here:     "subscribes again; an error is the end",
			rxgo: &deviation{
				does: "does not subscribe again: it emits the items that it has seen once more, all at once, also after an error",
				account: func(in input, _ trace) trace {
					values, end := in.sources[0].split()
					if end.what == "" {
						return values
					}
					made := values
					if end.failure() {
						made = made.with(end)
					}
					for range in.n {
						for _, v := range values {
							made = made.with(event{end.at, v.what})
						}
					}
					if !end.failure() {
						made = made.with(end)
					}
					return slices.Clip(made)
				},
			},
		},
	}
}

// constant is a back-off for rxgo: the same time before each of so many retries.
type constant struct {
	delay time.Duration
	left  int
}

func (c *constant) Reset() {}

func (c *constant) NextBackOff() time.Duration {
	if c.left == 0 {
		return -1 // stop
	}
	c.left--
	return c.delay
}
