package wmbridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/goleak"

	"github.com/leadership-go/leadership"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken")

const topic = "leaders"

// bubble runs test on virtual time. It fails if a goroutine is left that can't go on.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// trace is what was seen.
type trace struct {
	mu   sync.Mutex
	seen []string
}

func (r *trace) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, fmt.Sprintf(format, args...))
}

// all is a copy of what was seen so far.
func (r *trace) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

func (r *trace) is(t *testing.T, want ...string) {
	t.Helper()
	if seen := r.all(); !slices.Equal(seen, want) {
		t.Errorf("saw %q, want %q", seen, want)
	}
}

// traced subscribes to o and writes down all that comes.
func traced[T any](r *trace, o leadership.Observable[T], opts ...leadership.SubscribeOption) *leadership.Subscription {
	opts = append(opts,
		leadership.OnError(func(err error) { r.add("#%v", err) }),
		leadership.OnComplete(func() { r.add("|") }))
	return o.Subscribe(func(v T) { r.add("%v", v) }, opts...)
}

// publisher does with each message what the function says.
type publisher func(topic string, m *message.Message) error

func (p publisher) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		if err := p(topic, m); err != nil {
			return err
		}
	}
	return nil
}

func (publisher) Close() error { return nil }

// broker is a subscriber that sends its messages, one after the other, to one subscription at a time, each until it is acknowledged. It writes down
// what becomes of them.
type broker struct {
	trace
	opened, open int // guarded by mu
	held         sync.Mutex
	payloads     []string // guarded by held
	stay         bool     // it does not close the channel after the last one
	closing      func()   // before it closes the channel
}

func (b *broker) Subscribe(ctx context.Context, name string) (<-chan *message.Message, error) {
	if name != topic {
		return nil, errBroken
	}
	b.count(1, 1)
	messages := make(chan *message.Message)
	go func() {
		defer close(messages)
		if b.closing != nil {
			defer b.closing()
		}
		defer b.count(0, -1)
		b.held.Lock()
		defer b.held.Unlock()
		for len(b.payloads) > 0 && ctx.Err() == nil {
			m := message.NewMessage("id-"+b.payloads[0], []byte(b.payloads[0]))
			select {
			case messages <- m:
			case <-ctx.Done():
				return
			}
			select { // the subscription has promised one of them
			case <-m.Acked():
				b.add("ack %s", m.Payload)
				b.payloads = b.payloads[1:]
			case <-m.Nacked():
				b.add("nack %s", m.Payload)
			}
		}
		if b.stay {
			<-ctx.Done()
		}
	}()
	return messages, nil
}

func (b *broker) count(opened, open int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened += opened
	b.open += open
}

// released reports whether the broker was subscribed to n times and is no more.
func (b *broker) released(t *testing.T, n int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened != n || b.open != 0 {
		t.Errorf("%d subscriptions, of which %d are left, not %d", b.opened, b.open, n)
	}
}

func (*broker) Close() error { return nil }
