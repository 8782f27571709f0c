package wmbridge_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/leadership-go/leadership"
	wmbridge "github.com/leadership-go/leadership/bridges/watermill"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/sources/memory"
)

// A member's stream goes to a topic, from which others follow the election.
func ExamplePublish() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pubSub := gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true}, nil) // which keeps the order
	messages, err := pubSub.Subscribe(ctx, "leaders")
	if err != nil {
		fmt.Println(err)
		return
	}
	member, err := memory.NewClusterFactory(nil).Configure(leadership.Config{ServiceName: "app", ServiceID: "node-1"}).Build(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	published := make(chan error, 1)
	go func() {
		published <- wmbridge.Publish(ctx, member.AsObservable(), pubSub, "leaders",
			wmbridge.Options[leadership.ElectionMessage]{Metadata: wmbridge.MessageMetadata})
	}()

	for range 2 {
		m := <-messages
		fmt.Println(m.Metadata.Get(wmbridge.MetadataStatus), m.Metadata.Get(wmbridge.MetadataServiceID))
		m.Ack()
	}
	cancel()
	fmt.Println(<-published)
	_, _ = member.Close(), pubSub.Close()
	// Output:
	// elected node-1
	// elected.first node-1
	// context canceled
}

// A publisher that fails is tried again for the same message, while the stream's mailbox keeps what comes. Nothing is lost, and the order is kept.
func ExampleOptions_retry() {
	down := 2
	var flaky publisher = func(_ string, m *message.Message) error {
		if down > 0 {
			down--
			fmt.Printf("%s: down\n", m.Payload)
			return errors.New("broker is down")
		}
		fmt.Printf("%s: published\n", m.Payload)
		return nil
	}
	err := wmbridge.Publish(context.Background(), leadership.Just(1, 2), flaky, "numbers", wmbridge.Options[int]{
		Retry: &operators.RetryPolicy{Delay: time.Millisecond, Factor: 2, MaxDelay: time.Second, Jitter: 0.2},
	})
	fmt.Println(err)
	// Output:
	// 1: down
	// 1: down
	// 1: published
	// 2: published
	// <nil>
}

// What was published as JSON becomes a stream again. Each message is acknowledged when its value has been delivered.
func ExampleSubscribe() {
	ctx := context.Background()
	// For the example: a topic that keeps what was published before.
	pubSub := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, nil)
	defer func() { _ = pubSub.Close() }()
	first := leadership.ElectionMessage{Status: leadership.StatusElectedFirst, Vote: &leadership.Vote{ServiceID: "node-1"}, Term: 7}
	if err := wmbridge.Publish(ctx, leadership.Just(first), pubSub, "leaders", wmbridge.Options[leadership.ElectionMessage]{}); err != nil {
		fmt.Println(err)
	}

	messages := wmbridge.Subscribe[leadership.ElectionMessage](pubSub, "leaders", nil)
	err := operators.Take(messages, 1).ForEach(ctx, func(m leadership.ElectionMessage) { fmt.Println(m.Status, m.Term, m.Vote.ServiceID) })
	fmt.Println(err)
	// Output:
	// elected.first 7 node-1
	// <nil>
}

// A payload that can't be read ends the stream, unless it is made a value, too.
func ExampleSubscribe_malformed() {
	ctx := context.Background()
	pubSub := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, nil)
	defer func() { _ = pubSub.Close() }()
	if err := pubSub.Publish("numbers", message.NewMessage("m1", message.Payload("one"))); err != nil {
		fmt.Println(err)
	}

	err := wmbridge.Subscribe[int](pubSub, "numbers", nil).ForEach(ctx, nil)
	fmt.Println(errors.Is(err, wmbridge.ErrPayload))

	texts := wmbridge.Subscribe(pubSub, "numbers", func(data []byte) (string, error) { return "unknown: " + string(data), nil })
	_ = operators.Take(texts, 1).ForEach(ctx, func(s string) { fmt.Println(s) })
	// Output:
	// true
	// unknown: one
}

// Who acknowledges a message by what has become of it takes the messages themselves.
func ExampleMessages() {
	ctx := context.Background()
	pubSub := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, nil)
	defer func() { _ = pubSub.Close() }()
	if err := pubSub.Publish("jobs", message.NewMessage("m1", message.Payload("job"))); err != nil {
		fmt.Println(err)
	}

	attempts := 0
	_ = operators.Take(wmbridge.Messages(pubSub, "jobs"), 2).ForEach(ctx, func(m *message.Message) {
		attempts++
		fmt.Println(m.UUID, string(m.Payload), "attempt", attempts)
		if attempts == 1 {
			m.Nack() // it comes again
			return
		}
		m.Ack()
	})
	// Output:
	// m1 job attempt 1
	// m1 job attempt 2
}

// The metadata says of a message what a receiver may filter by.
func ExampleMessageMetadata() {
	relegation := leadership.ElectionMessage{Status: leadership.StatusRelegation, Term: 7}
	fmt.Println(wmbridge.MessageMetadata(relegation))
	// Output: map[leadership_status:relegation leadership_term:7]
}
