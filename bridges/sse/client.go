package sse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/leadership-go/leadership"
)

const (
	// batch is how many bytes are written within one deadline; what is ready is collected up to that, and one event more.
	batch = 32 << 10
	// readyEvents is how many events may be on their way from the mailbox to the response, so that they are sent together.
	readyEvents = 64
)

// serve writes the response of one client.
func (h *Handler[T]) serve(w http.ResponseWriter, r *http.Request, at position) {
	ctx, cancel := context.WithCancel(r.Context())
	ready := make(chan event, readyEvents)
	sub := h.events.AsObservable().Subscribe(func(e event) {
		if e.number < at.next {
			return
		}
		select {
		case ready <- e:
		case <-ctx.Done():
		}
	}, leadership.WithContext(ctx), leadership.Mailbox(max(2*h.options.Keep, 256))) // what is replayed, and as much again
	defer sub.Unsubscribe()
	defer cancel()

	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // the last deadline stays with the connection
	}
	c := &client{
		w: w, control: http.NewResponseController(w), epoch: h.epoch, next: at.next,
		timeout: h.options.WriteTimeout, heartbeat: h.options.Heartbeat, idle: time.NewTimer(h.options.Heartbeat), closing: h.closing,
	}
	defer c.idle.Stop()
	if !c.open() {
		return
	}
	if r.ProtoMajor == 1 {
		defer c.deadline(c.timeout) // for the end of the response, which the server writes; with HTTP/2 it would outlive the response
	}
	c.begin(h.options.Retry, at.lost)
	if c.flush() == nil {
		h.pass(c, ready, sub)
	}
}

// pass sends what is ready until the client has got all, can't be reached or is to leave.
func (h *Handler[T]) pass(c *client, ready <-chan event, sub *leadership.Subscription) {
	for {
		select {
		case e := <-ready:
			c.add(e)
			c.collect(ready)
		case <-c.idle.C:
			c.block = append(c.block, ": heartbeat\n\n"...)
		case <-sub.Done():
			for c.collect(ready) {
				if c.flush() != nil {
					return
				}
			}
			if sub.Err() == nil {
				c.add(*h.end.Load())
				_ = c.flush() // who is gone comes back for it
			}
			return
		case <-h.closing:
			return
		}
		if c.flush() != nil {
			return
		}
	}
}

// client is one response. It belongs to the goroutine of its request.
type client struct {
	w         http.ResponseWriter
	control   *http.ResponseController
	epoch     string
	next      uint64 // the number of the event that comes next, if none is missing
	timeout   time.Duration
	heartbeat time.Duration
	idle      *time.Timer // fires when nothing was written for the time of a heartbeat
	block     []byte      // what is to be written
	closing   <-chan struct{}
}

// open sends the header. It reports false where there can be no stream; an answer is given then.
func (c *client) open() bool {
	c.deadline(c.timeout)
	err := c.control.Flush()
	if errors.Is(err, http.ErrNotSupported) {
		http.Error(c.w, "events would not arrive: the server's response writer can't be flushed", http.StatusInternalServerError)
	}
	return err == nil
}

// begin tells where the response begins, so that who is cut off before the first event still comes back to the right place.
func (c *client) begin(retry time.Duration, lost bool) {
	c.block = appendRetry(c.block, retry)
	if lost {
		c.block = append(c.block, newEvent(c.epoch, c.next-1, typeGap, gapData(nil)).block...)
		return
	}
	c.block = append(appendID(c.block, c.epoch, c.next-1), '\n')
}

// appendRetry appends the field that tells a client how long to wait before it reconnects; 0 leaves that to it.
func appendRetry(block []byte, retry time.Duration) []byte {
	if retry > 0 {
		block = fmt.Appendf(block, "retry: %d\n", retry.Milliseconds())
	}
	return block
}

// add takes an event to be written, and tells how many before it are missing.
func (c *client) add(e event) {
	if missed := e.number - c.next; missed > 0 {
		c.block = append(c.block, newEvent(c.epoch, e.number-1, typeGap, gapData(&missed)).block...)
	}
	c.block = append(c.block, e.block...)
	c.next = e.number + 1
}

// collect adds what is ready, up to a batch, and reports whether there is something to be written.
func (c *client) collect(ready <-chan event) bool {
	for len(c.block) < batch {
		select {
		case e := <-ready:
			c.add(e)
		default:
			return len(c.block) > 0
		}
	}
	return true
}

// flush writes what was added, a batch within each deadline. An error means that the client is gone, or takes nothing, or that the handler is
// closed: an event that is cut in two is none, and its id does not count.
func (c *client) flush() error {
	for rest := c.block; len(rest) > 0; {
		select {
		case <-c.closing:
			return http.ErrServerClosed
		default:
		}
		piece := rest[:min(len(rest), batch)]
		rest = rest[len(piece):]
		c.deadline(c.timeout)
		if _, err := c.w.Write(piece); err != nil {
			return err
		}
	}
	if err := c.control.Flush(); err != nil {
		return err
	}
	c.deadline(0) // HTTP/2 resets a stream at its deadline even if there is nothing to write
	if cap(c.block) > 4*batch {
		c.block = nil
	}
	c.block = c.block[:0]
	c.idle.Reset(c.heartbeat)
	return nil
}

// deadline bounds the writes to come; 0 lifts the bound. Behind a writer that knows no deadlines it does nothing.
func (c *client) deadline(d time.Duration) {
	var at time.Time
	if d > 0 {
		at = time.Now().Add(d)
	}
	_ = c.control.SetWriteDeadline(at)
}
