package stores

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/consulserver"
	"github.com/leadership-go/leadership/sources/consul"
)

// Consul is one Consul server or a cluster of three.
type Consul struct {
	servers []*consulserver.Server
	cluster *consulserver.Cluster // nil for one server
}

func startConsul(ctx context.Context, o Options) (Store, error) {
	options := consulserver.Options{Persist: o.Persist}
	switch o.Servers {
	case 0, 1:
		server, err := consulserver.Start(ctx, options)
		if err != nil {
			return nil, err
		}
		return &Consul{servers: []*consulserver.Server{server}}, nil
	case 3:
		cluster, err := consulserver.StartCluster(ctx, options)
		if err != nil {
			return nil, err
		}
		return &Consul{servers: cluster.Servers, cluster: cluster}, nil
	}
	return nil, fmt.Errorf("stores: %d Consul servers: 1 or 3", o.Servers)
}

// Name is "consul".
func (c *Consul) Name() string { return "consul" }

// Addrs are the addresses of the HTTP API.
func (c *Consul) Addrs() []string {
	var addrs []string
	for _, s := range c.servers {
		addrs = append(addrs, s.Addr)
	}
	return addrs
}

func (c *Consul) options(addrs []string) []consul.Option {
	return []consul.Option{consul.WithAddress(append(addrs, c.servers[0].Addr)[0]), consul.WithMinTTL(time.Second)}
}

// Factory makes members at the first of addrs.
func (c *Consul) Factory(addrs ...string) *leadership.ClusterFactory {
	return consul.NewClusterFactory(c.options(addrs)...)
}

// Backend talks to the first of addrs.
func (c *Consul) Backend(addrs ...string) (leadership.Backend, error) {
	return consul.NewBackend(leadership.ConsulConfig{}, c.options(addrs)...)
}

// AwayFromLeader gives the address of a follower.
func (c *Consul) AwayFromLeader(ctx context.Context) (int, []string, error) {
	if c.cluster == nil {
		return 0, nil, errors.New("stores: one server has no follower")
	}
	server, err := c.cluster.Leader(ctx)
	if err != nil {
		return 0, nil, err
	}
	leader := slices.Index(c.servers, server)
	return leader, []string{c.servers[(leader+1)%len(c.servers)].Addr}, nil
}

// Pause freezes a server.
func (c *Consul) Pause(server int) error { return c.servers[server].Pause() }

// Resume lets it go on.
func (c *Consul) Resume(server int) error { return c.servers[server].Resume() }

// Kill ends a server.
func (c *Consul) Kill(server int) error { return c.servers[server].Kill() }

// Restart starts it again.
func (c *Consul) Restart(ctx context.Context, server int) error {
	return c.servers[server].Restart(ctx)
}

// Close ends all servers.
func (c *Consul) Close() error {
	errs := make([]error, len(c.servers))
	for i, s := range c.servers {
		errs[i] = s.Close()
	}
	return errors.Join(errs...)
}

// Client is an operator's client of the first server. It keeps no connections.
func (c *Consul) Client() *api.Client { return c.servers[0].Client() }

// Reading asks for a linearizable answer.
func Reading(ctx context.Context) *api.QueryOptions {
	return (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx)
}

// Writing bounds a write by ctx.
func Writing(ctx context.Context) *api.WriteOptions { return new(api.WriteOptions).WithContext(ctx) }

// OpenSession makes one as the Java library does, but without its health check.
func (c *Consul) OpenSession(ctx context.Context, ttl time.Duration) (string, error) {
	id, _, err := c.Client().Session().CreateNoChecks(&api.SessionEntry{
		Name: "operator", TTL: ttl.String(), LockDelay: time.Nanosecond,
	}, Writing(ctx))
	return id, err
}

// EndSession destroys it.
func (c *Consul) EndSession(ctx context.Context, id string) error {
	_, err := c.Client().Session().Destroy(id, Writing(ctx))
	return err
}

// Sessions lists them.
func (c *Consul) Sessions(ctx context.Context) ([]string, error) {
	entries, _, err := c.Client().Session().List(Reading(ctx))
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return ids, nil
}

// Keys are the one key, if it is there.
func (c *Consul) Keys(ctx context.Context, key string) ([]string, error) {
	keys, err := c.Left(ctx, key)
	return slices.DeleteFunc(keys, func(name string) bool { return name != key }), err
}

// Left are that and whatever stands below.
func (c *Consul) Left(ctx context.Context, key string) ([]string, error) {
	keys, _, err := c.Client().KV().Keys(key, "", Reading(ctx))
	return keys, err
}

// Value reads the key.
func (c *Consul) Value(ctx context.Context, key string) ([]byte, error) {
	entry, _, err := c.Client().KV().Get(key, Reading(ctx))
	if err != nil {
		return nil, err
	}
	if entry == nil {
		return nil, fmt.Errorf("stores: no key %s", key)
	}
	return entry.Value, nil
}

// DeleteKey deletes the key.
func (c *Consul) DeleteKey(ctx context.Context, key string) error {
	_, err := c.Client().KV().Delete(key, Writing(ctx))
	return err
}

// Overwrite puts the value without taking the key.
func (c *Consul) Overwrite(ctx context.Context, key string, value []byte) (string, error) {
	_, err := c.Client().KV().Put(&api.KVPair{Key: key, Value: value}, Writing(ctx))
	return key, err
}
