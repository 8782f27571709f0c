package fenced

import (
	"context"
	"fmt"
	"sync"

	"github.com/leadership-go/leadership"
)

// Grants knows the session of each term of one member, from its stream. It is safe for concurrent use.
type Grants struct {
	mu       sync.Mutex
	sessions map[uint64]string // by token
	changed  chan struct{}     // closed at the next term
}

// Follow listens to a member until that one is closed.
func Follow(m *leadership.Member) *Grants {
	g := &Grants{sessions: make(map[uint64]string), changed: make(chan struct{})}
	m.AsObservable().Subscribe(func(msg leadership.ElectionMessage) {
		if msg.Status == leadership.StatusElectedFirst && msg.Vote != nil {
			g.add(msg.Term, msg.Vote.SessionID)
		}
	})
	return g
}

func (g *Grants) add(token uint64, session string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sessions[token] = session
	close(g.changed)
	g.changed = make(chan struct{})
}

// Of waits for the grant of the term with that token, which the stream tells about a moment after the term has begun.
func (g *Grants) Of(ctx context.Context, token uint64) (Grant, error) {
	for {
		g.mu.Lock()
		session, known := g.sessions[token]
		changed := g.changed
		g.mu.Unlock()
		if known {
			return Grant{Token: token, Session: session}, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Grant{}, fmt.Errorf("fenced: no term %d: %w", token, context.Cause(ctx))
		}
	}
}
