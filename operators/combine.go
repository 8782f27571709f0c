package operators

import (
	"slices"
	"sync/atomic"

	"github.com/leadership-go/leadership"
)

// Merge emits what all sources emit. It completes when all have; without sources, at once. The first error fails it and releases the
// others.
//
//	-a---c-|
//	---b-----d|
//	-a-b-c---d|
//
// While the subscriber is busy, values wait for it, up to the size of its mailbox (see [leadership.Serialize]).
func Merge[T any](sources ...leadership.Observable[T]) leadership.Observable[T] {
	if len(sources) == 0 {
		return leadership.Empty[T]()
	}
	sources = slices.Clone(sources)
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		j := &join[T]{}
		j.begin(s, out, len(sources))
		for _, source := range sources {
			i := j.inner()
			source.SubscribeIn(i.scope, i)
		}
	})
}

// Concat emits what the sources emit, one after the other: it subscribes to the next one when the one before has completed. An error
// fails it, and what follows is not subscribed to.
//
//	-a-|
//	    -b|
//	-a--b|
func Concat[T any](sources ...leadership.Observable[T]) leadership.Observable[T] {
	if len(sources) == 0 {
		return leadership.Empty[T]()
	}
	sources = slices.Clone(sources)
	itself := func(o leadership.Observable[T]) leadership.Observable[T] { return o }
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		c := newConcat(s, out, itself, len(sources))
		c.waiting = slices.Clone(sources)
		c.advance()
	})
}

// Race emits what that source emits which is the first to do anything, be it to complete or to fail; the others are released then. It
// subscribes in the order of the arguments. Without sources it completes at once.
//
//	---a-b|
//	-1--2-|
//	-1--2-|
func Race[T any](sources ...leadership.Observable[T]) leadership.Observable[T] {
	sources = slices.Clone(sources)
	if len(sources) == 0 {
		return leadership.Empty[T]()
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		r := &race[T]{out: out, runners: make([]*runner[T], len(sources))}
		for i := range sources {
			r.runners[i] = &runner[T]{race: r, scope: s.Child()}
		}
		for i, source := range sources {
			source.SubscribeIn(r.runners[i].scope, r.runners[i])
		}
	})
}

type race[T any] struct {
	out     leadership.Observer[T]
	runners []*runner[T]
	winner  atomic.Pointer[runner[T]]
}

// runner hears one of the sources of a race.
type runner[T any] struct {
	race  *race[T]
	scope *leadership.Scope
}

// leads reports whether r has won, which it does by asking first.
func (r *runner[T]) leads() bool {
	if r.race.winner.CompareAndSwap(nil, r) {
		for _, other := range r.race.runners {
			if other != r {
				other.scope.End()
			}
		}
		return true
	}
	return r.race.winner.Load() == r
}

func (r *runner[T]) Next(v T) {
	if r.leads() {
		r.race.out.Next(v)
	}
}

func (r *runner[T]) Error(err error) {
	if r.leads() {
		r.race.out.Error(err)
	}
}

func (r *runner[T]) Complete() {
	if r.leads() {
		r.race.out.Complete()
	}
}

// CombineLatest emits what f makes of the latest values of a and b, whenever one of them emits, once both have. It completes when both have, or
// when one has that never emitted. The first error fails it and releases the other.
//
//	-a---b---|
//	---1---2--|
//	---A-B-C--|   A of a and 1, B of b and 1, C of b and 2
//
// While the subscriber is busy, values wait for it, up to the size of its mailbox (see [leadership.Serialize]).
func CombineLatest[A, B, R any](a leadership.Observable[A], b leadership.Observable[B], f func(A, B) R) leadership.Observable[R] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[R]) {
		c := &combineLatest[A, B, R]{prefix: newPrefix(s, out), f: f}
		subscribeBoth(s, c.source, a, b, c)
	})
}

type combineLatest[A, B, R any] struct {
	prefix[R]
	f     func(A, B) R
	a     slot[A]
	b     slot[B]
	ended int // how many have completed
}

func (c *combineLatest[A, B, R]) Next(e event[A, B]) {
	if c.over {
		return
	}
	switch e.kind {
	case aNext:
		c.a.put(e.a)
	case bNext:
		c.b.put(e.b)
	case aEnd, bEnd:
		c.ended++
		if c.ended == 2 || e.kind == aEnd && !c.a.full || e.kind == bEnd && !c.b.full {
			c.Complete()
		}
		return
	}
	if c.a.full && c.b.full {
		c.out.Next(c.f(c.a.value, c.b.value))
	}
}

// Zip emits what f makes of the first values of a and b, of the second ones, and so on. It completes when one of them has completed and no
// value of it waits for its partner. The first error fails it, at once, and releases the other.
//
//	-a-b-|
//	--1---2--|
//	--A---(B|)   A of a and 1, B of b and 2
//
// Values that wait for a partner are kept, up to the size of the subscriber's mailbox, 256 by default; when one more comes, the stream fails with
// [leadership.ErrOverflow].
func Zip[A, B, R any](a leadership.Observable[A], b leadership.Observable[B], f func(A, B) R) leadership.Observable[R] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[R]) {
		z := &zip[A, B, R]{prefix: newPrefix(s, out), f: f, limit: queueLimit(s)}
		subscribeBoth(s, z.source, a, b, z)
	})
}

type zip[A, B, R any] struct {
	prefix[R]
	f            func(A, B) R
	limit        int
	as           []A
	bs           []B
	aOver, bOver bool
}

func (z *zip[A, B, R]) Next(e event[A, B]) {
	if z.over {
		return
	}
	switch e.kind {
	case aNext:
		z.as = append(z.as, e.a)
	case bNext:
		z.bs = append(z.bs, e.b)
	case aEnd:
		z.aOver = true
	case bEnd:
		z.bOver = true
	}
	if len(z.as) > 0 && len(z.bs) > 0 {
		a, b := z.as[0], z.bs[0]
		z.as, z.bs = slices.Delete(z.as, 0, 1), slices.Delete(z.bs, 0, 1)
		z.out.Next(z.f(a, b))
	}
	switch {
	case z.aOver && len(z.as) == 0, z.bOver && len(z.bs) == 0:
		z.Complete()
	case len(z.as) > z.limit, len(z.bs) > z.limit:
		z.Error(leadership.ErrOverflow)
	}
}

// WithLatestFrom emits, for each value of src, what f makes of it and of the latest value of other. Values of src that come before the first
// one of other are left out. It subscribes to other first, and completes with src; the first error, of either, fails it and releases both.
//
//	-a-b-c-|
//	--1-2
//	---A-B-|   A of b and 1, B of c and 2
//
// While the subscriber is busy, values wait for it, up to the size of its mailbox (see [leadership.Serialize]).
func WithLatestFrom[A, B, R any](src leadership.Observable[A], other leadership.Observable[B], f func(A, B) R) leadership.Observable[R] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[R]) {
		w := &withLatestFrom[A, B, R]{prefix: newPrefix(s, out), f: f}
		subscribeBoth(s, w.source, other, src, w)
	})
}

// withLatestFrom has other as a and the source as b.
type withLatestFrom[A, B, R any] struct {
	prefix[R]
	f      func(A, B) R
	latest slot[B]
}

func (w *withLatestFrom[A, B, R]) Next(e event[B, A]) {
	if w.over {
		return
	}
	switch e.kind {
	case aNext:
		w.latest.put(e.a)
	case bNext:
		if w.latest.full {
			w.out.Next(w.f(e.b, w.latest.value))
		}
	case aEnd:
	case bEnd:
		w.Complete()
	}
}

// event is what one of two sources tells, other than an error.
type event[A, B any] struct {
	kind eventKind
	a    A
	b    B
}

type eventKind uint8

const (
	aNext eventKind = iota
	bNext
	aEnd
	bEnd
)

// subscribeBoth subscribes to a and then b in sources, and has sink hear both, one at a time. Nothing calls its Complete but itself.
func subscribeBoth[A, B any](s, sources *leadership.Scope, a leadership.Observable[A], b leadership.Observable[B], sink leadership.Observer[event[A, B]]) {
	events := leadership.Serialize(s, sink)
	a.SubscribeIn(sources, sideA[A, B]{events})
	b.SubscribeIn(sources, sideB[A, B]{events})
}

type (
	sideA[A, B any] struct {
		events leadership.Observer[event[A, B]]
	}
	sideB[A, B any] struct {
		events leadership.Observer[event[A, B]]
	}
)

func (s sideA[A, B]) Next(v A)        { s.events.Next(event[A, B]{kind: aNext, a: v}) }
func (s sideA[A, B]) Error(err error) { s.events.Error(err) }
func (s sideA[A, B]) Complete()       { s.events.Next(event[A, B]{kind: aEnd}) }

func (s sideB[A, B]) Next(v B)        { s.events.Next(event[A, B]{kind: bNext, b: v}) }
func (s sideB[A, B]) Error(err error) { s.events.Error(err) }
func (s sideB[A, B]) Complete()       { s.events.Next(event[A, B]{kind: bEnd}) }
