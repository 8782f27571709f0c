package contender

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/consul/api"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/leadership-go/leadership/sources/consul"
	"github.com/leadership-go/leadership/sources/etcd"
)

// etcdClient is a client with the settings of ours.
func etcdClient(o Options) (*clientv3.Client, error) {
	config := clientv3.Config{
		Endpoints: o.Addrs, DialTimeout: 5 * time.Second, DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 5 * time.Second,
		Logger: zap.NewNop(),
	}
	if o.Count != nil {
		config.DialOptions = []grpc.DialOption{o.Count.Etcd()}
	}
	return clientv3.New(config)
}

func consulConfig(o Options) *api.Config {
	config := api.DefaultConfig()
	config.Address = o.Addrs[0]
	return config
}

// consulClient is a client with the transport of config.
func consulClient(config *api.Config, o Options) (*api.Client, error) {
	if o.Count != nil {
		config.HttpClient = &http.Client{Transport: o.Count.Consul(config.Transport)}
	}
	return api.NewClient(config)
}

// startCounted starts one of ours with a client that counts.
func startCounted(ctx context.Context, o Options) (Contender, error) {
	switch o.Store {
	case "etcd":
		client, err := etcdClient(o)
		if err != nil {
			return nil, err
		}
		c, err := startMember(ctx, etcd.NewClusterFactory(etcd.WithClient(client)), o, member{client: client.Close}) //nolint:contextcheck // the client is given
		if err != nil {
			return nil, errors.Join(err, client.Close())
		}
		return c, nil
	case "consul":
		config := consulConfig(o)
		client, err := consulClient(config, o)
		if err != nil {
			return nil, err
		}
		return startMember(ctx, consul.NewClusterFactory(consul.WithClient(client), consul.WithMinTTL(time.Second)), o, member{client: func() error {
			config.Transport.CloseIdleConnections()
			return nil
		}})
	}
	return nil, fmt.Errorf("contender: no store %q", o.Store)
}
