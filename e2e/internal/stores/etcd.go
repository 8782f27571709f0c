package stores

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/etcdserver"
	"github.com/leadership-go/leadership/sources/etcd"
)

// Etcd is an etcd cluster.
type Etcd struct {
	cluster  *etcdserver.Cluster
	operator *clientv3.Client
}

func startEtcd(_ context.Context, o Options) (Store, error) {
	cluster, err := etcdserver.Run(etcdserver.Options{Nodes: o.Servers, Processes: true}) //nolint:contextcheck // it bounds itself
	if err != nil {
		return nil, err
	}
	operator, err := cluster.Client()
	if err != nil {
		return nil, errors.Join(err, cluster.Close())
	}
	return &Etcd{cluster, operator}, nil
}

// Name is "etcd".
func (e *Etcd) Name() string { return "etcd" }

// Addrs are the client addresses.
func (e *Etcd) Addrs() []string {
	var addrs []string
	for _, endpoint := range e.cluster.Endpoints() {
		addrs = append(addrs, strings.TrimPrefix(endpoint, "http://"))
	}
	return addrs
}

func (e *Etcd) endpoints(addrs []string) []string {
	if len(addrs) == 0 {
		return e.Addrs()
	}
	return addrs
}

// Factory makes members at all of addrs.
func (e *Etcd) Factory(addrs ...string) *leadership.ClusterFactory {
	return etcd.NewClusterFactory(etcd.WithEndpoints(e.endpoints(addrs)...))
}

// Backend talks to all of addrs.
func (e *Etcd) Backend(addrs ...string) (leadership.Backend, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: e.endpoints(addrs), DialTimeout: 5 * time.Second, DialKeepAliveTime: 10 * time.Second,
		DialKeepAliveTimeout: 5 * time.Second, Logger: zap.NewNop(),
	})
	if err != nil {
		return nil, err
	}
	return closing{etcd.NewBackend(client), client}, nil
}

// closing closes the client with its backend.
type closing struct {
	leadership.Backend
	client *clientv3.Client
}

func (c closing) Close() error { return errors.Join(c.Backend.Close(), c.client.Close()) }

// AwayFromLeader gives all addresses: the client finds one that answers.
func (e *Etcd) AwayFromLeader(ctx context.Context) (int, []string, error) {
	leader, err := e.cluster.Leader(ctx)
	return leader, e.Addrs(), err
}

// Pause freezes a server.
func (e *Etcd) Pause(server int) error { return e.cluster.Pause(server) }

// Resume lets it go on.
func (e *Etcd) Resume(server int) error { return e.cluster.Resume(server) }

// Kill ends a server.
func (e *Etcd) Kill(server int) error { return e.cluster.Kill(server) }

// Restart starts it again.
func (e *Etcd) Restart(_ context.Context, server int) error {
	return errors.Join(e.cluster.StartNode(server), e.cluster.Ready()) //nolint:contextcheck // it bounds itself
}

// Close ends all servers.
func (e *Etcd) Close() error { return errors.Join(e.operator.Close(), e.cluster.Close()) }

// Client is the operator's client.
func (e *Etcd) Client() *clientv3.Client { return e.operator }

// OpenSession grants a lease.
func (e *Etcd) OpenSession(ctx context.Context, ttl time.Duration) (string, error) {
	resp, err := e.operator.Grant(ctx, int64(ttl/time.Second))
	if err != nil {
		return "", err
	}
	return hex(resp.ID), nil
}

func hex(lease clientv3.LeaseID) string { return strconv.FormatInt(int64(lease), 16) }

// EndSession revokes the lease.
func (e *Etcd) EndSession(ctx context.Context, id string) error {
	lease, err := strconv.ParseInt(id, 16, 64)
	if err != nil {
		return err
	}
	if _, err := e.operator.Revoke(ctx, clientv3.LeaseID(lease)); err != nil && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return err
	}
	return nil
}

// Sessions lists the leases.
func (e *Etcd) Sessions(ctx context.Context) ([]string, error) {
	resp, err := e.operator.Leases(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, lease := range resp.Leases {
		ids = append(ids, hex(lease.ID))
	}
	return ids, nil
}

// Keys are the candidates' keys, in line.
func (e *Etcd) Keys(ctx context.Context, key string) ([]string, error) {
	return e.below(ctx, key+"/")
}

// Left are all keys that begin with key.
func (e *Etcd) Left(ctx context.Context, key string) ([]string, error) {
	return e.below(ctx, key)
}

// below are the keys that begin with key, the oldest one first.
func (e *Etcd) below(ctx context.Context, key string) ([]string, error) {
	resp, err := e.operator.Get(ctx, key, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return nil, err
	}
	slices.SortFunc(resp.Kvs, func(a, b *mvccpb.KeyValue) int { return int(a.CreateRevision - b.CreateRevision) })
	var keys []string
	for _, kv := range resp.Kvs {
		keys = append(keys, string(kv.Key))
	}
	return keys, nil
}

// leader is the name of the leader's key.
func (e *Etcd) leader(ctx context.Context, key string) (string, error) {
	keys, err := e.Keys(ctx, key)
	if err != nil {
		return "", err
	}
	if len(keys) == 0 {
		return "", fmt.Errorf("stores: no key below %s", key)
	}
	return keys[0], nil
}

// Value reads the leader's key.
func (e *Etcd) Value(ctx context.Context, key string) ([]byte, error) {
	name, err := e.leader(ctx, key)
	if err != nil {
		return nil, err
	}
	resp, err := e.operator.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(resp.Kvs) == 0 {
		return nil, fmt.Errorf("stores: no key %s", name)
	}
	return resp.Kvs[0].Value, nil
}

// DeleteKey deletes the leader's key.
func (e *Etcd) DeleteKey(ctx context.Context, key string) error {
	name, err := e.leader(ctx, key)
	if err != nil {
		return err
	}
	_, err = e.operator.Delete(ctx, name)
	return err
}

// Overwrite puts the value without a lease.
func (e *Etcd) Overwrite(ctx context.Context, key string, value []byte) (string, error) {
	name, err := e.leader(ctx, key)
	if err != nil {
		return "", err
	}
	_, err = e.operator.Put(ctx, name, string(value))
	return name, err
}
