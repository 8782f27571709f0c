package wmbridge_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/leadership-go/leadership"
	wmbridge "github.com/leadership-go/leadership/bridges/watermill"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/sources/memory"
)

// The tests here run on Watermill's own Pub/Sub, by the real clock: it holds locks while it sends, which no bubble likes.

// blocking is a Pub/Sub whose Publish waits until all who are subscribed have acknowledged.
func blocking(t *testing.T) *gochannel.GoChannel {
	t.Helper()
	pubSub := gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true}, nil)
	t.Cleanup(func() {
		if err := pubSub.Close(); err != nil {
			t.Error(err)
		}
	})
	return pubSub
}

// announcing tells when it has been subscribed to.
type announcing struct {
	*gochannel.GoChannel
	subscribed chan struct{}
}

func (a announcing) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	defer func() { a.subscribed <- struct{}{} }()
	return a.GoChannel.Subscribe(ctx, topic)
}

func TestThereAndBack(t *testing.T) {
	pubSub := announcing{blocking(t), make(chan struct{}, 1)}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const n = 1000
	var seen []int
	var reading sync.WaitGroup
	reading.Go(func() {
		err := operators.Take(wmbridge.Subscribe[int](pubSub, topic, nil), n).ForEach(ctx, func(v int) { seen = append(seen, v) })
		if err != nil {
			t.Errorf("the receiver ended by %v", err)
		}
	})
	<-pubSub.subscribed
	all := make([]int, n)
	for v := range all {
		all[v] = v
	}
	if err := wmbridge.Publish(ctx, leadership.FromSlice(all), pubSub, topic, wmbridge.Options[int]{}); err != nil {
		t.Errorf("the sender ended by %v", err)
	}
	reading.Wait()
	if !slices.Equal(seen, all) {
		t.Errorf("%d came, or not in order", len(seen))
	}
}

func TestAnElectionIsFollowedFromAfar(t *testing.T) {
	pubSub := announcing{blocking(t), make(chan struct{}, 1)}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var reading sync.WaitGroup
	var seen []leadership.ElectionMessage
	reading.Go(func() {
		edges := operators.Edges(wmbridge.Subscribe[leadership.ElectionMessage](pubSub, topic, nil))
		if err := edges.ForEach(ctx, func(m leadership.ElectionMessage) { seen = append(seen, m) }); err != nil {
			t.Errorf("the receiver ended by %v", err)
		}
	})
	<-pubSub.subscribed
	member, err := memory.NewClusterFactory(nil).Configure(leadership.Config{ServiceName: "app", ServiceID: "node-1"}).Build(ctx)
	if err != nil {
		t.Fatal(err)
	}
	published := make(chan error, 1)
	var failures atomic.Int64
	flaky := publisher(func(topic string, m *message.Message) error {
		if failures.Add(1)%3 != 0 {
			return errBroken
		}
		return pubSub.Publish(topic, m)
	})
	go func() {
		published <- wmbridge.Publish(ctx, member.AsObservable(), flaky, topic, wmbridge.Options[leadership.ElectionMessage]{
			Metadata: wmbridge.MessageMetadata, Retry: &operators.RetryPolicy{Delay: time.Millisecond},
		})
	}()
	for !member.IsLeader() {
		time.Sleep(time.Millisecond)
	}
	term := member.Term().Token()
	if err := member.Close(); err != nil {
		t.Error(err)
	}
	if err := <-published; err != nil {
		t.Errorf("the sender ended by %v", err)
	}
	if err := pubSub.Close(); err != nil {
		t.Error(err)
	}
	reading.Wait()
	if len(seen) != 2 || seen[0].Status != leadership.StatusElectedFirst || seen[1].Status != leadership.StatusRelegation ||
		seen[0].Term != term || seen[0].Vote == nil || seen[0].Vote.ServiceID != "node-1" || seen[1].Err == nil {
		t.Errorf("saw %v", seen)
	}
}

func TestCancelWhilePublishing(t *testing.T) {
	pubSub := announcing{blocking(t), make(chan struct{}, 1)}
	stuck, subscribed := context.WithCancel(t.Context())
	defer subscribed()
	messages, err := pubSub.Subscribe(stuck, topic) // and acknowledges nothing
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	published := make(chan error, 1)
	go func() {
		published <- wmbridge.Publish(ctx, leadership.Just(1, 2), pubSub, topic, wmbridge.Options[int]{})
	}()
	m := <-messages
	cancel(errors.New("enough"))
	select {
	case err := <-published:
		t.Errorf("returned %v while the publisher was waiting", err)
	case <-time.After(50 * time.Millisecond):
	}
	m.Ack()
	if err := <-published; err == nil || err.Error() != "enough" {
		t.Errorf("ended by %v", err)
	}
	subscribed()
	if m, ok := <-messages; ok {
		t.Errorf("%s was published after the end", m.Payload)
	}
}

func TestThousandCancelledSubscriptionsLeaveNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	pubSub := gochannel.NewGoChannel(gochannel.Config{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	published := make(chan error, 1)
	go func() {
		endless := leadership.FromSeq(func(yield func(int) bool) {
			for v := 0; yield(v); v++ {
				runtime.Gosched()
			}
		})
		published <- wmbridge.Publish(ctx, endless, pubSub, topic, wmbridge.Options[int]{})
	}()
	values := wmbridge.Subscribe[int](pubSub, topic, nil)
	var last []*leadership.Subscription
	for range 1000 {
		last = append(last, values.Subscribe(nil))
		if len(last) > 10 {
			last[0].Unsubscribe()
			last = last[1:]
		}
	}
	for _, sub := range last {
		sub.Unsubscribe()
	}
	cancel()
	if err := <-published; !errors.Is(err, context.Canceled) {
		t.Errorf("ended by %v", err)
	}
	if err := pubSub.Close(); err != nil {
		t.Error(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
