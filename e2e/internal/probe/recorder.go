// Package probe watches members from outside: what they say, for how long they believe, and what they ask of the store.
package probe

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
)

// Recorder stands between members and their backends and notes, of each session, when the last successful renewal was sent. A
// Recorder is safe for concurrent use; its zero value is ready.
type Recorder struct {
	mu       sync.Mutex
	sessions []string // in the order in which they were opened
	tried    map[string]time.Time
	renewed  map[string]time.Time
	changed  chan struct{} // closed at the next note
}

// Connect makes recorded backends of those that connect makes.
func (r *Recorder) Connect(connect func() (leadership.Backend, error)) leadership.Connect {
	return func(leadership.Config) (leadership.Backend, error) {
		b, err := connect()
		if err != nil {
			return nil, err
		}
		return recordedBackend{b, r}, nil
	}
}

// Sessions are the ids of all sessions opened or attached so far, the latest last.
func (r *Recorder) Sessions() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sessions)
}

// Renewed is when the last successful renewal of session was sent, its opening being the first. It is the zero time for one that is not known.
func (r *Recorder) Renewed(session string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.renewed[session]
}

// AwaitRenewal waits until a renewal of session that was sent after the given instant has succeeded.
func (r *Recorder) AwaitRenewal(ctx context.Context, session string, after time.Time) error {
	return r.await(ctx, func() bool { return r.renewed[session].After(after) })
}

// AwaitAttempt waits until a renewal of session is sent after the given instant.
func (r *Recorder) AwaitAttempt(ctx context.Context, session string, after time.Time) error {
	return r.await(ctx, func() bool { return r.tried[session].After(after) })
}

func (r *Recorder) await(ctx context.Context, done func() bool) error {
	for {
		r.mu.Lock()
		if done() {
			r.mu.Unlock()
			return nil
		}
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// try notes that a renewal is sent.
func (r *Recorder) try(session string, sent time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tried == nil {
		r.tried = make(map[string]time.Time)
	}
	r.tried[session] = sent
	r.wake()
}

// note notes that a renewal, or the opening, that was sent then has succeeded.
func (r *Recorder) note(session string, sent time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.renewed == nil {
		r.renewed = make(map[string]time.Time)
	}
	last, known := r.renewed[session]
	if !known {
		r.sessions = append(r.sessions, session)
	}
	if sent.After(last) {
		r.renewed[session] = sent
	}
	r.wake()
}

// wake has all that wait look again; r.mu is held.
func (r *Recorder) wake() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

type recordedBackend struct {
	leadership.Backend
	r *Recorder
}

func (b recordedBackend) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	sent := time.Now()
	s, err := b.Backend.Open(ctx, ttl)
	return b.opened(s, sent, err)
}

func (b recordedBackend) Attach(ctx context.Context, id string, ttl time.Duration) (leadership.Session, error) {
	sent := time.Now()
	s, err := b.Backend.Attach(ctx, id, ttl)
	return b.opened(s, sent, err)
}

func (b recordedBackend) opened(s leadership.Session, sent time.Time, err error) (leadership.Session, error) {
	if err != nil {
		return nil, err
	}
	b.r.note(s.ID(), sent)
	return recordedSession{s, b.r}, nil
}

type recordedSession struct {
	leadership.Session
	r *Recorder
}

func (s recordedSession) Renew(ctx context.Context) error {
	sent := time.Now()
	s.r.try(s.ID(), sent)
	if err := s.Session.Renew(ctx); err != nil {
		return err
	}
	s.r.note(s.ID(), sent)
	return nil
}
