package differential

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reactivex/rxgo/v2"
	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
)

// label marks what happens in the stream with that number.
func label(stream int, what string) string { return fmt.Sprint(stream, "/", what) }

// begun is what a stream of streams emits when it begins another one.
func begun(stream int) string { return fmt.Sprint("<", stream, ">") }

// byStream orders what happens in several streams at the very same time, which is nobody's promise, by stream.
func byStream(t trace) trace {
	of := func(e event) string {
		stream, _, labelled := strings.Cut(e.what, "/")
		if !labelled {
			return ""
		}
		return stream
	}
	ordered := slices.Clone(t)
	slices.SortStableFunc(ordered, func(a, b event) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return strings.Compare(of(a), of(b))
	})
	return ordered
}

// recordOurStreams subscribes to each stream as it comes.
func recordOurStreams(s *stage, o leadership.Observable[leadership.Observable[string]]) {
	n := 0
	recordOurs(s, operators.Map(o, func(o leadership.Observable[string]) string {
		stream := n
		n++
		s.note(begun(stream))
		o.Subscribe(func(v string) { s.note(label(stream, v)) },
			leadership.OnError(func(err error) { s.note(label(stream, failed+name(err))) }),
			leadership.OnComplete(func() { s.note(label(stream, completed)) }))
		return silent
	}))
}

func recordRoStreams(s *stage, o ro.Observable[ro.Observable[string]]) {
	n := 0
	recordRo(s, ro.Map(func(o ro.Observable[string]) string {
		stream := n
		n++
		s.note(begun(stream))
		o.Subscribe(ro.NewObserver(func(v string) { s.note(label(stream, v)) },
			func(err error) { s.note(label(stream, failed+name(err))) },
			func() { s.note(label(stream, completed)) }))
		return silent
	})(o))
}

func recordRxStreams(s *stage, o rxgo.Observable) {
	n := 0
	var readers sync.WaitGroup
	recordRx(s, o.Map(func(_ context.Context, v any) (any, error) {
		stream := n
		n++
		s.note(begun(stream))
		items := v.(rxgo.Observable).Observe(rxgo.WithContext(s.ctx))
		readers.Go(func() {
			after := false
			for item := range items {
				after = item.Error()
				if after {
					s.note(label(stream, failed+name(item.E)))
					continue
				}
				s.note(label(stream, text(item.V)))
			}
			if !after {
				s.note(label(stream, completed))
			}
		})
		return silent, nil
	}))
	readers.Wait()
}

// keys are what half makes.
const keys = "AB"

// silent is a value that is not noted.
const silent = ""

func streaming() map[string]comparison {
	windowing := shape{sources: 2, most: 5, errors: 2}
	key := func(item rxgo.Item) string {
		if item.Error() {
			return "error"
		}
		return half(item.V.(string))
	}
	number := func(item rxgo.Item) int { return max(strings.Index(keys, key(item)), 0) }
	return map[string]comparison{
		"Window": {
			expected: window,
			shape:    windowing,
			order:    byStream,
			called:   map[peer]string{inRo: "WindowWhen"},
			ours:     func(s *stage) { recordOurStreams(s, operators.Window(s.source(0), s.source(1))) },
			ro:       func(s *stage) { recordRoStreams(s, ro.WindowWhen[string](s.roSource(1))(s.roSource(0))) },
		},
		"WindowCount": {
			expected: windowCount,
			shape:    shape{n: [2]int{1, 4}, errors: 2},
			order:    byStream,
			called:   map[peer]string{inRxgo: "WindowWithCount"},
			ours:     func(s *stage) { recordOurStreams(s, operators.WindowCount(s.source(0), s.n)) },
			rxgo:     func(s *stage) { recordRxStreams(s, s.rxSource(0).WindowWithCount(s.n)) },
		},
		"WindowTime": {
			expected: windowTime,
			shape:    shape{d: [2]int{0, 5}, errors: 2},
			order:    byStream,
			called:   map[peer]string{inRxgo: "WindowWithTime", inRo: "WindowWhen, of an Interval"},
			ours:     func(s *stage) { recordOurStreams(s, operators.WindowTime(s.source(0), s.d)) },
			rxgo:     func(s *stage) { recordRxStreams(s, s.rxSource(0).WindowWithTime(rxgo.WithDuration(s.d))) },
			ro:       func(s *stage) { recordRoStreams(s, ro.WindowWhen[string](ro.Interval(s.d))(s.roSource(0))) },
		},
		"GroupBy": {
			expected: groupBy,
			shape:    shape{errors: 4},
			order:    byStream,
			called:   map[peer]string{inRxgo: "GroupByDynamic"},
			ours:     func(s *stage) { recordOurStreams(s, groups(s)) },
			rxgo: func(s *stage) {
				recordRxStreams(s, s.rxSource(0).GroupByDynamic(key, rxgo.WithContext(s.ctx)).
					Map(func(_ context.Context, v any) (any, error) { return v.(rxgo.GroupedObservable).Observable, nil }))
			},
			ro: func(s *stage) { recordRoStreams(s, ro.GroupBy(half)(s.roSource(0))) },
		},
		"GroupBy into two": {
			expected: groupBy,
			shape:    shape{errors: 4},
			operator: "GroupBy",
			order:    byStream,
			ours:     func(s *stage) { recordOurStreams(s, groups(s)) },
			rxgo: func(s *stage) {
				recordRxStreams(s, s.rxSource(0).GroupBy(len(keys), number, rxgo.WithContext(s.ctx)))
			},
		},
	}
}

func groups(s *stage) leadership.Observable[leadership.Observable[string]] {
	return operators.Map(operators.GroupBy(s.source(0), half),
		func(g operators.Group[string, string]) leadership.Observable[string] { return g.Observable })
}

func streamingDiffers() []difference {
	const errorsToo = "An error of the source passes on to the open window, and to the whole."
	return []difference{
		{
			operator: "Window", standard: errorsToo, here: "the open window fails, then the whole",
			ro: &deviation{does: "completes the window before the whole fails", account: streamsComplete},
		},
		{
			operator: "Window",
			standard: "Open: at the completion of the boundaries RxJava completes, and RxJS goes on with the window that is open.",
			here:     "the window stays open until the source ends",
			ro: &deviation{
				does: "completes",
				account: func(in input, ours trace) trace {
					boundaries, end := in.sources[1].split()
					before := ours.until(end.at + 1)
					if end.what != completed || slices.ContainsFunc(before, event.terminal) {
						return ours
					}
					return before.with(event{end.at, completed}, event{end.at, label(len(boundaries), completed)})
				},
			},
		},
		{
			operator: "Window",
			standard: "The items of a window are for its subscriber, whenever that comes.",
			here:     "a window keeps what its subscriber has not taken, its end too, within the bounds of a mailbox",
			ro: &deviation{
				does:  "loses what a window holds that ends before its subscriber comes",
				alone: windowLosesItsItems,
			},
		},
		{
			operator: "WindowCount",
			standard: "The first window opens at once, the next when the one before is full. An error passes on to the open window, and to the whole.",
			here:     "opens the first window at subscription; the open window fails, then the whole",
			rxgo: &deviation{
				does:    "opens the first window at the first item; counts an error as an item, sends it to the window, and completes",
				account: rxWindowCount,
			},
		},
		{
			operator: "WindowTime",
			standard: "A window opens each time, and may be empty. " + errorsToo,
			here:     "opens windows at each multiple of the time; the open window fails, then the whole",
			rxgo: &deviation{
				does:    "leaves a window open for another time as long as it is empty; sends an error to the window, and completes",
				account: rxWindowTime,
			},
			ro: &deviation{does: "completes the window before the whole fails", account: streamsComplete},
		},
		{
			operator: "GroupBy",
			standard: "An error of the source passes on to all groups, and to the whole.",
			here:     "the groups fail, then the whole",
			rxgo: &deviation{
				does: "hands the error to the function as an item, and sends it to that group; the others and the whole complete",
				account: func(in input, ours trace) trace {
					_, end := in.sources[0].split()
					if !end.failure() {
						return ours
					}
					made := slices.DeleteFunc(slices.Clone(ours), func(e event) bool { return e.at == end.at && strings.HasSuffix(e.what, end.what) })
					groups := 0
					for _, e := range ours {
						if e.what == begun(groups) {
							groups++
						}
					}
					for i := range groups {
						made = made.with(event{end.at, label(i, completed)})
					}
					return made.with(event{end.at, begun(groups)}, event{end.at, label(groups, end.what)}, event{end.at, completed})
				},
			},
			ro: &deviation{does: "completes the groups when the source fails", account: streamsComplete},
		},
		{
			operator: "GroupBy",
			standard: "A group begins with the first item of its key.",
			here:     "there are as many groups as keys come",
			rxgo: &deviation{
				does: "has, in the operator of that name, a fixed number of groups that all begin at once, after which the whole completes",
				of:   "GroupBy into two",
				account: func(in input, _ trace) trace {
					made := trace{{0, begun(0)}, {0, begun(1)}, {0, completed}}
					for _, e := range in.sources[0] {
						switch {
						case e.failure():
							return made.with(event{e.at, label(0, e.what)}, event{e.at, label(1, completed)})
						case e.terminal():
							return made.with(event{e.at, label(0, e.what)}, event{e.at, label(1, e.what)})
						}
						made = made.with(event{e.at, label(strings.Index(keys, half(e.what)), e.what)})
					}
					return made
				},
			},
		},
	}
}

// streamsComplete accounts for a peer that completes the streams within the whole where the whole fails.
func streamsComplete(_ input, ours trace) trace {
	_, end := ours.split()
	if !end.failure() {
		return ours
	}
	made := slices.Clone(ours)
	for i, e := range made {
		if stream, found := strings.CutSuffix(e.what, "/"+end.what); found {
			made[i].what = stream + "/" + completed
		}
	}
	return made
}

func rxWindowCount(in input, _ trace) trace {
	var made trace
	open, held, failing := -1, 0, false
	for _, e := range in.sources[0] {
		if e.what == completed {
			if open >= 0 {
				made = made.with(event{e.at, label(open, completed)})
			}
			return made.with(event{e.at, completed})
		}
		if open < 0 {
			open = 0
			made = made.with(event{e.at, begun(0)})
		}
		made = made.with(event{e.at, label(open, e.what)})
		failing = e.failure()
		if held++; held == in.n {
			if !failing {
				made = made.with(event{e.at, label(open, completed)})
			}
			open, held = open+1, 0
			made = made.with(event{e.at, begun(open)})
			if failing {
				made = made.with(event{e.at, label(open, completed)})
			}
		}
		if failing {
			return made.with(event{e.at, completed})
		}
	}
	return made
}

func rxWindowTime(in input, _ trace) trace {
	made := trace{{0, begun(0)}}
	open, empty, tick := 0, true, in.d
	roll := func(until time.Duration) {
		for ; tick < until; tick += in.d {
			if !empty {
				made = made.with(event{tick, label(open, completed)}, event{tick, begun(open + 1)})
				open, empty = open+1, true
			}
		}
	}
	for _, e := range in.sources[0] {
		roll(e.at)
		made = made.with(event{e.at, label(open, e.what)})
		if e.terminal() {
			return made.with(event{e.at, completed})
		}
		empty = false
	}
	roll(horizon)
	return made
}

func windowLosesItsItems(t *testing.T) {
	in := input{sources: []trace{{{1 * frame, "a1"}, {3 * frame, completed}}}}
	late := func(s *stage, subscribe func()) { time.AfterFunc(5*frame-time.Since(s.start), subscribe) }
	theirs := staged(t, in, func(s *stage) {
		recordRo(s, ro.Map(func(o ro.Observable[string]) string {
			late(s, func() { o.Subscribe(ro.NewObserver(s.note, s.failure, func() { s.note("window ends") })) })
			return "window"
		})(ro.WindowWhen[string](ro.Interval(time.Hour))(s.roSource(0))))
	})
	ours := staged(t, in, func(s *stage) {
		recordOurs(s, operators.Map(operators.WindowTime(s.source(0), time.Hour), func(o leadership.Observable[string]) string {
			late(s, func() { o.Subscribe(s.note, leadership.OnComplete(func() { s.note("window ends") })) })
			return "window"
		}))
	})
	begins := trace{{0, "window"}, {3 * frame, completed}}
	if want := begins.with(event{5 * frame, "window ends"}); !slices.Equal(theirs, want) {
		t.Errorf("samber/ro: %v", theirs)
	}
	if want := begins.with(event{5 * frame, "a1"}, event{5 * frame, "window ends"}); !slices.Equal(ours, want) {
		t.Errorf("here: %v", ours)
	}
}
