package consul

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/leadership-go/leadership"
)

// This file reads and watches the keys of many elections at once, by the index of what they begin with in common. While that stays as it is, none of them has changed, and
// to ask for it is one request. Where it has moved, all keys are read, many in one transaction: Consul does not say which one it was.

var _ leadership.Surveyor = (*backend)(nil)

// Survey asks for the index, and reads all keys where it has moved. A key that the token may not read is named each time, so that its own read says so.
func (b *backend) Survey(ctx context.Context, keys []string, since uint64) (changed map[string]uint64, revision uint64, err error) {
	const what = "survey elections"
	if err := checkKeys(keys); err != nil || len(keys) == 0 {
		return nil, since, err
	}
	r := b.roll
	if err := r.acquire(ctx, what); err != nil {
		return nil, 0, err
	}
	defer r.release()
	if err := b.bring(ctx, what, keys, since, true); err != nil {
		return nil, 0, err
	}
	changed = r.after(since).changed
	if r.hidden > 0 {
		r.revision++
		for i, l := range r.lines {
			if l.hidden {
				changed[keys[i]] = r.revision
			}
		}
	}
	return changed, r.revision, nil
}

// Await repeats blocking queries for the index until some key has changed. As the watch of one key does, it gives the one that a free key names as the next a moment to take it, and shows
// the session the keys that are free. It does not look for who is next, which would be a request for each key: of many keys that it gives back, the session names nobody.
func (b *backend) Await(ctx context.Context, standing leadership.Session, keys []string, since uint64) (changed map[string]uint64, revision uint64, err error) {
	const what = "await changes of elections"
	s, ok := standing.(*session)
	if !ok {
		return nil, 0, fmt.Errorf("consul: %s: %T is no session of this package", what, standing)
	}
	if err := checkKeys(keys); err != nil {
		return nil, 0, err
	}
	if len(keys) == 0 {
		<-ctx.Done()
		return nil, 0, fmt.Errorf("consul: %s: %w", what, context.Cause(ctx))
	}
	moved, err := b.awaitKeys(ctx, what, keys, since)
	if err == nil && moved.isOthers(s.id) {
		if err := sleep(ctx, hush+leastGrace+rand.N(mostGrace-leastGrace)); err != nil {
			return nil, 0, fmt.Errorf("consul: %s: %w", what, err)
		}
		moved, err = b.look(ctx, what, keys, since, true)
	}
	if err != nil {
		return nil, 0, err
	}
	for _, entry := range moved.free {
		s.shown(entry.Key, keyState{entry: entry, index: entry.ModifyIndex})
	}
	return moved.changed, moved.revision, nil
}

// awaitKeys returns the first changes after since.
func (b *backend) awaitKeys(ctx context.Context, what string, keys []string, since uint64) (moves, error) {
	pause, ask := leastPause, false
	for {
		moved, err := b.look(ctx, what, keys, since, ask)
		if err != nil || len(moved.changed) > 0 {
			return moved, err
		}
		asked := time.Now()
		if ask, err = b.awaitView(ctx, what, folderOf(keys), moved.view); err != nil {
			return moves{}, err
		}
		if time.Since(asked) >= mostPause {
			pause = leastPause
			continue
		}
		if err := sleep(ctx, pause); err != nil {
			return moves{}, fmt.Errorf("consul: %s: %w", what, err)
		}
		pause = min(2*pause, mostPause)
	}
}

// look says what has changed after since, as far as the roll knows, or where ask is set or the roll is empty, as of now.
func (b *backend) look(ctx context.Context, what string, keys []string, since uint64, ask bool) (moves, error) {
	r := b.roll
	if err := r.acquire(ctx, what); err != nil {
		return moves{}, err
	}
	defer r.release()
	if err := b.bring(ctx, what, keys, since, ask); err != nil {
		return moves{}, err
	}
	return r.after(since), nil
}

// bring brings the roll, which the caller has acquired, up to date. Not to ask is for who will wait for changes of what it shows.
func (b *backend) bring(ctx context.Context, what string, keys []string, since uint64, ask bool) error {
	r := b.roll
	r.begin(keys, since)
	if r.lines != nil && !ask {
		return nil
	}
	v, err := b.glance(ctx, what, keys)
	if err != nil || r.lines != nil && v == r.view && r.hidden == 0 {
		return err
	}
	if wait := time.Until(r.rest); wait > 0 {
		if err := sleep(ctx, wait); err != nil {
			return fmt.Errorf("consul: %s: %w", what, err)
		}
		if v, err = b.glance(ctx, what, keys); err != nil {
			return err
		}
	}
	held := b.tokens(keys) // before the keys are read: what is taken meanwhile is not missed in them
	began := time.Now()
	lines := make([]line, len(keys))
	if !r.old {
		lines, err = b.readLines(ctx, what, keys)
		if r.old = errors.Is(err, errVerb); r.old { // it knows no such reads: any key may have changed
			lines, err = make([]line, len(keys)), nil
		}
	}
	if err != nil {
		return err
	}
	r.rest = time.Now().Add(min(paceOfRefresh*time.Since(began), mostPause))
	r.enter(lines, v, held)
	return nil
}

// tokens are those of our own holdings of keys, 0 where there is none.
func (b *backend) tokens(keys []string) []uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	held := make([]uint64, len(keys))
	for i, key := range keys {
		held[i] = b.holdings[place{b.ours, key}].token
	}
	return held
}

// paceOfRefresh is how many times as long as they took the keys are not read again.
const paceOfRefresh = 4

// checkKeys is [checkKey] for each of keys.
func checkKeys(keys []string) error {
	for _, key := range keys {
		if err := checkKey(key); err != nil {
			return err
		}
	}
	return nil
}
