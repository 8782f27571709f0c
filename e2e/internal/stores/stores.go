// Package stores gives tests and measurements one view of the real stores: how members reach them, what an operator can do to
// them, and how their servers fail.
package stores

import (
	"context"
	"time"

	"github.com/leadership-go/leadership"
)

// Store is a running cluster of real servers, each a child process. Its methods are safe for concurrent use, but for those that stop and start
// servers.
type Store interface {
	// Name is "consul" or "etcd".
	Name() string
	// Addrs are the host and port of each server's client API, in the order of the servers.
	Addrs() []string
	// Factory makes members that reach the store at addrs, by default at all of Addrs. Consul's clients know one address: the first.
	Factory(addrs ...string) *leadership.ClusterFactory
	// Backend is what the factory's members use, for tests that put something in between. Closing it closes its client, too.
	Backend(addrs ...string) (leadership.Backend, error)
	// AwayFromLeader is the index of the server that leads the cluster, and addresses that go on answering when that one dies.
	AwayFromLeader(ctx context.Context) (leader int, addrs []string, err error)

	// Pause freezes a server; its connections stay open.
	Pause(server int) error
	// Resume lets a frozen server go on.
	Resume(server int) error
	// Kill ends a server as a crash does.
	Kill(server int) error
	// Restart starts a killed server on its address and data, and waits until it can be used.
	Restart(ctx context.Context, server int) error
	// Close ends all servers.
	Close() error

	Operator
}

// Operator is what a person with the store's own tools can do, past all members.
type Operator interface {
	// OpenSession makes a session that nobody renews.
	OpenSession(ctx context.Context, ttl time.Duration) (id string, err error)
	// EndSession destroys a session or revokes a lease. It is no error that there is none.
	EndSession(ctx context.Context, id string) error
	// Sessions are the ids of all sessions at the store.
	Sessions(ctx context.Context) ([]string, error)
	// Keys are the keys of who holds or stands for key, the leader's first.
	Keys(ctx context.Context, key string) ([]string, error)
	// Left are all keys that the election has at the store, with what members leave beside those of Keys.
	Left(ctx context.Context, key string) ([]string, error)
	// Value is what stands in the leader's key.
	Value(ctx context.Context, key string) ([]byte, error)
	// DeleteKey deletes the leader's key.
	DeleteKey(ctx context.Context, key string) error
	// Overwrite puts a plain value over the leader's key, and names the key it wrote.
	Overwrite(ctx context.Context, key string, value []byte) (name string, err error)
}

// Starter starts a store of one kind.
type Starter struct {
	// Name is the store's.
	Name string
	// Start starts the servers and waits until they can be used.
	Start func(ctx context.Context, o Options) (Store, error)
}

// Options set up a store. The zero value is one server that is killed at most at the end.
type Options struct {
	// Servers are one, the default, or three.
	Servers int
	// Persist keeps the data over a restart. Three servers always do.
	Persist bool
}

// All are the stores that the library works with.
func All() []Starter {
	return []Starter{{"consul", startConsul}, {"etcd", startEtcd}}
}
