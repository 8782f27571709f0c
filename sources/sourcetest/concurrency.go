package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
)

func concurrencyChecks() []Check {
	return []Check{
		{"Rule 3: of many candidates at once one holds", manyAtOnce},
		{"Rule 3: candidates that come and go at random never hold at once, and tokens rise", comeAndGo},
		{"Rule 2: one session serves many goroutines", sharedSession},
	}
}

func manyAtOnce(tt T, h Harness) {
	t := begin(tt, h)
	const n = 8
	var sessions [n]leadership.Session
	for i := range sessions {
		sessions[i] = t.candidate()
	}
	var told [n]leadership.Observation
	var failed [n]error
	t.must("Campaign by many at once", func(ctx context.Context) error {
		var wg sync.WaitGroup
		for i, s := range sessions {
			wg.Go(func() { told[i], failed[i] = s.Campaign(ctx, t.key, vote(s)) })
		}
		wg.Wait()
		return errors.Join(failed[:]...)
	})
	holder := t.observe(t.connect(), t.key).Holder
	winners := 0
	for i, s := range sessions {
		if told[i].Holder.Session == s.ID() {
			winners++
		}
		if told[i].Holder.Session != "" && told[i].Holder.Token != holder.Token {
			t.Errorf("rule 3: %s was told to candidate %d; held as %s", show(told[i].Holder), i, show(holder))
		}
	}
	if winners != 1 {
		t.Errorf("rule 3: %d candidates stood at once and %d were told that they hold", n, winners)
	}
}

// arena is where candidates claim to hold. It knows when two do, and when a token does not rise.
type arena struct {
	mu     sync.Mutex
	holder string
	token  uint64
	terms  int
}

func (a *arena) enter(h leadership.Holder) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.holder != "" {
		return fmt.Errorf("rule 3: session %q holds with token %d while session %q does with token %d", h.Session, h.Token, a.holder, a.token)
	}
	if h.Token <= a.token {
		return fmt.Errorf("rule 4: session %q holds with token %d, after token %d", h.Session, h.Token, a.token)
	}
	a.holder, a.token = h.Session, h.Token
	a.terms++
	return nil
}

func (a *arena) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.holder = ""
}

func comeAndGo(tt T, h Harness) {
	t := begin(tt, h)
	const candidates, rounds = 6, 8
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var a arena
	observer := t.connect()
	var backends [candidates]leadership.Backend
	for i := range backends {
		backends[i] = t.connect()
	}
	err := t.tryFor(t.Context(), 12*t.h.Prompt, "the random elections", func(ctx context.Context) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		var wg, all sync.WaitGroup
		for i, b := range backends {
			wg.Go(func() {
				c := wanderer{trial: t, arena: &a, b: b, rng: rand.New(rand.NewPCG(seed, uint64(i)))}
				if err := c.run(ctx, rounds); err != nil {
					cancel(err)
				}
			})
		}
		watching, stop := context.WithCancel(ctx)
		all.Go(func() {
			if err := neverBack(watching, observer, t.key); err != nil {
				cancel(err)
			}
		})
		wg.Wait()
		stop()
		all.Wait()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if a.terms != candidates*rounds {
		t.Errorf("seed %d: %d terms; want %d", seed, a.terms, candidates*rounds)
	}
}

// neverBack observes key until ctx ends, and fails when a token goes down or changes hands.
func neverBack(ctx context.Context, b leadership.Backend, key string) error {
	var last leadership.Holder
	for ctx.Err() == nil {
		o, err := b.Observe(ctx, key)
		switch {
		case err != nil && ctx.Err() == nil:
			return fmt.Errorf("observe: %w", err)
		case err != nil:
			continue // cut short by the end of ctx
		}
		if h := o.Holder; h.Session != "" {
			if h.Token < last.Token || h.Token == last.Token && h.Session != last.Session {
				return fmt.Errorf("rule 4: observed %s after %s", show(h), show(last))
			}
			last = h
		}
		_ = pause(ctx, time.Millisecond)
	}
	return nil
}

// wanderer is a candidate that holds now and then and leaves in a random way.
type wanderer struct {
	*trial
	arena *arena
	b     leadership.Backend
	rng   *rand.Rand
}

func (w *wanderer) run(ctx context.Context, rounds int) error {
	var s leadership.Session
	defer func() {
		if s != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.h.Prompt)
			defer cancel()
			_ = s.Close(ctx)
		}
	}()
	for round := range rounds {
		var err error
		if s == nil {
			if s, err = w.b.Open(ctx, w.roomy()); err != nil {
				return fmt.Errorf("open: %w", err)
			}
		}
		o, err := stand(ctx, s, w.key)
		if err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		if err := w.hold(ctx, s, o); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		switch w.rng.IntN(4) {
		case 0:
			err = s.Resign(ctx, w.key, farewell())
		case 1:
			err = w.h.DeleteKey(ctx, w.key)
		case 2:
			err = s.Close(ctx)
			s = nil
		case 3:
			err = w.h.DestroySession(ctx, s.ID())
			s = nil
		}
		if err != nil {
			return fmt.Errorf("round %d: leave: %w", round, err)
		}
	}
	return nil
}

// hold looks around while s holds.
func (w *wanderer) hold(ctx context.Context, s leadership.Session, o leadership.Observation) error {
	if err := w.arena.enter(o.Holder); err != nil {
		return err
	}
	defer w.arena.leave()
	if err := s.Renew(ctx); err != nil {
		return fmt.Errorf("renew: %w", err)
	}
	if err := pause(ctx, time.Duration(w.rng.IntN(2000))*time.Microsecond); err != nil { // a while for others to claim the same
		return fmt.Errorf("while holding: %w", err)
	}
	seen, err := w.b.Observe(ctx, w.key)
	if err != nil {
		return fmt.Errorf("observe: %w", err)
	}
	if !sameHolding(seen.Holder, o.Holder) {
		return fmt.Errorf("rule 3: elected as %s, and observes %s", show(o.Holder), show(seen.Holder))
	}
	return nil
}

// sharedSession has every goroutine win and leave a key of its own, and all of them hold one together.
func sharedSession(tt T, h Harness) {
	t := begin(tt, h)
	const goroutines, rounds = 8, 10
	b := t.connect()
	s := t.open(b)
	held := t.elect(s, t.key)
	keys := make([]string, goroutines)
	for i := range keys {
		keys[i] = t.h.Key()
	}
	work := func(ctx context.Context, own string) error {
		for range rounds {
			if err := s.Renew(ctx); err != nil {
				return fmt.Errorf("renew: %w", err)
			}
			o, err := s.Campaign(ctx, t.key, vote(s))
			if err != nil || !sameHolding(o.Holder, held.Holder) {
				return fmt.Errorf("campaign for the shared key: %s, %w", show(o.Holder), err)
			}
			if o, err = stand(ctx, s, own); err != nil {
				return fmt.Errorf("the own key: %w", err)
			}
			brief, cancel := context.WithTimeout(ctx, time.Millisecond)
			err = s.Watch(brief, own, o)
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("watch: %w", err)
			}
			if left, err := b.Lifetime(ctx, s.ID()); err != nil || left <= 0 {
				return fmt.Errorf("lifetime: %v, %w", left, err)
			}
			if err := s.Resign(ctx, own, farewell()); err != nil {
				return fmt.Errorf("resign: %w", err)
			}
		}
		return nil
	}
	err := t.tryFor(t.Context(), 12*t.h.Prompt, "one session in many goroutines", func(ctx context.Context) error {
		failed := make([]error, goroutines)
		var wg sync.WaitGroup
		for i, own := range keys {
			wg.Go(func() { failed[i] = work(ctx, own) })
		}
		wg.Wait()
		return errors.Join(failed...)
	})
	if err != nil {
		t.Fatalf("rule 2: %v", err)
	}
	t.holds(b, s, t.key)
	for _, key := range keys {
		t.free(b, key)
	}
}
