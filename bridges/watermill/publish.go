package wmbridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
)

// Options says how [Publish] makes messages of values, and what it does when one cannot be published. The zero value is JSON without metadata, and no retry.
type Options[T any] struct {
	// Marshal makes the payload. Default [json.Marshal]. Its error ends Publish.
	Marshal func(T) ([]byte, error)
	// Metadata makes the metadata. Default: none. For messages of a member there is [MessageMetadata].
	Metadata func(T) message.Metadata
	// UUID makes the identity of a message, once for each value. Default [watermill.NewUUID].
	UUID func() string
	// Retry is how a message is published again after an error, before the next one. The wait between ends with ctx. Default: not at all. Mind
	// that the zero policy retries at once and without end.
	Retry *operators.RetryPolicy
	// Subscribe holds options for the subscription, such as [leadership.Mailbox]. Its context is that of Publish.
	Subscribe []leadership.SubscribeOption
}

// Publish publishes each value of src as one message to topic, one after the other. It blocks until the stream or ctx has ended, and returns what
// [leadership.Observable.ForEach] does: nil after a completion, the cause of ctx when that has ended first, and otherwise what ended the subscription.
//
// An error of the publisher, once [Options.Retry] has given up, ends it, too, as does one of [Options.Marshal]. Those name the topic and the
// UUID of the message, and wrap the cause. See the package comment for what may be lost then, and what may come twice.
//
// Each message has ctx for its context. A call of publisher.Publish that blocks all the same is waited for: Publish does not return
// before, but nothing more is published after ctx has ended. src does not wait for a slow publisher (see [leadership.Mailbox]).
func Publish[T any](ctx context.Context, src leadership.Observable[T], publisher message.Publisher, topic string, opts Options[T]) error {
	if publisher == nil {
		return leadership.InvalidConfig("wmbridge.Publish publisher", nil, "must not be nil")
	}
	if opts.Marshal == nil {
		opts.Marshal = func(v T) ([]byte, error) { return json.Marshal(v) }
	}
	if opts.UUID == nil {
		opts.UUID = watermill.NewUUID
	}
	o := &outbound[T]{ctx: ctx, publisher: publisher, topic: topic, opts: opts}
	work, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	return src.ForEach(work, func(v T) {
		if err := o.send(work, v); err != nil {
			fail(err)
		}
	}, opts.Subscribe...)
}

// outbound publishes one stream.
type outbound[T any] struct {
	ctx       context.Context //nolint:containedctx // for the messages: what an asynchronous publisher does with one may last longer than Publish
	publisher message.Publisher
	topic     string
	opts      Options[T]
}

// send publishes v, and waits no longer than ctx before an attempt.
func (o *outbound[T]) send(ctx context.Context, v T) error {
	id := o.opts.UUID()
	payload, err := o.opts.Marshal(v)
	if err != nil {
		return fmt.Errorf("wmbridge: topic %q: marshal message %s: %w", o.topic, id, err)
	}
	var metadata message.Metadata
	if o.opts.Metadata != nil {
		metadata = o.opts.Metadata(v)
	}
	if err := o.attempt(ctx, func() error { return o.publish(id, payload, metadata) }); err != nil {
		if panicked, ok := errors.AsType[*leadership.PanicError](err); ok {
			return panicked
		}
		return fmt.Errorf("wmbridge: topic %q: publish message %s: %w", o.topic, id, err)
	}
	return nil
}

// attempt runs f as often as the policy says.
func (o *outbound[T]) attempt(ctx context.Context, f func() error) error {
	if o.opts.Retry == nil {
		return f()
	}
	once := leadership.New(func(_ *leadership.Scope, out leadership.Observer[struct{}]) {
		if ctx.Err() != nil {
			return // the subscription ends in an instant, and with it the retries
		}
		if err := f(); err != nil {
			out.Error(err)
			return
		}
		out.Complete()
	})
	return operators.Retry(once, *o.opts.Retry).ForEach(ctx, nil)
}

// publish makes the message anew each time: a publisher may change the one that it gets.
func (o *outbound[T]) publish(id string, payload []byte, metadata message.Metadata) error {
	m := message.NewMessageWithContext(o.ctx, id, slices.Clone(payload))
	for key, value := range metadata {
		m.Metadata.Set(key, value)
	}
	return o.publisher.Publish(o.topic, m)
}

// The metadata that [MessageMetadata] sets.
const (
	// MetadataStatus is the [leadership.Status] of the message, such as "elected.first".
	MetadataStatus = "leadership_status"
	// MetadataTerm is the fencing token of the message's term, in decimal digits; not there when there is none.
	MetadataTerm = "leadership_term"
	// MetadataServiceName is the service of which the vote names the leader; not there without a vote.
	MetadataServiceName = "leadership_service_name"
	// MetadataServiceID is the instance that the vote names; not there without a vote.
	MetadataServiceID = "leadership_service_id"
)

// MessageMetadata is what a receiver may filter by, or a broker route by, without reading the payload: status, term, and whom the vote names.
func MessageMetadata(m leadership.ElectionMessage) message.Metadata {
	metadata := message.Metadata{MetadataStatus: string(m.Status)}
	if m.Term != 0 {
		metadata.Set(MetadataTerm, strconv.FormatUint(m.Term, 10))
	}
	if m.Vote != nil {
		metadata.Set(MetadataServiceName, m.Vote.ServiceName)
		metadata.Set(MetadataServiceID, m.Vote.ServiceID)
	}
	return metadata
}
