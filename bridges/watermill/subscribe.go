package wmbridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/leadership-go/leadership"
)

// ErrPayload ends a stream of [Subscribe] at a message whose payload can't be read. The text names the topic and the message's UUID; the cause
// is wrapped.
var ErrPayload = errors.New("wmbridge: malformed payload")

// Subscribe is the stream of what the messages of topic hold, as unmarshal reads it; as JSON where that is nil.
//
// It is cold: each subscription is one of subscriber, on a goroutine of its own, that takes one message after the other. It acknowledges a message when
// its value has been delivered, which is when the call that delivers it returns; so a slow callback sets the pace, and there is no mailbox. It nacks
// the message if that call panics, if the subscription has ended before, or if its context or another goroutine ends it meanwhile. Where the
// subscription ends from within the call (operators.Take has enough, the callback unsubscribes, an operator makes an error of the value), the
// value has been delivered. Who needs it otherwise uses [Messages].
//
// The stream completes when subscriber closes its channel, as it does on Close. It fails where subscribing does, and with an [ErrPayload] at
// a message that unmarshal refuses, which is nacked.
//
// When the subscription ends, so does the context given to Watermill. Unsubscribe waits until the channel is closed, and until a Subscribe of
// subscriber that is under way has returned; what still comes meanwhile is nacked.
func Subscribe[T any](subscriber message.Subscriber, topic string, unmarshal func([]byte) (T, error)) leadership.Observable[T] {
	if unmarshal == nil {
		unmarshal = func(data []byte) (v T, err error) {
			err = json.Unmarshal(data, &v)
			return v, err
		}
	}
	return subscribe(subscriber, topic, true, func(m *message.Message) (T, error) { return unmarshal(m.Payload) })
}

// Messages is [Subscribe] for who has to see the metadata, or acknowledges messages by what has become of them: whoever receives a message
// has to call Ack or Nack on it, then or later, on any goroutine. As long as they don't, most subscribers send no other.
//
// What could not be delivered, as in Subscribe, is nacked by the stream; where it was acknowledged before, that changes nothing.
func Messages(subscriber message.Subscriber, topic string) leadership.Observable[*message.Message] {
	return subscribe(subscriber, topic, false, func(m *message.Message) (*message.Message, error) { return m, nil })
}

func subscribe[T any](subscriber message.Subscriber, topic string, ack bool, read func(*message.Message) (T, error)) leadership.Observable[T] {
	if subscriber == nil {
		return leadership.Throw[T](leadership.InvalidConfig("wmbridge.Subscribe subscriber", nil, "must not be nil"))
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		s.Go(func() {
			work := s.Child()
			defer work.End()
			in := &inbound[T]{work: work, ctx: work.Context(), out: out, topic: topic, ack: ack, read: read, goroutine: goroutine()}
			messages, err := subscriber.Subscribe(in.ctx, topic)
			if err != nil {
				if !in.over() {
					out.Error(fmt.Errorf("wmbridge: subscribe to topic %q: %w", topic, err))
				}
				return
			}
			work.OnEnd(in.ended)
			switch closed, err := in.run(messages); {
			case err != nil:
				out.Error(err)
			case closed:
				out.Complete()
			}
		})
	})
}

// inbound is one subscription to a topic.
type inbound[T any] struct {
	work      *leadership.Scope
	ctx       context.Context //nolint:containedctx // that of work
	out       leadership.Observer[T]
	topic     string
	ack       bool
	read      func(*message.Message) (T, error)
	goroutine string      // the one that takes messages
	within    atomic.Bool // work was ended from within a delivery
}

// run takes messages until the channel is closed, and reports whether that came first. Whatever ends it, it returns with the channel closed.
func (i *inbound[T]) run(messages <-chan *message.Message) (closed bool, err error) {
	defer func() {
		for m := range messages {
			m.Nack()
		}
	}()
	defer i.work.End()
	for m := range messages {
		if err := i.take(m); err != nil {
			return false, err
		}
	}
	return !i.over(), nil
}

// over reports whether nobody wants the stream any more. The context may end an instant before the scope.
func (i *inbound[T]) over() bool { return i.ctx.Err() != nil }

func (i *inbound[T]) take(m *message.Message) error {
	delivered := false
	defer func() {
		switch {
		case !delivered:
			m.Nack()
		case i.ack:
			m.Ack()
		}
	}()
	if i.over() {
		return nil
	}
	v, err := i.read(m)
	if err != nil {
		return fmt.Errorf("%w: topic %q, message %s: %w", ErrPayload, i.topic, m.UUID, err)
	}
	i.out.Next(v)
	// The end of the chain drops what comes after the end of the subscription or of its context, an instant before the scope has ended, too.
	delivered = !i.over() && i.work.Do(func() {}) || i.within.Load()
	return nil
}

// ended runs when work ends, on the goroutine that ends it. Ended by another one, or by the end of a context, the value on its way
// may have been dropped by the very end of the chain.
func (i *inbound[T]) ended() {
	if errors.Is(context.Cause(i.ctx), leadership.ErrUnsubscribed) && i.goroutine == goroutine() {
		i.within.Store(true)
	}
}

// goroutine is what the runtime calls the calling goroutine, "goroutine 7".
func goroutine() string {
	var stack [64]byte
	name, _, _ := strings.Cut(string(stack[:runtime.Stack(stack[:], false)]), " [")
	return name
}
