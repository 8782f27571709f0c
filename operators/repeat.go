package operators

import (
	"slices"
	"sync"

	"github.com/leadership-go/leadership"
)

// RepeatWhen subscribes to src again after a completion when the stream that when makes of the completions emits. when is
// called once for each subscription, with a stream that tells after each round, as a subscription to src is called here, how
// many rounds have completed: 1, 2, and so on. What when returns is subscribed to before the first round:
//
//   - A value of it begins the next round. It counts once, and only as the answer to a completion: what comes before the first one, while a
//     round runs, or as the second answer, counts for nothing.
//   - Its completion completes the whole at once, its error fails it; a round under way is released. So [TakeWhile] of the
//     completions is how to repeat a number of times.
//
// An error of src passes on at once. A round is released before its completion is told.
//
//	                                     -a-|
//	when: completions below 3            -a--a--a-|
//	when: completions, 2 frames later    -a----a----a
//
// A source that has ended for good, as that of a closed member, completes again at once: an answer that comes at once, too, then keeps
// Subscribe busy until the subscription ends.
func RepeatWhen[T, U any](src leadership.Observable[T], when func(completions leadership.Observable[int]) leadership.Observable[U]) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		r := &repeat[T]{src: src, scope: s.Child(), out: leadership.Serialize(s, out)}
		when(r.completed.observable()).SubscribeIn(r.scope, &answers[T, U]{r})
		r.move(stageNone, stageDue)
	})
}

// repeat may be told a terminal by a round and by the answers: its observer takes the first.
type repeat[T any] struct {
	src       leadership.Observable[T]
	scope     *leadership.Scope // of the round and of the answers
	out       leadership.Observer[T]
	completed completions

	mu      sync.Mutex // never held while calling out
	stage   stage
	rounds  int
	looping bool // somebody is in run
}

// stage is how far a round has come.
type stage uint8

const (
	stageNone  stage = iota // the answers are being subscribed to
	stageDue                // it is to begin
	stageRuns               // it is subscribed to
	stageOver               // its completion is to be told
	stageAsked              // its completion was told: an answer makes the next one due
)

// move makes one stage of another, unless it is not the one it should be, and does what is due.
func (r *repeat[T]) move(from, to stage) {
	r.mu.Lock()
	if r.stage == from {
		r.stage = to
	}
	r.mu.Unlock()
	r.run()
}

// run begins the round that is due, or tells of the one that is over, and goes on with those that follow within these calls: in a
// loop, so that the stack does not grow, and so that a round is begun only when the answers have had their say.
func (r *repeat[T]) run() {
	r.mu.Lock()
	if r.looping {
		r.mu.Unlock()
		return
	}
	r.looping = true
	for (r.stage == stageDue || r.stage == stageOver) && !r.scope.Ended() {
		if r.stage == stageDue {
			r.stage = stageRuns
			r.mu.Unlock()
			scope := r.scope.Child()
			r.src.SubscribeIn(scope, &round[T]{r.out, r, scope})
		} else {
			r.stage = stageAsked
			r.rounds++
			n := r.rounds
			r.mu.Unlock()
			r.completed.tell(n)
		}
		r.mu.Lock()
	}
	r.looping = false
	r.mu.Unlock()
}

// round hears one subscription to the source.
type round[T any] struct {
	leadership.Observer[T]
	repeat *repeat[T]
	scope  *leadership.Scope
}

func (r *round[T]) Error(err error) {
	r.repeat.scope.End()
	r.Observer.Error(err)
}

func (r *round[T]) Complete() {
	r.scope.End()
	r.repeat.move(stageRuns, stageOver)
}

// answers hears what when returned.
type answers[T, U any] struct{ repeat *repeat[T] }

func (a *answers[T, U]) Next(U) { a.repeat.move(stageAsked, stageDue) }

func (a *answers[T, U]) Error(err error) {
	a.repeat.scope.End()
	a.repeat.out.Error(err)
}

func (a *answers[T, U]) Complete() {
	a.repeat.scope.End()
	a.repeat.out.Complete()
}

// completions is a stream of how many rounds have completed, told within the call to tell. It never ends by itself.
type completions struct {
	mu        sync.Mutex
	listeners []leadership.Observer[int] // replaced at each change
}

func (c *completions) observable() leadership.Observable[int] {
	return leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
		c.mu.Lock()
		c.listeners = append(slices.Clip(c.listeners), out)
		c.mu.Unlock()
		s.OnEnd(func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.listeners = slices.DeleteFunc(slices.Clone(c.listeners), func(o leadership.Observer[int]) bool { return o == out })
		})
	})
}

func (c *completions) tell(n int) {
	c.mu.Lock()
	listeners := c.listeners
	c.mu.Unlock()
	for _, l := range listeners {
		l.Next(n)
	}
}
