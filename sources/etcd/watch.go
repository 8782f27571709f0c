package etcd

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"

	"github.com/leadership-go/leadership"
)

// errWatchEnded: the client closed a watch without saying why.
var errWatchEnded = errors.New("the watch was closed")

// Watch watches the own key of who holds the election's, and otherwise the one right ahead, from the revision at which they were read: nothing falls in between.
// Who does not stand watches all candidates. A waiter whose own key an operator deletes finds that out with its next read: it has lost its place, and nothing else.
//
// It runs under WithRequireLeader, so that a server that has lost its cluster ends it, and on a stream of its own: on a shared one the
// server would go on checking new watches against the token with which the first of them came, long after that has run out.
func (s *session) Watch(ctx context.Context, key string, seen leadership.Observation) error {
	what := "watch " + key
	a, err := s.b.link.get(ctx, what)
	if err != nil {
		return err
	}
	if err := a.streamed(ctx, func() error { return s.watch(ctx, a, key, seen) }); err != nil {
		return s.b.link.failure(ctx, what, err)
	}
	return nil
}

// Watch watches all candidates.
func (b *backend) Watch(ctx context.Context, key string, seen leadership.Observation) error {
	what := "watch " + key
	a, err := b.link.get(ctx, what)
	if err != nil {
		return err
	}
	err = a.streamed(ctx, func() error {
		inner, end := b.watching(ctx)
		defer end()
		return await(ctx, neighbour{}, nil, nil, a.follow(inner, prefixOf(key), int64(seen.Revision), clientv3.WithPrefix()))
	})
	if err != nil {
		return b.link.failure(ctx, what, err)
	}
	return nil
}

// watching derives the context of a watch that has a stream of its own.
func (b *backend) watching(ctx context.Context) (context.Context, context.CancelFunc) {
	number := strconv.FormatUint(b.watches.Add(1), 10)
	// The first pair is what clientv3.WithRequireLeader adds.
	return context.WithCancel(metadata.AppendToOutgoingContext(ctx, rpctypes.MetadataRequireLeaderKey, rpctypes.MetadataHasLeader, "leadership-watch", number))
}

// follow watches key from the revision that follows after.
func (a *api) follow(ctx context.Context, key string, after int64, opts ...clientv3.OpOption) clientv3.WatchChan {
	return a.watch.Watch(ctx, key, append(opts, clientv3.WithRev(after+1), clientv3.WithProgressNotify())...)
}

func (s *session) watch(ctx context.Context, a *api, key string, seen leadership.Observation) error {
	prefix, own := prefixOf(key), candidateKey(key, s.id)
	inner, end := s.b.watching(ctx)
	defer end()
	if seen.Holder.Session == s.id {
		return await(ctx, neighbour{}, nil, a.follow(inner, own, int64(seen.Revision)), nil)
	}
	p, stands := s.place(key)
	if stands && p.revision < int64(seen.Revision) { // somebody has looked since, and who is right ahead may have changed
		at, err := a.standing(ctx, prefix, own, p.create)
		if err != nil {
			return err
		}
		switch {
		case at.own == nil:
			s.forget(key)
			return nil
		case !s.good(at.own), at.ahead == nil:
			return nil
		}
		s.enter(key, at, nil)
		p, stands = s.place(key)
	}
	if !stands || p.ahead.key == "" {
		return await(ctx, neighbour{}, nil, nil, a.follow(inner, prefix, int64(seen.Revision), clientv3.WithPrefix()))
	}
	return await(ctx, p.ahead, func(n neighbour) { s.note(key, n) }, nil, a.follow(inner, p.ahead.key, p.revision, withResigned(p.ahead.key)))
}

// await waits for the first event that counts, of the own key or of others. What happens to ahead is told to note; its sign comes with its
// deletion.
func await(ctx context.Context, ahead neighbour, note func(neighbour), own, others clientv3.WatchChan) error {
	for {
		select {
		case resp, open := <-own:
			if done, err := ended(ctx, resp, open); done || len(resp.Events) > 0 {
				return err
			}
		case resp, open := <-others:
			if done, err := ended(ctx, resp, open); done {
				return err
			}
			if slices.ContainsFunc(resp.Events, keyless) { // of a client that was given
				return errForeign
			}
			change := false
			for _, ev := range resp.Events {
				switch {
				case note == nil:
					change = true
				case ev.Type != clientv3.EventTypeDelete && signs(ev.Kv, ahead.key):
					ahead.resigned = true
					note(ahead)
				case string(ev.Kv.Key) != ahead.key: // the end of a sign, or a key further down
				case ev.Type == clientv3.EventTypeDelete:
					change = true
					ahead.gone = ev.Kv.ModRevision
					note(ahead)
				default:
					change = true
				}
			}
			if change {
				return nil
			}
		}
	}
}

// ended reports whether a watch goes no further, and why. One whose revision was compacted away has missed nothing that a
// fresh read would not show: that is a possible change, not an error.
func ended(ctx context.Context, resp clientv3.WatchResponse, open bool) (bool, error) {
	err := resp.Err()
	switch {
	case errors.Is(err, rpctypes.ErrCompacted):
		return true, nil
	case err != nil:
		return true, err
	case !open && ctx.Err() != nil:
		return true, context.Cause(ctx)
	case !open:
		return true, errWatchEnded
	default:
		return false, nil
	}
}
