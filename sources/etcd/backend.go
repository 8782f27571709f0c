package etcd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"

	"github.com/leadership-go/leadership"
)

// backend is etcd as a [leadership.Backend].
type backend struct {
	link    *link
	profile leadership.Profile // of its candidates
	watches atomic.Uint64      // numbers them

	mu    sync.Mutex
	spare []leaseID // ids of grants with an unknown outcome, to be tried again
}

// NewBackend returns the backend that uses client, which it never closes. The client's calls need no time limits of their
// own: each call here is bounded by its context. Set the client's DialKeepAliveTime and DialKeepAliveTimeout (10 s and 5 s, say): without
// them a watch at a server that is frozen or cut off hangs until its context ends.
func NewBackend(client *clientv3.Client) leadership.Backend {
	return &backend{link: given(client, "")}
}

func (b *backend) Close() error { return b.link.close() }

func (b *backend) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	const what = "open session"
	seconds, err := wholeSeconds(ttl)
	if err != nil {
		return nil, err
	}
	a, err := b.link.get(ctx, what)
	if err != nil {
		return nil, err
	}
	id, granted, err := b.grant(ctx, a, seconds)
	if err != nil {
		return nil, b.link.failure(ctx, what, err)
	}
	return newSession(b, id, granted, false), nil
}

// wholeSeconds rounds ttl up, as etcd counts.
func wholeSeconds(ttl time.Duration) (int64, error) {
	if ttl <= 0 {
		return 0, leadership.InvalidConfig("session.ttl", ttl, "must be positive")
	}
	seconds := int64((ttl-1)/time.Second) + 1
	if seconds > clientv3.MaxLeaseTTL {
		return 0, leadership.InvalidConfig("session.ttl", ttl, fmt.Sprintf("must be at most %d s at etcd", int64(clientv3.MaxLeaseTTL)))
	}
	return seconds, nil
}

// grant makes a lease with an id that is chosen here. So an attempt whose answer was lost leaves nothing behind for good: the
// next attempt takes the same id, and where it finds the lease, renews it. Were ids left to the server, a store
// that is slow to answer would fill up with one lease for each attempt.
func (b *backend) grant(ctx context.Context, a *api, seconds int64) (clientv3.LeaseID, time.Duration, error) {
	if a.client.ActiveConnection() == nil { // a client inside the server's process
		resp, err := a.client.Grant(ctx, seconds)
		if err != nil {
			return 0, 0, err
		}
		granted, err := believable(resp.TTL, max(seconds, mostMinTTL))
		return resp.ID, granted, err
	}
	lease := b.takeID(time.Duration(seconds) * time.Second)
	resp, err := clientv3.RetryLeaseClient(a.client).LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: seconds, ID: int64(lease.id)}, grpc.WaitForReady(true))
	err = rpctypes.Error(err)
	told := resp.GetTTL()
	if errors.Is(err, rpctypes.ErrLeaseExist) {
		told, err = a.keepAlive(ctx, lease.id)
	}
	var granted time.Duration
	if err == nil {
		granted, err = believable(told, max(seconds, mostMinTTL))
	}
	if err != nil {
		b.keepID(lease)
		return 0, 0, err
	}
	return lease.id, granted, nil
}

// mostMinTTL is the highest minimum that a server has for TTLs, in seconds: one and a half times the longest election timeout that etcd takes.
const mostMinTTL = 75

// errTTL: the store told a TTL that etcd does not grant. A deadline must not rest on it.
var errTTL = errors.New("no TTL of a lease at etcd")

// believable is a TTL that the store told, in seconds.
func believable(told, most int64) (time.Duration, error) {
	if told < 1 || told > most {
		return 0, fmt.Errorf("%w: %d s, where at most %d s are possible", errTTL, told, most)
	}
	return time.Duration(told) * time.Second, nil
}

// leaseID is an id for a lease, which may be taken again until then: no lease made with it can have run out before. Later its
// revocation may be under way, and would end a new lease of that id.
type leaseID struct {
	id    clientv3.LeaseID
	until time.Time
}

func (b *backend) takeID(ttl time.Duration) leaseID {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for n := len(b.spare); n > 0; n = len(b.spare) {
		lease := b.spare[n-1]
		b.spare = b.spare[:n-1]
		if now.Before(lease.until) {
			return lease
		}
	}
	return leaseID{clientv3.LeaseID(rand.Int64N(1<<63-1) + 1), now.Add(ttl / 2)}
}

func (b *backend) keepID(lease leaseID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spare = append(b.spare, lease)
}

func (b *backend) Attach(ctx context.Context, id string, _ time.Duration) (leadership.Session, error) {
	what := "attach session " + id
	lease, ok := parseLease(id)
	if !ok {
		return nil, fmt.Errorf("etcd: %s: %w (not a lease id in hex)", what, leadership.ErrSessionLost)
	}
	a, err := b.link.get(ctx, what)
	if err != nil {
		return nil, err
	}
	told, err := a.keepAlive(ctx, lease)
	if err != nil {
		return nil, b.link.failure(ctx, what, err)
	}
	ttl, err := believable(told, clientv3.MaxLeaseTTL)
	if err != nil {
		return nil, b.link.failure(ctx, what, err)
	}
	return newSession(b, lease, ttl, true), nil
}

func (b *backend) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	what := "observe " + key
	a, err := b.link.get(ctx, what)
	if err != nil {
		return leadership.Observation{}, err
	}
	prefix := prefixOf(key)
	resp, err := a.kv.Get(ctx, prefix, clientv3.WithFirstCreate()...)
	if err != nil {
		return leadership.Observation{}, b.link.failure(ctx, what, err)
	}
	at := standing{revision: resp.Header.GetRevision(), first: only(resp.Kvs)}
	if err := at.check(prefix, ""); err != nil {
		return leadership.Observation{}, b.link.failure(ctx, what, err)
	}
	first := at.first
	if nested(prefix, first) {
		line, err := a.line(ctx, prefix, at.revision)
		if err != nil {
			return leadership.Observation{}, b.link.failure(ctx, what, err)
		}
		first = only(line)
	}
	if _, gone, err := a.orphaned(ctx, prefix, first); err != nil {
		return leadership.Observation{}, b.link.failure(ctx, what, err)
	} else if gone {
		first = nil
	}
	return leadership.Observation{Holder: holder(prefix, first), Revision: uint64(at.revision)}, nil
}

// Traits are those of a cluster with its usual timing, which looks for leases that have run out twice a second.
func (b *backend) Traits(cfg leadership.Config) leadership.Traits {
	return leadership.Traits{
		Store:            "etcd",
		TTL:              (cfg.Session.TTL + time.Second - 1).Truncate(time.Second),
		Linger:           time.Second,
		RenewRequests:    1,
		ReadRequests:     1,
		CampaignRequests: 1,
		WatchPeriod:      time.Minute,
		Assumes:          []string{"nobody revokes the lease of a leader that is cut off, or its lease expires no sooner than granted"},
		Notes:            []string{"a change of etcd's own leader gives every lease its whole TTL again, and an election timeout"},
	}
}

// Lifetime is the lease's granted TTL. What is left of it tells nothing: a renewal may be under way.
func (b *backend) Lifetime(ctx context.Context, session string) (time.Duration, error) {
	what := "ask for the lifetime of session " + session
	lease, ok := parseLease(leaseName(session))
	if !ok {
		return 0, nil
	}
	a, err := b.link.get(ctx, what)
	if err != nil {
		return 0, err
	}
	resp, err := a.client.TimeToLive(ctx, lease)
	switch {
	case err != nil:
		return 0, b.link.failure(ctx, what, err)
	case resp.TTL < 0:
		return 0, nil
	}
	ttl, err := believable(resp.GrantedTTL, clientv3.MaxLeaseTTL)
	if err != nil { // 0 would say that nobody believes any more
		return 0, b.link.failure(ctx, what, err)
	}
	return ttl, nil
}
