package crowd

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
)

// turn is one member's beginning of a term.
type turn struct {
	member  int
	term    uint64
	session string
	at      time.Time // when its subscriber heard
}

// hall is where the words of all members are heard.
type hall struct {
	mu       sync.Mutex
	turns    []turn
	informed map[int]bool // who has said who leads
	errs     int
	first    error         // of errs
	changed  chan struct{} // closed at the next word
}

func newHall() *hall { return &hall{informed: make(map[int]bool), changed: make(chan struct{})} }

// listen follows the member with that number.
func (h *hall) listen(number int, m *leadership.Member) {
	m.AsObservable().Subscribe(func(msg leadership.ElectionMessage) {
		at := time.Now()
		h.mu.Lock()
		defer h.mu.Unlock()
		switch msg.Status {
		case leadership.StatusElectedFirst:
			h.turns = append(h.turns, turn{number, msg.Term, msg.Vote.SessionID, at})
		case leadership.StatusError:
			h.errs++
			if h.first == nil {
				h.first = fmt.Errorf("member %d: %w", number, msg.Err)
			}
		case leadership.StatusElected, leadership.StatusNotElected, leadership.StatusRelegation:
		}
		if msg.Vote != nil {
			h.informed[number] = true
		}
		close(h.changed)
		h.changed = make(chan struct{})
	})
}

// await waits until done, which is called under the hall's lock, reports true.
func (h *hall) await(ctx context.Context, what string, done func() bool) error {
	for {
		h.mu.Lock()
		ok, changed := done(), h.changed
		n, errs, first := len(h.turns), h.errs, h.first
		h.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("crowd: %s: %w (%d terms, %d error messages, the first: %w)", what, context.Cause(ctx), n, errs, first)
		}
	}
}

// awaitTurn waits for the nth term, the first being 0.
func (h *hall) awaitTurn(ctx context.Context, n int) (turn, error) {
	var t turn
	err := h.await(ctx, fmt.Sprintf("term number %d does not begin", n), func() bool {
		if len(h.turns) <= n {
			return false
		}
		t = h.turns[n]
		return true
	})
	return t, err
}

// all is a copy of the turns.
func (h *hall) all() []turn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]turn(nil), h.turns...)
}

func (h *hall) complaints() (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.errs, h.first
}
