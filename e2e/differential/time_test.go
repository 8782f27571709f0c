package differential

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reactivex/rxgo/v2"
	"github.com/samber/ro"

	"github.com/leadership-go/leadership/operators"
)

func inTime() map[string]comparison {
	return map[string]comparison{
		"Debounce": {
			expected: debounce,
			shape:    shape{d: [2]int{0, 3}},
			ours:     func(s *stage) { recordOurs(s, operators.Debounce(s.source(0), s.d)) },
			rxgo:     func(s *stage) { recordRx(s, s.rxSource(0).Debounce(rxgo.WithDuration(s.d))) },
		},
		"Throttle": {
			shape:  shape{d: [2]int{0, 4}},
			called: map[peer]string{inRo: "ThrottleTime, of the leading edge"},
			ours:   func(s *stage) { recordOurs(s, operators.Throttle(s.source(0), s.d, operators.ThrottleLeading)) },
			ro:     func(s *stage) { recordRo(s, ro.ThrottleTime[string](s.d)(s.roSource(0))) },
		},
		"Sample": {
			expected: sample,
			shape:    shape{d: [2]int{0, 4}},
			called:   map[peer]string{inRxgo: "Sample, of an Interval", inRo: "SampleTime"},
			ours:     func(s *stage) { recordOurs(s, operators.Sample(s.source(0), s.d)) },
			rxgo: func(s *stage) {
				ticks := rxgo.Interval(rxgo.WithDuration(s.d), rxgo.WithContext(s.ctx))
				recordRx(s, s.rxSource(0).Sample(ticks, rxgo.WithContext(s.ctx)))
			},
			ro: func(s *stage) { recordRo(s, ro.SampleTime[string](s.d)(s.roSource(0))) },
		},
		"Delay": {
			expected: delay,
			shape:    shape{d: [2]int{0, 4}},
			ours:     func(s *stage) { recordOurs(s, operators.Delay(s.source(0), s.d)) },
			ro:       func(s *stage) { recordRo(s, ro.Delay[string](s.d)(s.roSource(0))) },
		},
		"Timeout": {
			shape: shape{d: [2]int{1, 6}},
			ours:  func(s *stage) { recordOurs(s, operators.Timeout(s.source(0), s.d)) },
			ro:    func(s *stage) { recordRo(s, ro.Timeout[string](s.d)(s.roSource(0))) },
		},
	}
}

func inTimeDiffers() []difference {
	return []difference{
		{
			operator: "Debounce",
			standard: "The last item before the completion is emitted with it. RxJava and RxJS drop what is pending at an error.",
			here:     "emits what is pending before the completion, and before an error",
			rxgo:     &deviation{does: "drops what is pending when its source ends", account: dropsPending},
		},
		{
			operator: "Throttle",
			standard: "throttleFirst emits the first item of each window; one begins with the first item.",
			here:     "the first value is emitted",
			ro: &deviation{
				does:  "drops what comes within d of the start of the process",
				alone: throttleDropsTheFirst,
			},
		},
		{
			operator: "Sample",
			standard: "It emits at the ticks. RxJava and RxJS drop what is pending at the end, unless told to emit it before a completion.",
			here:     "emits what is pending before the completion, and before an error",
			rxgo:     &deviation{does: "drops what is pending when its source ends", account: dropsPending},
			ro:       &deviation{does: "drops what is pending when its source ends", account: dropsPending},
		},
		{
			operator: "Sample",
			standard: "An error passes on at once.",
			here:     "fails",
			rxgo: &deviation{
				does: "loses the error, and completes",
				account: func(_ input, ours trace) trace {
					values, end := ours.split()
					if !end.failure() {
						return ours
					}
					return values.with(event{end.at, completed})
				},
			},
		},
		{
			operator: "Timeout",
			standard: "It fails only when the source does, or is silent for too long.",
			here:     "the context of the subscriber makes no difference",
			ro: &deviation{
				does:  "fails at the first item when the source sends it with a context of another type than the one given to Subscribe, as Next does",
				alone: timeoutMindsContexts,
			},
		},
		{
			operator: "Delay",
			standard: "An error is not delayed.",
			here:     "fails at once, and drops what waits",
			ro: &deviation{
				does: "delays an error as it does items",
				account: func(in input, ours trace) trace {
					if _, end := ours.split(); !end.failure() {
						return ours
					}
					return in.sources[0].later(in.d)
				},
			},
		},
	}
}

// dropsPending accounts for a peer that does not emit at the end what no timer has made it emit yet.
func dropsPending(_ input, ours trace) trace {
	values, end := ours.split()
	if end.what == "" {
		return ours
	}
	// What is emitted at the time of a terminal is what was pending: no timer fires when a source does anything.
	return slices.DeleteFunc(slices.Clone(values), func(e event) bool { return e.at == end.at }).with(end)
}

func throttleDropsTheFirst(t *testing.T) {
	got, err := ro.Collect(ro.ThrottleTime[string](24 * time.Hour)(ro.Just("a1", "a2")))
	if len(got) != 0 || err != nil {
		t.Errorf("in a process that is younger than the time: %v, %v", got, err)
	}
	later := staged(t, input{sources: []trace{{{frame, "a1"}, {frame, "a2"}, {frame, completed}}}}, func(s *stage) {
		recordRo(s, ro.ThrottleTime[string](12*time.Hour)(s.roSource(0)))
	})
	if want := (trace{{frame, "a1"}, {frame, completed}}); !slices.Equal(later, want) {
		t.Errorf("later: %v", later)
	}
}

func timeoutMindsContexts(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	numbers := ro.NewObservable(func(out ro.Observer[string]) ro.Teardown {
		out.Next("a1")
		out.Complete()
		return nil
	})
	_, _, err := ro.CollectWithContext(ctx, ro.Timeout[string](time.Hour)(numbers))
	if err == nil || !strings.Contains(err.Error(), "inconsistently typed value") {
		t.Errorf("got %v", err)
	}
}
