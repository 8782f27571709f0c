package operators

import "github.com/leadership-go/leadership"

// Filter emits the values that keep accepts.
//
//	      -1-2-3-4-|
//	odd   -1---3---|
func Filter[T any](src leadership.Observable[T], keep func(T) bool) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		if m, ok := out.(filterable[T]); ok {
			src.SubscribeIn(s, m.filtered(keep))
			return
		}
		src.SubscribeIn(s, &filter[T]{out, keep})
	})
}

// filterable is an observer that can filter by itself, which spares a stage.
type filterable[T any] interface {
	filtered(keep func(T) bool) leadership.Observer[T]
}

type filter[T any] struct {
	leadership.Observer[T]
	keep func(T) bool
}

func (f *filter[T]) Next(v T) {
	if f.keep(v) {
		f.Observer.Next(v)
	}
}

// DistinctUntilChanged leaves out each value that equals the one before.
//
//	-a-a-b-a-|
//	-a---b-a-|
func DistinctUntilChanged[T comparable](src leadership.Observable[T]) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		src.SubscribeIn(s, &distinct[T]{Observer: out})
	})
}

type distinct[T comparable] struct {
	leadership.Observer[T]
	last T
	any  bool
}

func (d *distinct[T]) Next(v T) {
	if d.any && v == d.last {
		return
	}
	d.any = true
	d.last = v // on its own, which spares large values a copy
	d.Observer.Next(v)
}

// DistinctUntilChangedBy leaves out each value of which key gives the same as for the one before.
//
//	        -a-A-b-a-|
//	lower   -a---b-a-|
func DistinctUntilChangedBy[T any, K comparable](src leadership.Observable[T], key func(T) K) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		src.SubscribeIn(s, &distinctBy[T, K]{Observer: out, key: key})
	})
}

type distinctBy[T any, K comparable] struct {
	leadership.Observer[T]
	key  func(T) K
	last K
	any  bool
}

func (d *distinctBy[T, K]) Next(v T) {
	k := d.key(v)
	if d.any && k == d.last {
		return
	}
	d.any, d.last = true, k
	d.Observer.Next(v)
}

// Distinct leaves out each value that equals any before. It remembers them all, as long as the subscription lives: for values of which there
// are few. One that does not equal itself, as NaN, is let pass and remembered each time.
// A value that cannot be compared, in an interface, ends the subscription with a [leadership.PanicError].
//
//	-a-b-a-c-|
//	-a-b---c-|
func Distinct[T comparable](src leadership.Observable[T]) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		seen := map[T]struct{}{}
		src.SubscribeIn(s, &filter[T]{out, func(v T) bool {
			before := len(seen)
			seen[v] = struct{}{}
			return len(seen) > before
		}})
	})
}

// IgnoreElements passes the terminal on and no value.
//
//	-a-b-|
//	-----|
func IgnoreElements[T any](src leadership.Observable[T]) leadership.Observable[T] {
	return Filter(src, func(T) bool { return false })
}

// Skip leaves out the first n values. With n of 0 or less it changes nothing.
//
//	    -a-b-c-|
//	2   -----c-|
func Skip[T any](src leadership.Observable[T], n int) leadership.Observable[T] {
	if n <= 0 {
		return src
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		left := n
		src.SubscribeIn(s, &filter[T]{out, func(T) bool {
			if left > 0 {
				left--
				return false
			}
			return true
		}})
	})
}

// SkipWhile leaves out the first values for which skip is true, and lets all pass from the first one for which it is not.
//
//	       -1-3-4-5-|
//	odd    -----4-5-|
func SkipWhile[T any](src leadership.Observable[T], skip func(T) bool) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		open := false
		src.SubscribeIn(s, &filter[T]{out, func(v T) bool {
			open = open || !skip(v)
			return open
		}})
	})
}
