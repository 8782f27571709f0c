package differential

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/reactivex/rxgo/v2"
	"github.com/samber/ro"

	"github.com/leadership-go/leadership/operators"
)

// errRefused is what a function given to an operator fails with.
const errRefused = sourceError("refused")

func upper(v string) string { return strings.ToUpper(v) }

func rxUpper(_ context.Context, v any) (any, error) { return upper(v.(string)), nil }

// upperBut refuses one of the values.
func upperBut(v string) (string, error) {
	if v[len(v)-1] == '3' {
		return "", errRefused
	}
	return upper(v), nil
}

func joined(before, v string) string { return before + v[len(v)-1:] }

func rxJoined(_ context.Context, before, v any) (any, error) {
	if before == nil {
		before = ""
	}
	return joined(before.(string), v.(string)), nil
}

func transforming() map[string]comparison {
	return map[string]comparison{
		"Map": {
			ours: func(s *stage) { recordOurs(s, operators.Map(s.source(0), upper)) },
			rxgo: func(s *stage) { recordRx(s, s.rxSource(0).Map(rxUpper)) },
			ro:   func(s *stage) { recordRo(s, ro.Map(upper)(s.roSource(0))) },
		},
		"MapErr": {
			called: map[peer]string{inRxgo: "Map"},
			ours:   func(s *stage) { recordOurs(s, operators.MapErr(s.source(0), upperBut)) },
			rxgo: func(s *stage) {
				recordRx(s, s.rxSource(0).Map(func(_ context.Context, v any) (any, error) { return upperBut(v.(string)) }))
			},
			ro: func(s *stage) { recordRo(s, ro.MapErr(upperBut)(s.roSource(0))) },
		},
		"Scan": {
			ours: func(s *stage) { recordOurs(s, operators.Scan(s.source(0), "", joined)) },
			rxgo: func(s *stage) { recordRx(s, s.rxSource(0).Scan(rxJoined)) },
			ro:   func(s *stage) { recordRo(s, ro.Scan(joined, "")(s.roSource(0))) },
		},
		"Pairwise": {
			ours: func(s *stage) { recordOurs(s, operators.Pairwise(s.source(0))) },
			ro:   func(s *stage) { recordRo(s, ro.Pairwise[string]()(s.roSource(0))) },
		},
		"StartWith": {
			ours: func(s *stage) { recordOurs(s, operators.StartWith(s.source(0), "x", "y")) },
			rxgo: func(s *stage) {
				recordRx(s, s.rxSource(0).StartWith(rxgo.Just("x", "y")(), rxgo.WithContext(s.ctx)))
			},
			ro: func(s *stage) { recordRo(s, ro.StartWith("x", "y")(s.roSource(0))) },
		},
		"Materialize": {
			ours: func(s *stage) {
				recordOurs(s, operators.Map(operators.Materialize(s.source(0)), func(n operators.Notification[string]) string {
					return notification(n.Value, n.Err, n.Terminal && n.Err == nil)
				}))
			},
			ro: func(s *stage) {
				recordRo(s, ro.Map(func(n ro.Notification[string]) string { return notification(n.Value, n.Err, n.Kind == ro.KindComplete) })(
					ro.Materialize[string]()(s.roSource(0))))
			},
		},
	}
}

func notification(value string, err error, over bool) string {
	var source sourceError
	switch {
	case errors.As(err, &source):
		return fmt.Sprint("<", source, ">")
	case over:
		return "<end>"
	}
	return value
}

func transformingDiffers() []difference {
	return []difference{
		{
			operator: "Scan",
			standard: "It may have a seed, which is what the function gets with the first item.",
			here:     "takes a seed, and does not emit it",
			rxgo: &deviation{
				does:  "has no seed: the function gets nil with the first item",
				alone: scanHasNoSeed,
			},
		},
	}
}
