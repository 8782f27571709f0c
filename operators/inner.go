package operators

import (
	"sync/atomic"

	"github.com/leadership-go/leadership"
)

// join brings several streams of one type together in one: it is the base of the operators that subscribe to streams made on the way.
type join[T any] struct {
	scope *leadership.Scope // of all these streams, and of the source that they come from
	out   leadership.Observer[part[T]]
	open  atomic.Int64 // what has to complete before the whole does: the streams begun and to come, and the source
}

// part is a value on its way out of one of the streams.
type part[T any] struct {
	from  *inner[T]
	value T
}

// parts passes on what was not cut off while it waited.
type parts[T any] struct{ leadership.Observer[T] }

func (p parts[T]) Next(v part[T]) {
	if !v.from.cut.Load() {
		p.Observer.Next(v.value)
	}
}

// begin must come before all else; open is what has to complete besides the streams that are added later.
func (j *join[T]) begin(s *leadership.Scope, out leadership.Observer[T], open int) {
	j.scope = s.Child()
	j.out = leadership.Serialize(s, leadership.Observer[part[T]](parts[T]{out}))
	j.open.Store(int64(open))
}

// Error releases everything and fails.
func (j *join[T]) Error(err error) {
	j.scope.End()
	j.out.Error(err)
}

// Complete is called once for each that is open. The last one completes the whole.
func (j *join[T]) Complete() {
	if j.open.Add(-1) == 0 {
		j.scope.End()
		j.out.Complete()
	}
}

// inner makes the observer for one of the streams, which must be counted as open already.
func (j *join[T]) inner() *inner[T] { return &inner[T]{join: j, scope: j.scope.Child()} }

// inner hears one of the streams of a join.
type inner[T any] struct {
	join  *join[T]
	scope *leadership.Scope
	over  atomic.Bool // it has ended, or was cut off
	cut   atomic.Bool // what still waits of it is void
	then  func()      // follows the completion, if set
}

func (i *inner[T]) Next(v T) {
	if !i.over.Load() {
		i.join.out.Next(part[T]{i, v})
	}
}

func (i *inner[T]) Error(err error) {
	if !i.over.Swap(true) {
		i.join.Error(err)
	}
}

func (i *inner[T]) Complete() {
	if i.over.Swap(true) {
		return
	}
	i.scope.End()
	if i.then != nil {
		i.then()
	}
	i.join.Complete()
}

// drop releases the stream and everything that it has emitted and that waits. A nil one was never there.
func (i *inner[T]) drop() {
	if i == nil {
		return
	}
	i.cut.Store(true)
	if !i.over.Swap(true) {
		i.scope.End()
		i.join.Complete()
	}
}
