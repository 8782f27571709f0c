package fenced

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/leadership-go/leadership/sources/etcd"
)

// etcdRegister is a key of etcd.
type etcdRegister struct {
	client         *clientv3.Client
	election, name string
}

func dialEtcd(addrs []string, election, name string) (Register, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: addrs, DialTimeout: 5 * time.Second, DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 5 * time.Second,
		Logger: zap.NewNop(),
	})
	if err != nil {
		return nil, err
	}
	return &etcdRegister{client, election, name}, nil
}

func (r *etcdRegister) Write(ctx context.Context, guard Guard, g Grant, v Value) (bool, uint64, error) {
	txn := r.client.Txn(ctx)
	switch guard {
	case Fence:
		txn = txn.If(etcd.FenceToken(r.election, g.Session, g.Token))
	case Index, Ordered:
		return false, 0, errors.New("fenced: etcd has one fence, which compares the token")
	case Open:
	}
	resp, err := txn.Then(clientv3.OpPut(r.name, v.encode()), clientv3.OpPut(entryName(r.name, v), v.encode())).Commit()
	if err != nil {
		return false, 0, fmt.Errorf("fenced: write: %w", err)
	}
	return resp.Succeeded, uint64(resp.Header.Revision), nil
}

func (r *etcdRegister) Read(ctx context.Context) (v Value, revision uint64, err error) {
	resp, err := r.client.Get(ctx, r.name)
	if err != nil {
		return v, 0, fmt.Errorf("fenced: read: %w", err)
	}
	if len(resp.Kvs) == 0 {
		return v, 0, nil
	}
	v, err = decode(resp.Kvs[0].Value)
	return v, uint64(resp.Kvs[0].ModRevision), err
}

func (r *etcdRegister) Trail(ctx context.Context) (entries []Entry, err error) {
	resp, err := r.client.Get(ctx, r.name+"/", clientv3.WithPrefix())
	if err != nil {
		return nil, fmt.Errorf("fenced: trail: %w", err)
	}
	for _, kv := range resp.Kvs {
		v, err := decode(kv.Value)
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{v, uint64(kv.ModRevision)})
	}
	return entries, nil
}

func (r *etcdRegister) Close() error { return r.client.Close() }
