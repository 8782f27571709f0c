package operators

import "github.com/leadership-go/leadership"

// Map emits what f makes of each value.
//
//	        -a-b-|
//	upper   -A-B-|
func Map[T, U any](src leadership.Observable[T], f func(T) U) leadership.Observable[U] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[U]) {
		src.SubscribeIn(s, &mapping[T, U]{out, f})
	})
}

type mapping[T, U any] struct {
	out leadership.Observer[U]
	f   func(T) U
}

func (m *mapping[T, U]) Next(v T)        { m.out.Next(m.f(v)) }
func (m *mapping[T, U]) Error(err error) { m.out.Error(err) }
func (m *mapping[T, U]) Complete()       { m.out.Complete() }

// filtered makes one stage of a Filter and the Map below it: as a pair they are the most frequent of all, and a stage costs a large value two
// copies.
func (m *mapping[T, U]) filtered(keep func(T) bool) leadership.Observer[T] {
	return &filterMapping[T, U]{*m, keep}
}

type filterMapping[T, U any] struct {
	mapping[T, U]
	keep func(T) bool
}

// filtered keeps m.keep, which the method of the embedded mapping would drop.
func (m *filterMapping[T, U]) filtered(keep func(T) bool) leadership.Observer[T] {
	return &filter[T]{m, keep}
}

func (m *filterMapping[T, U]) Next(v T) {
	if m.keep(v) {
		m.out.Next(m.f(v))
	}
}
