package differential

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/reactivex/rxgo/v2"
	"github.com/samber/ro"

	"github.com/leadership-go/leadership/operators"
)

func buffering() map[string]comparison {
	return map[string]comparison{
		"BufferCount": {
			shape:  shape{n: [2]int{1, 4}},
			called: map[peer]string{inRxgo: "BufferWithCount", inRo: "BufferWithCount"},
			ours:   func(s *stage) { recordOurs(s, operators.BufferCount(s.source(0), s.n)) },
			rxgo:   func(s *stage) { recordRx(s, s.rxSource(0).BufferWithCount(s.n)) },
			ro:     func(s *stage) { recordRo(s, ro.BufferWithCount[string](s.n)(s.roSource(0))) },
		},
		"BufferTime": {
			shape:  shape{d: [2]int{0, 5}},
			called: map[peer]string{inRxgo: "BufferWithTime", inRo: "BufferWithTime"},
			ours:   func(s *stage) { recordOurs(s, operators.BufferTime(s.source(0), s.d)) },
			rxgo:   func(s *stage) { recordRx(s, s.rxSource(0).BufferWithTime(rxgo.WithDuration(s.d))) },
			ro:     func(s *stage) { recordRo(s, ro.BufferWithTime[string](s.d)(s.roSource(0))) },
		},
		// In rxgo, what comes at the same time as the last item of a full buffer may get into it or not: see buffersOverflow.
		"BufferTimeOrCount": {
			expected: func(in input) trace { return bufferTimeOrCount(in, true) },
			shape:    shape{apart: true, n: [2]int{1, 4}, d: [2]int{1, 5}},
			called:   map[peer]string{inRxgo: "BufferWithTimeOrCount", inRo: "BufferWithTimeOrCount"},
			ours:     func(s *stage) { recordOurs(s, operators.BufferTimeOrCount(s.source(0), s.d, s.n)) },
			rxgo:     func(s *stage) { recordRx(s, s.rxSource(0).BufferWithTimeOrCount(rxgo.WithDuration(s.d), s.n)) },
			ro:       func(s *stage) { recordRo(s, ro.BufferWithTimeOrCount[string](s.n, s.d)(s.roSource(0))) },
		},
	}
}

func bufferingDiffers() []difference {
	const (
		afterError = "emits what is left after the error"
		atError    = "An error passes on at once, without what is left."
		atOnce     = "fails without what is left"
		noEmpty    = "emits no empty buffer"
		alsoEmpty  = "The buffer of a period without items is an empty one."
		empty      = "emits an empty slice"
	)
	return []difference{
		{
			operator: "BufferCount", standard: atError, here: atOnce,
			rxgo: &deviation{
				does: afterError,
				account: func(in input, ours trace) trace {
					values, end := in.sources[0].split()
					if left := values[len(values)/in.n*in.n:]; len(left) > 0 && end.failure() {
						return ours.with(bufferOf(left, end))
					}
					return ours
				},
			},
		},
		{
			operator: "BufferTime", standard: alsoEmpty, here: empty,
			rxgo: &deviation{does: noEmpty, account: withoutEmptyBuffers},
		},
		{
			operator: "BufferTime", standard: atError, here: atOnce,
			rxgo: &deviation{
				does: afterError,
				account: func(in input, ours trace) trace {
					values, end := in.sources[0].split()
					emitted := end.at.Truncate(in.d)
					if left := values[len(values.until(emitted)):]; len(left) > 0 && end.failure() {
						return ours.with(bufferOf(left, end))
					}
					return ours
				},
			},
		},
		{
			operator: "BufferTimeOrCount", standard: alsoEmpty, here: empty,
			rxgo: &deviation{does: noEmpty, account: withoutEmptyBuffers},
		},
		{
			operator: "BufferTimeOrCount", standard: atError, here: atOnce,
			rxgo: &deviation{
				does: afterError,
				account: func(in input, ours trace) trace {
					values, end := in.sources[0].split()
					if !end.failure() {
						return ours
					}
					emitted := 0
					for _, e := range ours {
						if !e.terminal() {
							emitted += held(e.what)
						}
					}
					if emitted == len(values) {
						return ours
					}
					return ours.with(bufferOf(values[emitted:], end))
				},
			},
		},
		{
			operator: "BufferTimeOrCount",
			standard: "A buffer has at most that many items.",
			here:     "a slice has at most n values",
			rxgo: &deviation{
				does:  "may have more items in a buffer when they come quickly",
				alone: buffersOverflow,
			},
		},
		{
			operator: "BufferTimeOrCount",
			standard: "Open: in RxJS the time starts again when a buffer is full, in RxJava it does if told to.",
			here:     "the time starts again",
			ro: &deviation{
				does:    "emits at each multiple of the time, also right after a full buffer",
				account: func(in input, _ trace) trace { return bufferTimeOrCount(in, false) },
			},
		},
	}
}

// buffersOverflow tries until it happens: it is a matter of two goroutines, one of which finds all items at hand.
func buffersOverflow(t *testing.T) {
	items := make([]any, 64)
	for i := range items {
		items[i] = i
	}
	for range 1000 {
		got := staged(t, input{}, func(s *stage) {
			source := rxgo.Just(items...)(rxgo.WithBufferedChannel(len(items)))
			recordRx(s, source.BufferWithTimeOrCount(rxgo.WithDuration(time.Hour), 2).
				Map(func(_ context.Context, v any) (any, error) { return len(v.([]any)) > 2, nil }))
		})
		if slices.ContainsFunc(got, func(e event) bool { return e.what == text(true) }) {
			return
		}
	}
	t.Error("no buffer had more items than it may")
}

// bufferOf is a buffer of these values, emitted when at happens.
func bufferOf(values trace, at event) event {
	held := make([]string, len(values))
	for i, v := range values {
		held[i] = v.what
	}
	return event{at.at, text(held)}
}

// held is how many values a buffer has, of two characters each.
func held(buffer string) int { return len(buffer) / 3 }

func withoutEmptyBuffers(_ input, ours trace) trace {
	return slices.DeleteFunc(slices.Clone(ours), func(e event) bool { return e.what == text([]string{}) })
}
