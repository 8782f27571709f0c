package rx

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/reactivex/rxgo/v2"

	"github.com/leadership-go/leadership"
)

// ErrReleased is what a subscriber of [From] gets after all earlier ones have left.
var ErrReleased = errors.New("rx: rxgo Observable was released by its last subscriber")

// defaultMailbox is how far a subscriber may fall behind the quickest one.
const defaultMailbox = 256

// From is an rxgo Observable, or Single, with types. o is observed once, from the first subscription on, as many of rxgo's operators allow no
// more than that; all subscribers share what comes from then on. When the last one leaves, o is cancelled and gets up to
// a second to close its channel; who subscribes later gets [ErrReleased], or the end of o where that came before. For a chain of each subscriber's own use [Pipe], or
//
//	leadership.Defer(func() leadership.Observable[string] { return rx.From[string](makeChain()) })
//
// Each subscriber has a mailbox, of 256 values unless [leadership.Mailbox] says otherwise. rxgo has to wait only while all of them are
// full; who is a whole mailbox behind the quickest subscriber ends with [leadership.ErrOverflow].
//
// The first error is the end, and so is an item that is no T, with [ErrItemType].
func From[T any](o rxgo.Iterable) leadership.Observable[T] {
	h := &share[T]{source: o, room: make(chan struct{}, 1), done: make(chan struct{})}
	return leadership.New(h.subscribe)
}

// share is one observation of an rxgo Observable and all who subscribed to it.
type share[T any] struct {
	source rxgo.Iterable
	room   chan struct{} // a mailbox that was full has room, or somebody came or left
	done   chan struct{} // the observation is released

	mu    sync.Mutex
	boxes []*box[T] // who still gets values
	stop  context.CancelFunc
	over  bool
	how   end
	err   error
}

// box is the mailbox of one subscriber. What it holds is guarded by share.mu.
type box[T any] struct {
	limit int
	wake  chan struct{}
	queue []T
	over  bool // after the queue comes the end
	how   end
	err   error
}

func (h *share[T]) subscribe(s *leadership.Scope, out leadership.Observer[T]) {
	b := &box[T]{limit: s.Mailbox(), wake: make(chan struct{}, 1)}
	if b.limit == 0 {
		b.limit = defaultMailbox
	}
	h.join(b)
	if !s.Go(func() {
		how, err := h.deliver(s, b, out)
		switch how {
		case completed:
			out.Complete()
		case failed:
			out.Error(err)
		case cancelled:
		}
	}) {
		h.leave(b)
	}
}

// join adds b. The first one starts the observation.
func (h *share[T]) join(b *box[T]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		b.over, b.how, b.err = true, h.how, h.err
		return
	}
	h.boxes = append(h.boxes, b)
	if h.stop == nil {
		var ctx context.Context
		ctx, h.stop = context.WithCancel(context.Background())
		go h.observe(ctx)
	}
	signal(h.room)
}

// leave removes b. The last one stops the observation and waits for its release.
func (h *share[T]) leave(b *box[T]) {
	h.mu.Lock()
	h.boxes = slices.DeleteFunc(h.boxes, func(other *box[T]) bool { return other == b })
	b.queue = nil
	last := len(h.boxes) == 0
	if last && !h.over {
		h.over, h.how, h.err = true, failed, ErrReleased
		h.stop()
	}
	h.mu.Unlock()
	signal(h.room)
	if last {
		<-h.done
	}
}

// deliver calls out with what b receives until it ends, and says how that was.
func (h *share[T]) deliver(s *leadership.Scope, b *box[T], out leadership.Observer[T]) (end, error) {
	defer h.leave(b)
	ended := s.Context().Done()
	for !s.Ended() {
		h.mu.Lock()
		if len(b.queue) > 0 {
			v := b.queue[0]
			clear(b.queue[:1])
			b.queue = b.queue[1:]
			h.mu.Unlock()
			signal(h.room)
			out.Next(v)
			continue
		}
		over, how, err := b.over, b.how, b.err
		h.mu.Unlock()
		if over {
			return how, err
		}
		select {
		case <-b.wake:
		case <-ended:
		}
	}
	return cancelled, nil
}

// observe is the one goroutine that receives from rxgo.
func (h *share[T]) observe(ctx context.Context) {
	defer close(h.done)
	var items <-chan rxgo.Item
	returned := false
	defer func() {
		if !returned {
			h.finish(failed, &leadership.PanicError{Value: recover(), Stack: debug.Stack()})
		}
		h.stop()
		if items != nil {
			release(items, patience)
		}
	}()
	if h.source == nil {
		h.finish(failed, errNoChain)
	} else {
		items = h.source.Observe(rxgo.WithContext(ctx))
		h.finish(receive(ctx, items, func(v T) bool { return h.offer(ctx, v) }))
	}
	returned = true
}

// offer puts v into the mailboxes. It waits while all are full, and reports false when nobody is left.
func (h *share[T]) offer(ctx context.Context, v T) bool {
	for !h.put(v) {
		select {
		case <-h.room:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// put puts v into all mailboxes and ends those that are full. It reports false, and does nothing, when all are.
func (h *share[T]) put(v T) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.ContainsFunc(h.boxes, (*box[T]).hasRoom) {
		return false
	}
	h.boxes = slices.DeleteFunc(h.boxes, func(b *box[T]) bool {
		fits := b.hasRoom()
		if fits {
			b.queue = append(b.queue, v)
		} else {
			b.over, b.how, b.err = true, failed, leadership.ErrOverflow
		}
		signal(b.wake)
		return !fits
	})
	return true
}

func (b *box[T]) hasRoom() bool { return len(b.queue) < b.limit }

// finish ends the stream for all, after what is queued, unless they have all left.
func (h *share[T]) finish(how end, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return
	}
	h.over, h.how, h.err = true, how, err
	for _, b := range h.boxes {
		b.over, b.how, b.err = true, how, err
		signal(b.wake)
	}
}

// signal leaves a sign in c, which holds one, without waiting.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
