package sourcetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leadership-go/leadership"
)

// trial is one check under way: every step of it is bounded, and fails the check with the name of what went wrong.
type trial struct {
	T
	h   Harness
	key string
}

func begin(t T, h Harness) *trial {
	t.Helper()
	h = h.withDefaults(t)
	return &trial{T: t, h: h, key: h.Key()}
}

// roomy is a TTL within which no check lasts.
func (t *trial) roomy() time.Duration {
	return max(30*time.Second, 4*(t.h.ExpiresWithin+t.h.Prompt))
}

// outlived bounds the wait for an expiry.
func (t *trial) outlived() time.Duration { return t.h.ExpiresWithin + t.h.Prompt }

// try runs one call, bounded by Prompt, and returns its error. A call that outlasts its context by another Prompt fails the check.
func (t *trial) try(what string, call func(ctx context.Context) error) error {
	t.Helper()
	return t.tryFor(t.Context(), t.h.Prompt, what, call)
}

// tryFor is try with a bound of its own.
func (t *trial) tryFor(ctx context.Context, bound time.Duration, what string, call func(ctx context.Context) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- call(ctx) }()
	late := time.NewTimer(bound + t.h.Prompt)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		t.Fatalf("rule 1: %s has not returned %v after its context ended", what, t.h.Prompt)
		return nil
	}
}

// must is try for what has to succeed.
func (t *trial) must(what string, call func(ctx context.Context) error) {
	t.Helper()
	if err := t.try(what, call); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// after runs an action when the check is over, whatever came before.
func (t *trial) after(what string, call func(ctx context.Context) error) {
	t.Helper()
	t.Cleanup(func() {
		if err := t.tryFor(context.WithoutCancel(t.Context()), t.h.Prompt, what, call); err != nil {
			t.Errorf("%s at the end of the check: %v", what, err)
		}
	})
}

func (t *trial) connect() leadership.Backend {
	t.Helper()
	var b leadership.Backend
	t.must("Connect", func(ctx context.Context) (err error) {
		b, err = t.h.Connect(ctx)
		return err
	})
	t.after("Backend.Close", func(context.Context) error { return b.Close() })
	return b
}

// open opens a session that outlives the check and is closed after it.
func (t *trial) open(b leadership.Backend) leadership.Session {
	t.Helper()
	return t.openFor(b, t.roomy())
}

func (t *trial) openFor(b leadership.Backend, ttl time.Duration) leadership.Session {
	t.Helper()
	var s leadership.Session
	t.must("Open", func(ctx context.Context) (err error) {
		s, err = b.Open(ctx, ttl)
		return err
	})
	t.after("Session.Close", s.Close)
	return s
}

// candidate is a session on a backend of its own, as another process has one.
func (t *trial) candidate() leadership.Session {
	t.Helper()
	return t.open(t.connect())
}

func vote(s leadership.Session) []byte {
	return leadership.Vote{SessionID: s.ID(), ServiceName: "sourcetest", ServiceID: "candidate " + s.ID()}.Encode()
}

// farewell is what a holder leaves behind.
func farewell() []byte {
	return leadership.Vote{ServiceName: "sourcetest", ServiceID: "gone"}.Encode()
}

func (t *trial) campaign(s leadership.Session, key string) leadership.Observation {
	t.Helper()
	o, err := t.tryCampaign(s, key, vote(s))
	if err != nil {
		t.Fatalf("Campaign: %v", err)
	}
	return o
}

func (t *trial) tryCampaign(s leadership.Session, key string, value []byte) (o leadership.Observation, err error) {
	t.Helper()
	err = t.try("Campaign", func(ctx context.Context) (err error) {
		o, err = s.Campaign(ctx, key, value)
		return err
	})
	return o, err
}

func (t *trial) observe(b leadership.Backend, key string) leadership.Observation {
	t.Helper()
	var o leadership.Observation
	t.must("Observe", func(ctx context.Context) (err error) {
		o, err = b.Observe(ctx, key)
		return err
	})
	return o
}

func (t *trial) resign(s leadership.Session, key string) {
	t.Helper()
	t.must("Resign", func(ctx context.Context) error { return s.Resign(ctx, key, farewell()) })
}

func (t *trial) renew(s leadership.Session) {
	t.Helper()
	t.must("Renew", s.Renew)
}

func (t *trial) destroy(s leadership.Session) {
	t.Helper()
	t.must("Harness.DestroySession", func(ctx context.Context) error { return t.h.DestroySession(ctx, s.ID()) })
}

func (t *trial) deleteKey(key string) {
	t.Helper()
	t.must("Harness.DeleteKey", func(ctx context.Context) error { return t.h.DeleteKey(ctx, key) })
}

func (t *trial) overwrite(key string, value []byte) {
	t.Helper()
	t.must("Harness.Overwrite", func(ctx context.Context) error { return t.h.Overwrite(ctx, key, value) })
}

func (t *trial) lifetime(b leadership.Backend, id string) time.Duration {
	t.Helper()
	var left time.Duration
	t.must("Lifetime", func(ctx context.Context) (err error) {
		left, err = b.Lifetime(ctx, id)
		return err
	})
	return left
}

// elect campaigns and watches, as the member's loop does, until s holds key.
func (t *trial) elect(s leadership.Session, key string) leadership.Observation {
	t.Helper()
	return t.electWithin(t.h.Prompt, s, key)
}

func (t *trial) electWithin(bound time.Duration, s leadership.Session, key string) leadership.Observation {
	t.Helper()
	var o leadership.Observation
	err := t.tryFor(t.Context(), bound, "Campaign and Watch until elected", func(ctx context.Context) (err error) {
		o, err = stand(ctx, s, key)
		return err
	})
	if err != nil {
		t.Fatalf("candidate %s was not elected for %q within %v: %v", s.ID(), key, bound, err)
	}
	return o
}

// tooOften is how many returns of a watch are no longer spurious but a fault: nothing that waits here sees that many changes.
// Under virtual time it also ends loops in which no time passes.
const tooOften = 2000

// stand campaigns for key and watches until s holds it.
func stand(ctx context.Context, s leadership.Session, key string) (leadership.Observation, error) {
	for range tooOften {
		o, err := s.Campaign(ctx, key, vote(s))
		if err != nil {
			return o, fmt.Errorf("campaign: %w", err)
		}
		switch {
		case o.Holder.Session == s.ID():
			return o, nil
		case o.Delayed:
			err = pause(ctx, 20*time.Millisecond) // no watch reports the end of a delay
		default:
			err = s.Watch(ctx, key, o)
		}
		if err != nil {
			return o, fmt.Errorf("while %q holds with token %d: %w", o.Holder.Session, o.Holder.Token, err)
		}
	}
	return leadership.Observation{}, fmt.Errorf("sourcetest: stood for %q %d times in vain", key, tooOften)
}

// pause waits for d.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// holds fails the check unless b shows s as the holder of key.
func (t *trial) holds(b leadership.Backend, s leadership.Session, key string) leadership.Observation {
	t.Helper()
	o := t.observe(b, key)
	if o.Holder.Session != s.ID() {
		t.Fatalf("session %q holds %q, but %q is observed", s.ID(), key, o.Holder.Session)
	}
	return o
}

// candidates counts who stands for key at the store, 0 where the harness can't tell.
func (t *trial) candidates(key string) int {
	t.Helper()
	if t.h.Candidates == nil {
		return 0
	}
	var n int
	t.must("Harness.Candidates", func(ctx context.Context) (err error) {
		n, err = t.h.Candidates(ctx, key)
		return err
	})
	return n
}

// sessions counts the sessions at the store, 0 where the harness can't tell.
func (t *trial) sessions() int {
	t.Helper()
	if t.h.Sessions == nil {
		return 0
	}
	var n int
	t.must("Harness.Sessions", func(ctx context.Context) (err error) {
		n, err = t.h.Sessions(ctx)
		return err
	})
	return n
}

// free fails the check unless b shows that nobody holds key.
func (t *trial) free(b leadership.Backend, key string) leadership.Observation {
	t.Helper()
	o := t.observe(b, key)
	if o.Holder.Session != "" || o.Holder.Token != 0 || len(o.Holder.Value) != 0 {
		t.Fatalf("nobody holds %q, but this holder is observed: %s", key, show(o.Holder))
	}
	return o
}

// lost fails the check unless err is ErrSessionLost.
func (t *trial) lost(what string, err error) {
	t.Helper()
	if !errors.Is(err, leadership.ErrSessionLost) {
		t.Fatalf("rule 6: %s with a dead session: %v; want %v", what, err, leadership.ErrSessionLost)
	}
}

// pending is something that runs beside the check: a watch, or a candidate that stands until it is elected.
type pending struct {
	t    *trial
	done chan outcome
	stop context.CancelFunc // ends the context of what runs
}

type outcome struct {
	seen leadership.Observation
	err  error
}

// start runs f beside the check and gives it time to block. On a slow machine an event may come before that: then the
// check shows less, and fails no sooner. The end of the check ends f's context.
func (t *trial) start(f func(ctx context.Context) (leadership.Observation, error)) *pending {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p := &pending{t: t, done: make(chan outcome, 1), stop: cancel}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		seen, err := f(ctx)
		p.done <- outcome{seen, err}
	}()
	t.Cleanup(func() {
		cancel()
		late := time.NewTimer(t.h.Prompt)
		defer late.Stop()
		select {
		case <-ended:
		case <-late.C:
			t.Errorf("rule 1: Watch or Campaign has not returned %v after its context ended", t.h.Prompt)
		}
	})
	if err := pause(ctx, 50*time.Millisecond); err != nil {
		t.Fatalf("the check was ended: %v", err)
	}
	return p
}

// within waits for the end of what was started. It fails the check when that takes longer than bound.
func (p *pending) within(bound time.Duration, what string) (leadership.Observation, error) {
	p.t.Helper()
	late := time.NewTimer(bound)
	defer late.Stop()
	select {
	case o := <-p.done:
		return o.seen, o.err
	case <-late.C:
		p.t.Fatalf("%s has not come about within %v", what, bound)
		return leadership.Observation{}, nil
	}
}

// standing lets s stand for key until it is elected.
func (t *trial) standing(s leadership.Session, key string) *pending {
	t.Helper()
	return t.start(func(ctx context.Context) (leadership.Observation, error) { return stand(ctx, s, key) })
}

// noticing lets s watch key until somebody else than in seen holds it or the watch fails.
func (t *trial) noticing(b leadership.Backend, s leadership.Session, key string, seen leadership.Observation) *pending {
	t.Helper()
	return t.start(func(ctx context.Context) (leadership.Observation, error) {
		now := seen
		for range tooOften {
			if err := s.Watch(ctx, key, now); err != nil {
				return now, err
			}
			var err error
			if now, err = b.Observe(ctx, key); err != nil {
				return now, fmt.Errorf("observe: %w", err)
			}
			if now.Holder.Session != seen.Holder.Session || now.Holder.Token != seen.Holder.Token {
				return now, nil
			}
		}
		return now, fmt.Errorf("sourcetest: Watch returned %d times while %s went on to hold", tooOften, show(seen.Holder))
	})
}

// sameHolding says whether two observations show the same holder, token and value.
func sameHolding(a, b leadership.Holder) bool {
	return a.Session == b.Session && a.Token == b.Token && bytes.Equal(a.Value, b.Value)
}

func show(h leadership.Holder) string {
	if h.Session == "" && h.Token == 0 && len(h.Value) == 0 {
		return "nobody"
	}
	return fmt.Sprintf("session %q, token %d, value %q", h.Session, h.Token, h.Value)
}
