package consul

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
)

// This file removes what resignations leave in keys.

const (
	// mostSwept is how many signs one transaction removes: the answer to one that finds all of them gone has room in [maxConflict].
	mostSwept = 32
	// mostSweepers is how many of these are under way.
	mostSweepers = 8
)

// sweepAll sweeps the signs of all keys. It returns the first error.
func (s *session) sweepAll(ctx context.Context) error {
	all := s.left()
	if len(all) < 2 {
		for key, left := range all {
			return s.swept(key, s.sweep(ctx, key, left, s.lingers()))
		}
		return nil
	}
	if s.lingers() {
		if err := sleep(ctx, sweepWait(ctx)); err != nil {
			return fmt.Errorf("consul: remove signs: %w", err)
		}
	}
	var running sync.WaitGroup
	var once sync.Once
	var failed error
	slots := make(chan struct{}, mostSweepers)
	remove := func(keys []string) {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			if err := s.sweepSome(ctx, keys, all); err != nil {
				once.Do(func() { failed = err })
			}
		})
	}
	var some []string
	for key := range all {
		if some = append(some, key); len(some) == mostSwept {
			remove(some)
			some = nil
		}
	}
	if len(some) > 0 {
		remove(some)
	}
	running.Wait()
	return failed
}

// lingers reports whether a waiter that misses a sign would wait for a TTL: the session lives on, or its end proves nothing.
func (s *session) lingers() bool { return s.attached || s.backend.outlives() > 0 }

// swept forgets the sign in key, if err says that it is gone.
func (s *session) swept(key string, err error) error {
	if err == nil {
		s.unleave(key)
	}
	return err
}

// sweepSome removes signs of several keys in one transaction, each as [session.sweep] does. Those that are there no more are left out the next time. What can't be removed so is removed by itself.
func (s *session) sweepSome(ctx context.Context, keys []string, all map[string]sign) error {
	var ops api.TxnOps
	for _, key := range keys {
		if index := all[key].index; index > 0 {
			ops = append(ops, &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVDeleteCAS, Key: key, Index: index}})
		}
	}
	for range 2 {
		stale, err := s.backend.removeSome(ctx, ops)
		if err != nil {
			break
		}
		if len(stale) == 0 {
			for _, op := range ops {
				s.unleave(op.KV.Key)
			}
			break
		}
		var there api.TxnOps
		for i, op := range ops {
			if stale[i] {
				s.unleave(op.KV.Key)
			} else {
				there = append(there, op)
			}
		}
		ops = there
	}
	var failed error
	left := s.left()
	for _, key := range keys {
		sign, there := left[key]
		if !there {
			continue
		}
		if err := s.swept(key, s.sweep(ctx, key, sign, false)); failed == nil { // the others may still go
			failed = err
		}
	}
	return failed
}

// removeSome carries out deletions together or not at all, and says which of them have nothing to delete any more.
func (b *backend) removeSome(ctx context.Context, ops api.TxnOps) (stale map[int]bool, err error) {
	if len(ops) == 0 {
		return nil, nil
	}
	ctx, cancel := bound(ctx, requestTimeout)
	defer cancel()
	const what = "remove signs"
	ok, out, _, err := b.client.Txn().Txn(ops, b.reading(ctx))
	switch {
	case err != nil:
		return nil, b.fail(ctx, what, err)
	case ok:
		return nil, nil
	}
	stale = make(map[int]bool)
	for _, e := range out.Errors {
		if e == nil || e.OpIndex < 0 || e.OpIndex >= len(ops) || judgeText(e.What) != verdictMoved {
			return nil, fmt.Errorf("consul: %s: %w", what, errForeign)
		}
		stale[e.OpIndex] = true
	}
	if len(stale) == 0 {
		return nil, fmt.Errorf("consul: %s: rolled back without a reason: %w", what, errForeign)
	}
	return stale, nil
}

// sweep deletes key if nobody holds it and the sign still stands there. A transaction guards the deletion by the index at
// which the sign was written or seen: who took the key since keeps it. To wait is to give waiters a moment to read the sign; when somebody takes the key, that ends it, and the deletion does nothing.
func (s *session) sweep(ctx context.Context, key string, left sign, wait bool) error {
	if left.index == 0 {
		state, err := s.backend.readKey(ctx, key)
		if err != nil {
			return err
		}
		if state.entry == nil || state.entry.Session != "" || string(state.entry.Value) != string(left.value) {
			return nil
		}
		left.index = state.entry.ModifyIndex
	}
	if moment := sweepWait(ctx); wait && moment >= time.Millisecond { // Consul takes nothing shorter, and 0 for its own default
		if _, err := s.backend.awaitKey(ctx, key, left.index, moment); err != nil {
			return err
		}
	}
	return s.backend.deleteKey(ctx, "remove the sign in key", key, left.index)
}

// sweepWait is sweepDelay, or less: the deletion takes time, too.
func sweepWait(ctx context.Context) time.Duration {
	if limit, ok := ctx.Deadline(); ok {
		return min(sweepDelay, time.Until(limit)/2)
	}
	return sweepDelay
}

// sweepDelay is how long the signs of an attached session, or of one with checks, wait at most for successors to read them.
const sweepDelay = 500 * time.Millisecond
