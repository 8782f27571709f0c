package rx

import (
	"context"
	"time"

	"github.com/reactivex/rxgo/v2"

	"github.com/leadership-go/leadership"
)

// patience is how long the bridge waits for rxgo to take an error, or to close a channel, once nobody wants the stream any more.
const patience = time.Second

// To is obs for rxgo. Each Observe there subscribes with opts: it gets all, the current state of a hot source first, and has a
// mailbox of its own, the size of which [leadership.Mailbox] sets. Neither obs nor any other subscriber waits for one that
// does not read: its mailbox coalesces, and in the end it gets [leadership.ErrOverflow] as an error item.
//
// An error is the last item, and then the channel is closed. The end of the context given with [leadership.WithContext] is an error
// item, too, with its cause: it is no completion. If nobody takes that one within a second, the channel is closed without.
//
// Observe takes goroutines until the stream ends. Who may stop receiving before that must give the last operator of the chain
// a context, which rxgo hands up to here, and end it:
//
//	for item := range rx.To(member.AsObservable()).Filter(isEdge).Observe(rxgo.WithContext(ctx)) {
//
// The end of that context closes the channel without an error, as everywhere in rxgo: ask ctx.Err. Operators that do not
// hand it up (see the package comment) need [Pipe], or the same context in opts.
//
// A value that rxgo cannot carry is an [ErrValue]. In an [leadership.ElectionMessage] an Err that can't be compared is wrapped.
func To[T comparable](obs leadership.Observable[T], opts ...leadership.SubscribeOption) rxgo.Observable {
	return rxgo.Defer([]rxgo.Producer{func(ctx context.Context, next chan<- rxgo.Item) {
		sub := leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
			s.Go(func() {
				end, err := forward(ctx, next, s, obs)
				switch {
				case err != nil:
					out.Error(err)
				case end == completed:
					out.Complete()
				case ctx.Err() != nil:
					s.End() // otherwise it ends by itself, with its own cause
				}
			})
		}).Subscribe(nil, opts...)
		<-sub.Done()
		if err := sub.Err(); err != nil && ctx.Err() == nil {
			sendError(ctx, next, err, opts)
		}
	}})
}

// sendError gives rxgo the error that ended a stream. It waits for a reader, as rxgo does, but not for long once the context in opts has ended.
func sendError(ctx context.Context, next chan<- rxgo.Item, err error, opts []leadership.SubscribeOption) {
	wanted := leadership.Never[struct{}]().Subscribe(nil, opts...)
	defer wanted.Unsubscribe()
	select {
	case next <- rxgo.Error(err):
		return
	case <-ctx.Done():
		return
	case <-wanted.Done():
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case next <- rxgo.Error(err):
	case <-ctx.Done():
	case <-timer.C:
	}
}

// end is how a stream came to its end.
type end uint8

const (
	cancelled end = iota // nobody wants it any more
	completed
	failed
)

// forward subscribes to obs within s and sends rxgo each value, until the stream, ctx or s ends. The error is left to the caller.
func forward[T comparable](ctx context.Context, next chan<- rxgo.Item, s *leadership.Scope, obs leadership.Observable[T]) (end, error) {
	child := s.Child()
	defer child.End()
	over := child.Context().Done()
	letters := make(chan letter)
	child.Go(func() { obs.SubscribeIn(child, sender[T]{letters, over}) })
	for {
		select {
		case l := <-letters:
			if l.last {
				return l.end, l.item.E
			}
			select {
			case next <- l.item:
			case <-over:
				return cancelled, nil
			case <-ctx.Done():
				return cancelled, nil
			}
		case <-over:
			return cancelled, nil
		case <-ctx.Done():
			return cancelled, nil
		}
	}
}

// letter is one call of an observer on its way to rxgo.
type letter struct {
	item rxgo.Item
	last bool
	end  end
}

// sender is the observer that writes letters. Its channel is never closed: a call may come late.
type sender[T comparable] struct {
	letters chan<- letter
	over    <-chan struct{}
}

// Next sends a value.
func (s sender[T]) Next(v T) {
	item, err := boxed(v)
	if err != nil {
		s.Error(err)
		return
	}
	s.send(letter{item: item})
}

// Error sends the failure of the stream.
func (s sender[T]) Error(err error) {
	s.send(letter{item: rxgo.Error(err), last: true, end: failed})
}

// Complete sends the completion of the stream.
func (s sender[T]) Complete() { s.send(letter{last: true, end: completed}) }

func (s sender[T]) send(l letter) {
	select {
	case s.letters <- l:
	case <-s.over:
	}
}
