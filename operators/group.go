package operators

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/leadership-go/leadership"
)

// Group is the stream of those values that [GroupBy] found to have one key.
type Group[K comparable, T any] struct {
	leadership.Observable[T]
	// Key is what the values have in common.
	Key K
}

// GroupBy splits src into groups, one stream for each key: the first value with a key begins its group, which emits it and all that follow.
// A terminal of src ends first the groups, in the order in which they began, and then the whole.
//
//	                 -a-b-A-B-|
//	by letter        -p-q-----|
//	p, the key a     -a---A---|
//	q, the key b     ---b---B-|
//
// A group is for one subscriber, as a window is: it keeps its values until that comes, and ends with the whole (see [Window]). A group whose
// subscriber has left, or got its error, is forgotten: the next value with its key begins a new one. One that failed with [leadership.ErrOverflow],
// since nobody had subscribed to it, stays so and drops its values until somebody has.
//
// A key that does not equal itself, as NaN, begins a new group each time.
//
// Groups live as long as src: the memory that this takes grows with the number of keys. Where keys come and go, let subscribers of groups
// leave, as with [Take] or [TakeUntil] on each.
func GroupBy[T any, K comparable](src leadership.Observable[T], key func(T) K) leadership.Observable[Group[K, T]] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[Group[K, T]]) {
		g := &groupBy[T, K]{prefix: newPrefix(s, out), scope: s, key: key, groups: map[K]*group[T]{}, odd: map[uint64]*group[T]{}}
		src.SubscribeIn(g.source, g)
	})
}

type groupBy[T any, K comparable] struct {
	prefix[Group[K, T]]
	scope *leadership.Scope
	key   func(T) K
	begun uint64 // how many groups there were so far

	mu     sync.Mutex // never held while calling out; subscribers of groups leave on any goroutine
	groups map[K]*group[T]
	odd    map[uint64]*group[T] // by number, those whose key does not equal itself, as NaN: a map could not forget them
}

type group[T any] struct {
	*branch[T]
	number uint64
}

func (g *groupBy[T, K]) Next(v T) {
	if g.over {
		return
	}
	k := g.key(v)
	current := g.find(k)
	if current == nil {
		current = g.begin(k)
	}
	current.Next(v)
}

func (g *groupBy[T, K]) find(k K) *group[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.groups[k]
}

// begin emits a new group.
func (g *groupBy[T, K]) begin(k K) *group[T] {
	g.begun++
	n := &group[T]{number: g.begun}
	n.branch = newBranch[T](g.scope, func() { g.forget(k, n.number) })
	g.keep(k, n)
	g.out.Next(Group[K, T]{n.observable(), k})
	return n
}

func (g *groupBy[T, K]) keep(k K, n *group[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if k != k {
		g.odd[n.number] = n
	} else {
		g.groups[k] = n
	}
}

// forget has the next value with the key begin a new group.
func (g *groupBy[T, K]) forget(k K, number uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.groups, k)
	delete(g.odd, number)
}

// inOrder returns the groups in the order in which they began.
func (g *groupBy[T, K]) inOrder() []*group[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := slices.AppendSeq(slices.Collect(maps.Values(g.groups)), maps.Values(g.odd))
	slices.SortFunc(all, func(a, b *group[T]) int { return cmp.Compare(a.number, b.number) })
	return all
}

func (g *groupBy[T, K]) Error(err error) {
	if !g.leave() {
		return
	}
	for _, each := range g.inOrder() {
		each.Error(err)
	}
	g.out.Error(err)
}

func (g *groupBy[T, K]) Complete() {
	if !g.leave() {
		return
	}
	for _, each := range g.inOrder() {
		each.Complete()
	}
	g.out.Complete()
}
