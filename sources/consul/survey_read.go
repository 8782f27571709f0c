package consul

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// folderOf is what keys begin with in common, up to the last slash, and without that.
func folderOf(keys []string) string {
	common := keys[0]
	for _, key := range keys[1:] {
		n := 0
		for n < min(len(common), len(key)) && common[n] == key[n] {
			n++
		}
		common = common[:n]
	}
	return common[:max(strings.LastIndexByte(common, '/'), 0)]
}

// view is what can be seen of many keys without reading them. It is the same while none of them changes. Its index may go back: Consul forgets deletions after a while.
type view struct {
	index uint64
	empty bool // nothing is there: a deletion of all that begins with less than the prefix leaves no other sign
	blind bool // the token may not list the prefix: the index is that of all keys of the store
}

// glance is a linearizable look at what keys begin with in common.
func (b *backend) glance(ctx context.Context, what string, keys []string) (view, error) {
	bounded, cancel := bound(ctx, requestTimeout)
	defer cancel()
	q := b.reading(bounded)
	q.RequireConsistent = true
	v, err := b.viewOf(bounded, what, folderOf(keys), q)
	if !errors.Is(err, leadership.ErrDenied) {
		return v, err
	}
	// A key that is missing has the index of them all.
	state, second := b.readKey(ctx, traceOf(keys[0], nobody))
	if second != nil || state.entry != nil {
		return view{}, err
	}
	return view{index: state.index, blind: true}, nil
}

// awaitView waits until there may be another view than seen, and says whether there is.
func (b *backend) awaitView(ctx context.Context, what, prefix string, seen view) (bool, error) {
	if seen.blind {
		if err := sleep(ctx, mostPause); err != nil {
			return false, fmt.Errorf("consul: %s: %w", what, err)
		}
		return true, nil
	}
	ctx, cancel := bound(ctx, watchWait+watchWait/16+watchGrace)
	defer cancel()
	q := b.reading(ctx)
	q.WaitIndex, q.WaitTime = seen.index, watchWait
	v, err := b.viewOf(ctx, what, prefix, q)
	return v != seen, err
}

// viewOf asks for no more than the names next to prefix: all that counts is the index.
func (b *backend) viewOf(ctx context.Context, what, prefix string, q *api.QueryOptions) (view, error) {
	names, meta, err := b.client.KV().Keys(prefix, "/", q)
	switch {
	case err != nil:
		return view{}, b.fail(ctx, what, err)
	case meta.LastIndex == 0 || !meta.KnownLeader:
		return view{}, fmt.Errorf("consul: %s: an answer without the index of a cluster that has a leader: %w", what, errForeign)
	}
	return view{index: meta.LastIndex, empty: len(names) == 0 && !meta.ResultsFilteredByACLs}, nil
}

const (
	// mostReads is how many keys are read in one transaction. Consul takes 64 operations, newer ones 128.
	mostReads = 64
	// mostReaders is how many of these are under way.
	mostReaders = 4
)

// errVerb: the server is older than the reads of keys that may be missing.
var errVerb = errors.New("consul: unknown operation")

// readLines reads all keys, each linearizably, or none.
func (b *backend) readLines(ctx context.Context, what string, keys []string) ([]line, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := make([]line, len(keys))
	var running sync.WaitGroup
	var once sync.Once
	var failed error
	var begun atomic.Int64
	for range min(mostReaders, 1+(len(keys)-1)/mostReads) {
		running.Go(func() {
			for {
				end := int(begun.Add(mostReads))
				if end-mostReads >= len(keys) {
					return
				}
				from, to := end-mostReads, min(end, len(keys))
				if err := b.readSome(ctx, what, keys[from:to], lines[from:to]); err != nil {
					once.Do(func() { failed = err })
					cancel()
					return
				}
			}
		})
	}
	running.Wait()
	return lines, failed
}

// readSome reads a few keys into lines, in halves where they are too long for one answer.
func (b *backend) readSome(ctx context.Context, what string, keys []string, lines []line) error {
	out, err := b.readTogether(ctx, what, keys)
	if half := len(keys) / 2; isLong(err) && half > 0 {
		if err := b.readSome(ctx, what, keys[:half], lines[:half]); err != nil {
			return err
		}
		return b.readSome(ctx, what, keys[half:], lines[half:])
	}
	if err != nil {
		return err
	}
	for i, key := range keys {
		if len(out) == 0 || out[0].Key != key {
			lines[i] = line{hidden: true} // what the token may not read is left out, without a word
			continue
		}
		lines[i], out = lineOf(out[0]), out[1:]
	}
	if len(out) > 0 {
		return fmt.Errorf("consul: %s: a transaction shows key %.100q: %w", what, out[0].Key, errForeign)
	}
	return nil
}

func isLong(err error) bool {
	_, long := errors.AsType[excess](err)
	return long
}

// readTogether reads keys in one transaction. One that is missing has no index.
func (b *backend) readTogether(ctx context.Context, what string, keys []string) ([]*api.KVPair, error) {
	ctx, cancel := bound(ctx, requestTimeout)
	defer cancel()
	q := b.reading(ctx)
	q.RequireConsistent = true
	ops := make(api.TxnOps, len(keys))
	for i, key := range keys {
		ops[i] = &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVGetOrEmpty, Key: key}}
	}
	ok, out, _, err := b.client.Txn().Txn(ops, q)
	says := func(about func(string) bool) bool {
		return slices.ContainsFunc(out.Errors, func(e *api.TxnError) bool { return e != nil && about(e.What) })
	}
	switch {
	case err != nil:
		return nil, b.fail(ctx, what, err)
	case ok:
		return pairs(out.Results), nil
	case says(deniedText):
		return nil, b.fail(ctx, what, errFiltered)
	case says(func(text string) bool { return strings.HasPrefix(text, "unknown KV verb") }):
		return nil, errVerb
	}
	return nil, fmt.Errorf("consul: %s: reads that were rolled back: %w", what, errForeign)
}
