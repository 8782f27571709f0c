package probe

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
)

// Span is one term as its holder believed in it.
type Span struct {
	// Token is the term's.
	Token uint64
	// First is right before the question that was answered with "yes" first.
	First time.Time
	// Last is right after the last "yes".
	Last time.Time
	// Over is right after the first "no" that followed; zero while there is none.
	Over time.Time
}

// Beliefs asks members all the time whether they lead: in a loop over all of them, several times in a millisecond.
type Beliefs struct {
	stop chan struct{}
	done chan struct{}

	mu      sync.Mutex
	members []*Belief
	last    time.Time
	rounds  int
	gap     time.Duration
	spent   time.Duration
}

// Belief is what one member has answered.
type Belief struct {
	mu     sync.Mutex
	member *leadership.Member
	spans  []Span
}

// sampleEvery is the pause between two rounds.
const sampleEvery = 200 * time.Microsecond

// Sample starts asking. Stop ends it.
func Sample() *Beliefs {
	b := &Beliefs{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(b.done)
		for {
			select {
			case <-b.stop:
				return
			default:
			}
			b.round()
			pause(sampleEvery)
		}
	}()
	return b
}

// Of adds a member to those that are asked.
func (b *Beliefs) Of(m *leadership.Member) *Belief {
	belief := &Belief{member: m}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.members = append(b.members, belief)
	return belief
}

// Stop ends the asking.
func (b *Beliefs) Stop() {
	close(b.stop)
	<-b.done
}

// Gaps are how far two questions to one member were apart, on average and at most.
func (b *Beliefs) Gaps() (mean, longest time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spent / time.Duration(max(b.rounds, 1)), b.gap
}

func (b *Beliefs) round() {
	b.mu.Lock()
	members := b.members
	if now := time.Now(); len(members) > 0 {
		if !b.last.IsZero() {
			gap := now.Sub(b.last)
			b.rounds++
			b.spent += gap
			b.gap = max(b.gap, gap)
		}
		b.last = now
	}
	b.mu.Unlock()
	for _, m := range members {
		m.ask()
	}
}

func (b *Belief) ask() {
	before := time.Now()
	yes := b.member.IsLeader()
	after := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.spans)
	running := n > 0 && b.spans[n-1].Over.IsZero()
	switch {
	case yes:
		token := b.member.Term().Token()
		if !running || b.spans[n-1].Token != token {
			if running { // another term began between two questions
				b.spans[n-1].Over = before
			}
			b.spans = append(b.spans, Span{Token: token, First: before})
			n = len(b.spans)
		}
		b.spans[n-1].Last = after
	case running:
		b.spans[n-1].Over = after
	}
}

// Spans are the terms so far.
func (b *Belief) Spans() []Span {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.spans)
}

// AwaitSpan waits until the term with that token was seen, and with over until its end was.
func (b *Belief) AwaitSpan(ctx context.Context, token uint64, over bool) (Span, error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		for _, s := range b.Spans() {
			if s.Token == token && (!over || !s.Over.IsZero()) {
				return s, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return Span{}, fmt.Errorf("probe: term %d was not seen: %w", token, context.Cause(ctx))
		}
	}
}
