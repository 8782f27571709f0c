package operators

import "github.com/leadership-go/leadership"

// Filter emits the values that keep accepts.
//
//	      -1-2-3-4-|
//	odd   -1---3---|
func Filter[T any](src leadership.Observable[T], keep func(T) bool) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		src.SubscribeIn(s, &filter[T]{out, keep})
	})
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
	d.any, d.last = true, v
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
