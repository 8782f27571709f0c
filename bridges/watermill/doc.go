// Package wmbridge is the bridge to Watermill (github.com/ThreeDotsLabs/watermill), and with that to Kafka, NATS, AMQP and whatever else there is a
// Pub/Sub for: [Publish] sends a stream to a topic, [Subscribe] makes a stream of one. It is a module of its own: only who imports it links Watermill. Its
// name differs from its folder's, so that it can be imported beside watermill:
//
//	import (
//		"github.com/ThreeDotsLabs/watermill/message"
//
//		wmbridge "github.com/leadership-go/leadership/bridges/watermill"
//	)
//
//	err := wmbridge.Publish(ctx, member.AsObservable(), publisher, "leaders", wmbridge.Options[leadership.ElectionMessage]{
//		Metadata: wmbridge.MessageMetadata,
//		Retry:    &operators.RetryPolicy{Delay: 100 * time.Millisecond, Factor: 2, MaxDelay: 10 * time.Second},
//	})
//
// # What is delivered, on the way out
//
//   - In order: a value is handed to the publisher once the one before has been published. What an asynchronous publisher, or the broker, makes of
//     the order is theirs.
//   - Without a retry, at most once: the first error of the publisher ends [Publish]. Whether that message has come through, nobody knows.
//   - With [Options.Retry], at least once, as long as Publish runs: a message is published until that succeeds. All attempts carry the same UUID, by
//     which a receiver may drop what comes twice.
//   - Not every value becomes a message. While the publisher is slow or down, the values of a hot source wait in the subscription's mailbox. When that
//     is full, a member's repeated "elected" and "notelected" coalesce, and in the end Publish returns [leadership.ErrOverflow]. What still waits there
//     when ctx ends, or when the publisher fails for good, is not published.
//
// So don't get over errors of a publisher by a loop around Publish, or by an operators.Retry around a stream that publishes: what waited is lost
// with the subscription, and the next one begins with the current state. [Options.Retry] keeps it.
//
// # What is delivered, on the way in
//
//   - At least once: [Subscribe] acknowledges a message when its value has been delivered, that is, when the subscriber's callback has returned. If that
//     panics, or if the subscription was ended before, the message is nacked, and comes again to whoever is next.
//   - Who takes a value to handle it later has taken it: operators with a queue or a timer, such as Debounce and ObserveOn; and Chan and Seq, whose loop
//     body comes after the acknowledgement. Where a crash in between must lose nothing, use a callback, with none of these before it, or [Messages].
//   - A payload that can't be read fails the stream with an [ErrPayload], and its message is nacked: that nobody could read it must not go
//     unseen, and another version may be able to. Who would rather go on gives Subscribe a function that makes a value of it.
package wmbridge
