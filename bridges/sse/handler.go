package sse

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
)

// grace is how long Close waits for responses beyond the time that a write may take.
const grace = time.Second

// Handler serves one stream to any number of clients. It is an [http.Handler] for GET and HEAD. Its methods are safe for
// concurrent use.
type Handler[T any] struct {
	options Options[T]
	epoch   string
	source  *leadership.Subscription
	events  *leadership.Subject[event]
	newest  atomic.Uint64         // the number of the latest event, set before that is published
	end     atomic.Pointer[event] // the end event, set before events completes; nil while the source goes on

	closing chan struct{} // closed by Close
	gone    chan struct{} // closed when, after that, no response runs any more

	mu        sync.Mutex
	closed    bool
	responses int
}

// NewHandler subscribes to src, until that ends or the handler is closed, and returns the handler that serves it. A source that delivers within
// Subscribe does so within NewHandler. Options that break a rule are a [*leadership.ConfigError].
func NewHandler[T any](src leadership.Observable[T], opts Options[T]) (*Handler[T], error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	h := &Handler[T]{
		options: opts,
		epoch:   newEpoch(),
		events:  leadership.NewReplaySubject[event](opts.Keep),
		closing: make(chan struct{}),
		gone:    make(chan struct{}),
	}
	h.source = src.Subscribe(h.next,
		leadership.OnError(h.finish),
		leadership.OnComplete(func() { h.finish(nil) }))
	return h, nil
}

// next publishes a value of the source. Nobody else does.
func (h *Handler[T]) next(v T) {
	number := h.newest.Load() + 1
	name, data, err := h.encode(v)
	if err != nil {
		name, data = typeInvalid, errorData(fmt.Errorf("sse: event %d: %w", number, err))
	}
	h.newest.Store(number)
	h.events.Next(newEvent(h.epoch, number, name, data))
}

// encode returns what an event is sent as, or why it is invalid.
func (h *Handler[T]) encode(v T) (name string, data []byte, err error) {
	data, err = h.options.Encode(v)
	if err != nil {
		return "", nil, err
	}
	name = h.options.Event(v)
	return name, data, check(name, data)
}

// finish ends the stream for all clients, as the source has ended.
func (h *Handler[T]) finish(err error) {
	end := newEvent(h.epoch, h.newest.Load()+1, typeEnd, errorData(err))
	h.end.Store(&end)
	h.events.Complete()
}

// Err is nil while the source goes on and after it has completed. Otherwise it is why there is nothing new: the error of the source, or a
// [*leadership.PanicError] of a function in [Options]; after Close, [leadership.ErrUnsubscribed].
func (h *Handler[T]) Err() error { return h.source.Err() }

// Close unsubscribes from the source and ends all responses, without an end event, so that clients come back. It waits until no response
// runs any more: a write under way may take [Options].WriteTimeout. It returns an error if one still runs a
// second after that, which can be behind a writer that knows no deadlines, or on an HTTP/2 connection that takes nothing, if the server has no
// WriteByteTimeout. Before all that it waits for a function of [Options] that runs, without a limit.
//
// From then on a response is empty and ends at once. It still is a good one, as EventSource would stop for good at another one: 200, or 204
// for who has seen the end. Close may be called again. Called from a request that the handler itself serves, it waits in vain.
func (h *Handler[T]) Close() error {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.closing)
		if h.responses == 0 {
			close(h.gone)
		}
	}
	h.mu.Unlock()
	h.source.Unsubscribe()

	limit := h.options.WriteTimeout + grace
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-h.gone:
		return nil
	case <-timer.C:
		return fmt.Errorf("sse: a response still runs %v after Close", limit)
	}
}

// enter counts a response. It reports false after Close.
func (h *Handler[T]) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.responses++
	return true
}

// leave is the end of a response.
func (h *Handler[T]) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.responses--
	if h.closed && h.responses == 0 {
		close(h.gone)
	}
}

// ServeHTTP answers a client with the events that it has not seen, and those to come, until the source ends, the handler is closed or the
// client is gone. What it answers otherwise: 204 to a client that has seen the end, 405 to methods other than GET and HEAD, and 500 where w
// can't be flushed.
func (h *Handler[T]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "a stream of events can only be read", http.StatusMethodNotAllowed)
		return
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store, no-transform")
	at := h.position(r.Header.Get("Last-Event-ID"))
	if at.over {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // nginx would keep events back
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return
	}
	if !h.enter() {
		_, _ = w.Write(append(appendRetry(nil, h.options.Retry), ": closed\n\n"...)) // who is gone needs no answer
		return
	}
	defer h.leave()
	h.serve(w, r, at)
}

// position is where a response begins.
type position struct {
	next uint64 // the number of the first event that the client has not seen
	lost bool   // it has seen some of which nobody here knows
	over bool   // it has seen the end
}

// position reads the id of the last event that a client has seen, "" for none.
func (h *Handler[T]) position(id string) position {
	newest := h.newest.Load()
	replay := min(newest, uint64(max(h.options.Replay, 0)))
	if id == "" {
		return position{next: newest - replay + 1}
	}
	number, ours := parseID(h.epoch, id)
	end := h.end.Load()
	switch {
	case ours && end != nil && number == end.number:
		return position{over: true}
	case ours && number <= newest:
		return position{next: number + 1}
	default:
		return position{next: newest - replay + 1, lost: true}
	}
}
