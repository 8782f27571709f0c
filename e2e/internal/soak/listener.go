package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/grammar"
)

// listener is a subscriber that checks what it hears and keeps none of it.
type listener struct {
	*side
	pause        time.Duration // how long it takes over each message
	subscription *leadership.Subscription

	mu      sync.Mutex
	checker grammar.Checker
	broken  error
}

// listen subscribes to m.
func (s *side) listen(m *leadership.Member, pause time.Duration, opts ...leadership.SubscribeOption) *listener {
	l := &listener{side: s, pause: pause}
	l.subscription = m.AsObservable().Subscribe(l.next, opts...)
	return l
}

func (l *listener) next(m leadership.ElectionMessage) {
	l.messages.Add(1)
	if l.pause > 0 {
		time.Sleep(l.pause)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.checker.Next(string(m.Status), m.Term, m.Err); err != nil && l.broken == nil {
		l.broken = err
	}
}

// endsWithin bounds the end of a stream whose member is closed. The slowest listener has as many messages to get through as its mailbox holds.
const endsWithin = 30 * time.Second

// end waits for the completion that follows the member's Close, and says what was wrong with the stream.
func (l *listener) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endsWithin)
	defer cancel()
	select {
	case <-l.subscription.Done():
	case <-ctx.Done():
		return errors.New("it does not complete")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.subscription.Err(), l.broken, l.checker.End())
}

// guests is how many subscribers are there at a time, at most, besides one for each member.
const guests = 16

// subscribe has subscribers come, be slow and go. It returns when all are gone.
func (s *side) subscribe(ctx context.Context, rng *rand.Rand) {
	var running sync.WaitGroup
	defer running.Wait()
	places := make(chan struct{}, guests)
	for sleep(ctx, between(rng, 50*time.Millisecond, 500*time.Millisecond)) {
		member := s.slots[rng.IntN(len(s.slots))].current()
		pause, stays := between(rng, 0, frequency), between(rng, 0, 2*s.TTL)
		mailbox := 2 + rng.IntN(7)
		select {
		case places <- struct{}{}:
		default:
			continue
		}
		s.happened[Subscription].Add(1)
		l := s.listen(member, pause, leadership.Mailbox(mailbox))
		running.Go(func() {
			defer func() { <-places }()
			s.wrong("a subscriber", l.stay(ctx, stays))
		})
	}
}

// stay waits until the listener has had enough, or its stream ends.
func (l *listener) stay(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	select {
	case <-l.subscription.Done():
	case <-ctx.Done():
		l.subscription.Unsubscribe()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.subscription.Err()
	switch {
	case errors.Is(err, leadership.ErrOverflow):
		l.overflow.Add(1)
		err = nil
	case errors.Is(err, leadership.ErrUnsubscribed):
		err = nil
	case err == nil:
		err = l.checker.End()
	default:
		err = fmt.Errorf("its stream ended: %w", err)
	}
	return errors.Join(err, l.broken)
}
