package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/etcdserver"
	"github.com/leadership-go/leadership/sources/etcd"
	"github.com/leadership-go/leadership/sources/sourcetest"
)

// owning closes the client of a backend with it.
type owning struct {
	leadership.Backend
	leadership.Surveyor
	end func() error
}

func (o owning) Close() error {
	err := o.Backend.Close()
	if endErr := o.end(); err == nil {
		err = endErr
	}
	return err
}

func TestEtcdConformance(t *testing.T) {
	t.Parallel()
	for _, servers := range []struct {
		name string
		etcdserver.Options
	}{
		{"one server with users", etcdserver.Options{RootPassword: "open sesame"}},
		{"three servers", etcdserver.Options{Nodes: 3, Processes: true, RootPassword: "open sesame"}},
	} {
		t.Run(servers.name, func(t *testing.T) {
			t.Parallel()
			store := startEtcd(t, servers.Options)
			sourcetest.Run(t, func(t *testing.T) sourcetest.Harness { return etcdHarness(t, store, servers.RootPassword) })
		})
	}
}

func etcdHarness(t *testing.T, store *etcdStore, rootPassword string) sourcetest.Harness {
	connect := func(user, password string, endpoints ...string) (leadership.Backend, error) {
		client, err := store.newClient(user, password, endpoints...)
		if err != nil {
			return nil, err
		}
		b := etcd.NewBackend(client)
		return owning{b, b.(leadership.Surveyor), client.Close}, nil
	}
	root := ""
	if rootPassword != "" {
		root = "root"
	}
	h := sourcetest.Harness{
		TTL:           time.Second,
		ExpiresWithin: 4 * time.Second,
		LostAttempts:  200,
		Connect: func(context.Context) (leadership.Backend, error) {
			return connect(root, rootPassword, store.Endpoints()...)
		},
		ConnectCut: func(ctx context.Context) (leadership.Backend, func(), error) {
			c, err := newCable(ctx, strings.TrimPrefix(store.Endpoints()[0], "http://"))
			if err != nil {
				return nil, nil, err
			}
			t.Cleanup(func() { _ = c.Close() })
			b, err := connect(root, rootPassword, c.Endpoint("http"))
			return b, c.Cut, err
		},
		DestroySession: store.destroySession,
		DeleteKey:      store.deleteKey,
		Overwrite:      store.overwrite,
		Sessions:       store.sessions,
		Candidates:     store.candidates,
	}
	if rootPassword != "" {
		h.ConnectDenied = func(ctx context.Context) (leadership.Backend, func(), error) {
			name, deny, err := store.user(ctx)
			if err != nil {
				return nil, nil, err
			}
			b, err := connect(name, name, store.Endpoints()...)
			return b, deny, err
		}
	}
	return h
}
