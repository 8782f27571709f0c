package footprint

import (
	"context"
	"errors"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/zap"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/stores"
	"github.com/leadership-go/leadership/sources/etcd"
)

// etcdHouse is etcd.
type etcdHouse struct {
	store  *stores.Etcd
	shared *clientv3.Client // nil where each has its own
	lease  string
}

func newEtcdHouse(ctx context.Context, store *stores.Etcd, kind Kind) (*etcdHouse, error) {
	h := &etcdHouse{store: store}
	var err error
	if h.lease, err = store.OpenSession(ctx, held); err != nil {
		return nil, err
	}
	if !kind.Own {
		h.shared, err = h.client()
	}
	return h, err
}

// client is one with the settings of ours.
func (h *etcdHouse) client() (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Endpoints: h.store.Addrs(), DialTimeout: 5 * time.Second, DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 5 * time.Second,
		Logger: zap.NewNop(),
	})
}

func (h *etcdHouse) lock(ctx context.Context, key string) error {
	lease, err := strconv.ParseInt(h.lease, 16, 64)
	if err != nil {
		return err
	}
	vote := leadership.Vote{SessionID: h.lease, ServiceID: "operator"}
	_, err = h.store.Client().Put(ctx, key+"/"+h.lease, string(vote.Encode()), clientv3.WithLease(clientv3.LeaseID(lease)))
	return err
}

func (h *etcdHouse) factory() *leadership.ClusterFactory {
	if h.shared != nil {
		return etcd.NewClusterFactory(etcd.WithClient(h.shared))
	}
	return h.store.Factory()
}

// stand is as etcd's documentation shows it.
func (h *etcdHouse) stand(ctx context.Context, key string) error {
	client := h.shared
	if client == nil {
		own, err := h.client()
		if err != nil {
			return err
		}
		defer func() { _ = own.Close() }()
		client = own
	}
	session, err := concurrency.NewSession(client, concurrency.WithTTL(int(TTL/time.Second)))
	if err != nil {
		return err
	}
	return errors.Join(concurrency.NewElection(session, key).Campaign(ctx, "candidate"), session.Close())
}

func (h *etcdHouse) tidy() {}

func (h *etcdHouse) close() {
	if h.shared != nil {
		_ = h.shared.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), standsWithin)
	defer cancel()
	_ = h.store.EndSession(ctx, h.lease) // its TTL does it otherwise
}
