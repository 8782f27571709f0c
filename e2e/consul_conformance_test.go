package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/consulserver"
	"github.com/leadership-go/leadership/sources/consul"
	"github.com/leadership-go/leadership/sources/sourcetest"
)

func TestConsulAgentConforms(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{ACL: true})
	sourcetest.Run(t, func(t *testing.T) sourcetest.Harness { return consulHarness(t, server, server) })
}

func TestConsulClusterConforms(t *testing.T) {
	t.Parallel()
	cluster := consulserver.RunCluster(t, consulserver.Options{ACL: true})
	n := 0
	sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
		n++ // another server for each check: leader and followers alike
		return consulHarness(t, cluster.Servers[n%3], cluster.Servers[(n+1)%3])
	})
}

// consulHarness makes candidates at one server and an operator at another one of the same cluster.
func consulHarness(t *testing.T, server, operators *consulserver.Server) sourcetest.Harness {
	t.Helper()
	operator := operators.Client()
	connect := func(opts ...consul.Option) (leadership.Backend, error) {
		opts = append([]consul.Option{consul.WithAddress(server.Addr), consul.WithToken(server.Token), consul.WithMinTTL(time.Second)}, opts...)
		return consul.NewBackend(leadership.ConsulConfig{}, opts...)
	}
	read := func(ctx context.Context) *api.QueryOptions {
		return (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx)
	}
	write := func(ctx context.Context) *api.WriteOptions { return new(api.WriteOptions).WithContext(ctx) }
	return sourcetest.Harness{
		TTL:           time.Second,
		ExpiresWithin: 3 * time.Second,
		WaitersHidden: true, // they are found by the names of sessions, which these checks do not set
		Connect:       func(context.Context) (leadership.Backend, error) { return connect() },
		DestroySession: func(ctx context.Context, id string) error {
			_, err := operator.Session().Destroy(id, write(ctx))
			return err
		},
		DeleteKey: func(ctx context.Context, key string) error {
			_, err := operator.KV().Delete(key, write(ctx))
			return err
		},
		Overwrite: func(ctx context.Context, key string, value []byte) error {
			_, err := operator.KV().Put(&api.KVPair{Key: key, Value: value}, write(ctx))
			return err
		},
		Sessions: func(ctx context.Context) (int, error) {
			all, _, err := operator.Session().List(read(ctx))
			return len(all), err
		},
		Candidates: func(ctx context.Context, key string) (int, error) {
			entry, _, err := operator.KV().Get(key, read(ctx))
			if err != nil || entry == nil || entry.Session == "" {
				return 0, err
			}
			return 1, nil
		},
		ConnectDenied: func(ctx context.Context) (leadership.Backend, func(), error) {
			token, err := newToken(ctx, operator, `key_prefix "" { policy = "write" } session_prefix "" { policy = "write" }`)
			if err != nil {
				return nil, nil, err
			}
			b, err := connect(consul.WithToken(token.SecretID))
			return b, func() { revoke(t.Context(), t, operator, token) }, err
		},
		ConnectCut: func(ctx context.Context) (leadership.Backend, func(), error) {
			link, err := newLink(ctx, t, server.Addr)
			if err != nil {
				return nil, nil, err
			}
			b, err := connect(consul.WithAddress(link.addr))
			return b, link.cut, err
		},
	}
}
