package differential

import (
	"context"

	"github.com/samber/ro"

	"github.com/leadership-go/leadership/operators"
)

// odd is a condition, half is a key.
func odd(v string) bool    { return v[len(v)-1]%2 == 1 }
func low(v string) bool    { return v[len(v)-1] < '2' }
func half(v string) string { return string('A' + (v[len(v)-1]-'0')/2) }

func rxOdd(v any) bool { return odd(v.(string)) }
func rxLow(v any) bool { return low(v.(string)) }

func rxHalf(_ context.Context, v any) (any, error)     { return half(v.(string)), nil }
func rxIdentity(_ context.Context, v any) (any, error) { return v, nil }

func filtering() map[string]comparison {
	return map[string]comparison{
		"Filter": {
			ours: func(s *stage) { recordOurs(s, operators.Filter(s.source(0), odd)) },
			rxgo: func(s *stage) { recordRx(s, s.rxSource(0).Filter(rxOdd)) },
			ro:   func(s *stage) { recordRo(s, ro.Filter(odd)(s.roSource(0))) },
		},
		"Distinct": {
			ours: func(s *stage) { recordOurs(s, operators.Distinct(s.source(0))) },
			rxgo: func(s *stage) { recordRx(s, s.rxSource(0).Distinct(rxIdentity)) },
			ro:   func(s *stage) { recordRo(s, ro.Distinct[string]()(s.roSource(0))) },
		},
		"DistinctUntilChanged": {
			ours: func(s *stage) { recordOurs(s, operators.DistinctUntilChanged(s.source(0))) },
			rxgo: func(s *stage) { recordRx(s, s.rxSource(0).DistinctUntilChanged(rxIdentity)) },
		},
		"DistinctUntilChangedBy": {
			called: map[peer]string{inRxgo: "DistinctUntilChanged"},
			ours:   func(s *stage) { recordOurs(s, operators.DistinctUntilChangedBy(s.source(0), half)) },
			rxgo:   func(s *stage) { recordRx(s, s.rxSource(0).DistinctUntilChanged(rxHalf)) },
		},
		"IgnoreElements": {
			ours: func(s *stage) { recordOurs(s, operators.IgnoreElements(s.source(0))) },
			rxgo: func(s *stage) { recordRx(s, s.rxSource(0).IgnoreElements()) },
			ro:   func(s *stage) { recordRo(s, ro.IgnoreElements[string]()(s.roSource(0))) },
		},
		"Skip": {
			shape: shape{n: [2]int{0, 4}},
			ours:  func(s *stage) { recordOurs(s, operators.Skip(s.source(0), s.n)) },
			rxgo:  func(s *stage) { recordRx(s, s.rxSource(0).Skip(uint(s.n))) },
			ro:    func(s *stage) { recordRo(s, ro.Skip[string](int64(s.n))(s.roSource(0))) },
		},
		"SkipWhile": {
			ours: func(s *stage) { recordOurs(s, operators.SkipWhile(s.source(0), low)) },
			rxgo: func(s *stage) { recordRx(s, s.rxSource(0).SkipWhile(rxLow)) },
			ro:   func(s *stage) { recordRo(s, ro.SkipWhile(low)(s.roSource(0))) },
		},
	}
}
