package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/grammar"
)

// Message is a message and when it came, by the monotonic clock.
type Message struct {
	leadership.ElectionMessage
	// At is the instant at which the subscriber was called.
	At time.Time
}

// Messages is all that one member has said since it was subscribed to. It is safe for concurrent use.
type Messages struct {
	subscription *leadership.Subscription

	mu      sync.Mutex
	list    []Message
	checker grammar.Checker
	broken  error         // the first breach of the grammar
	changed chan struct{} // closed at the next message
}

// Follow subscribes to a member, from whose start on the grammar is checked.
func Follow(m *leadership.Member) *Messages {
	ms := &Messages{changed: make(chan struct{})}
	ms.subscription = m.AsObservable().Subscribe(ms.add, leadership.Mailbox(1<<16))
	return ms
}

func (ms *Messages) add(m leadership.ElectionMessage) {
	at := time.Now()
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.list = append(ms.list, Message{m, at})
	if err := ms.checker.Next(string(m.Status), m.Term, m.Err); err != nil && ms.broken == nil {
		ms.broken = err
	}
	close(ms.changed)
	ms.changed = make(chan struct{})
}

// Len is how many messages there are.
func (ms *Messages) Len() int {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	return len(ms.list)
}

// All is a copy of the messages.
func (ms *Messages) All() []Message {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	return slices.Clone(ms.list)
}

// Count is how many messages have that status.
func (ms *Messages) Count(status leadership.Status) int {
	n := 0
	for _, m := range ms.All() {
		if m.Status == status {
			n++
		}
	}
	return n
}

// Await waits for the first message that matches, from the given index on, and returns it with its index.
func (ms *Messages) Await(ctx context.Context, from int, match func(Message) bool) (Message, int, error) {
	for {
		ms.mu.Lock()
		for i := from; i < len(ms.list); i++ {
			if match(ms.list[i]) {
				m := ms.list[i]
				ms.mu.Unlock()
				return m, i, nil
			}
		}
		from = len(ms.list)
		changed := ms.changed
		ms.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Message{}, 0, fmt.Errorf("%w; so far:\n%v", context.Cause(ctx), ms)
		}
	}
}

// AwaitStatus waits for the first message with that status, from the given index on.
func (ms *Messages) AwaitStatus(ctx context.Context, from int, status leadership.Status) (Message, int, error) {
	m, i, err := ms.Await(ctx, from, func(m Message) bool { return m.Status == status })
	if err != nil {
		err = fmt.Errorf("no %s: %w", status, err)
	}
	return m, i, err
}

// End waits for the stream's completion, which follows the member's Close, and says what was wrong with the stream as a whole.
func (ms *Messages) End(ctx context.Context) error {
	select {
	case <-ms.subscription.Done():
	case <-ctx.Done():
		return fmt.Errorf("probe: the stream does not complete: %w", context.Cause(ctx))
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	return errors.Join(ms.subscription.Err(), ms.broken, ms.checker.End())
}

// String lists the messages, one in a line, with seconds since the first.
func (ms *Messages) String() string {
	var b strings.Builder
	for i, m := range ms.All() {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%8.3f s term %d %v", m.At.Sub(ms.All()[0].At).Seconds(), m.Term, m.ElectionMessage)
	}
	return b.String()
}
