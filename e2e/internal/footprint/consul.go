package footprint

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/stores"
	"github.com/leadership-go/leadership/sources/consul"
)

// consulHouse is Consul.
type consulHouse struct {
	store   *stores.Consul
	kind    Kind
	shared  *api.Client // nil where each has its own
	session string

	mu         sync.Mutex
	transports []*http.Transport
}

func newConsulHouse(ctx context.Context, store *stores.Consul, kind Kind) (*consulHouse, error) {
	h := &consulHouse{store: store, kind: kind}
	var err error
	if h.session, err = store.OpenSession(ctx, held); err != nil {
		return nil, err
	}
	if !kind.Own {
		h.shared, err = h.client()
	}
	return h, err
}

// client is one with the defaults of Consul's own.
func (h *consulHouse) client() (*api.Client, error) {
	config := api.DefaultConfig()
	config.Address = h.store.Addrs()[0]
	h.mu.Lock()
	defer h.mu.Unlock()
	h.transports = append(h.transports, config.Transport)
	return api.NewClient(config)
}

func (h *consulHouse) lock(ctx context.Context, key string) error {
	vote := leadership.Vote{SessionID: h.session, ServiceID: "operator"}
	entry := &api.KVPair{Key: key, Session: h.session, Value: vote.Encode()}
	if h.kind.Peer {
		entry.Flags = api.LockFlagValue
	}
	taken, _, err := h.store.Client().KV().Acquire(entry, stores.Writing(ctx))
	if err == nil && !taken {
		err = fmt.Errorf("footprint: %s is held already", key)
	}
	return err
}

func (h *consulHouse) factory() *leadership.ClusterFactory {
	if h.shared != nil {
		return consul.NewClusterFactory(consul.WithClient(h.shared))
	}
	return h.store.Factory()
}

// stand is as Consul's documentation shows it.
func (h *consulHouse) stand(ctx context.Context, key string) error {
	client := h.shared
	if client == nil {
		own, err := h.client()
		if err != nil {
			return err
		}
		client = own
	}
	lock, err := client.LockOpts(&api.LockOptions{Key: key, SessionTTL: TTL.String()})
	if err != nil {
		return err
	}
	lost, err := lock.Lock(ctx.Done())
	switch {
	case err != nil:
		return err
	case lost == nil:
		return context.Cause(ctx)
	}
	return lock.Unlock()
}

func (h *consulHouse) tidy() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.transports {
		t.CloseIdleConnections()
	}
}

func (h *consulHouse) close() {
	ctx, cancel := context.WithTimeout(context.Background(), standsWithin)
	defer cancel()
	_ = h.store.EndSession(ctx, h.session) // its TTL does it otherwise
}
