package consul

import (
	"context"
	"fmt"
	"time"

	"github.com/leadership-go/leadership"
)

const (
	// watchWait is how long Consul may hold one blocking query; it adds up to a sixteenth.
	watchWait = 15 * time.Second
	// watchGrace is how much longer than that the answer may take: then the link or the agent is dead.
	watchGrace = 5 * time.Second
	// leastPause and mostPause bound the wait before a query is repeated whose predecessor returned early with nothing new.
	leastPause = 50 * time.Millisecond
	mostPause  = time.Second
)

// Watch repeats blocking queries until one shows another state than seen. Each is bounded on both sides, so that
// neither a dead link nor a stuck agent keeps it silent. The return of a query is no change by itself: a wait that is over
// returns, too, and so may writes to other keys.
//
// An index that went backwards, as after the restoration of a snapshot, makes the next query start
// without one, as Consul's documentation asks; indexes from before say nothing then, the content decides.
//
// Who holds the key looks meanwhile for who is next. And who waits while a free key names another one as the next gives that one a moment to take it.
func (s *session) Watch(ctx context.Context, key string, seen leadership.Observation) error {
	idle := func() {}
	if seen.Holder.Session == s.id {
		idle = func() { s.lookForNext(ctx, key) }
	}
	state, err := s.backend.await(ctx, key, seen, idle)
	if err != nil {
		return err
	}
	if _, other := turn(state.entry, s.id); other {
		if state, err = s.backend.holdBack(ctx, key, state.index); err != nil {
			return err
		}
	}
	s.shown(key, state)
	return nil
}

// Watch is that of any session: Consul knows of no line in which it would stand.
func (b *backend) Watch(ctx context.Context, key string, seen leadership.Observation) error {
	_, err := b.await(ctx, key, seen, func() {})
	return err
}

// await returns the first state that is another than seen. It calls idle before each query.
func (b *backend) await(ctx context.Context, key string, seen leadership.Observation, idle func()) (keyState, error) {
	if err := checkKey(key); err != nil {
		return keyState{}, err
	}
	since := seen.Revision
	index := max(seen.Revision, 1)
	pause := leastPause
	for {
		idle()
		asked := time.Now()
		state, err := b.awaitKey(ctx, key, index, watchWait)
		if err != nil {
			return keyState{}, err
		}
		rewound := state.index < index
		if rewound {
			since = 0
			if state.entry != nil {
				since = state.entry.ModifyIndex
			}
		}
		if changed(state, seen, since) {
			return state, nil
		}
		index = state.index
		if rewound {
			index = 0
		}
		if time.Since(asked) >= mostPause {
			pause = leastPause
			continue
		}
		if err := sleep(ctx, pause); err != nil {
			return keyState{}, fmt.Errorf("consul: watch key %s: %w", key, err)
		}
		pause = min(2*pause, mostPause)
	}
}

// changed says whether state is not what seen showed. since is the index up to which seen, or a query after a rewind, knows the key.
func changed(state keyState, seen leadership.Observation, since uint64) bool {
	if state.entry == nil {
		return seen.Holder.Session != "" || seen.Resigned || len(seen.Earlier) > 0
	}
	return state.entry.Session != seen.Holder.Session || state.entry.ModifyIndex > since
}

// sleep waits for d or the end of ctx, whose cause it returns.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
