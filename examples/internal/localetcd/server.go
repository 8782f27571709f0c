// Package localetcd runs an etcd server inside the process, so that an example needs nothing to be installed.
package localetcd

import (
	"context"
	"fmt"
	"net/url"
	"os"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// Start returns once the server answers at address, host:port, or when ctx ends. The server listens on free ports of the loopback
// interface and logs nothing. It keeps its data below the system's folder for temporary files. Stop ends it and removes them; close the
// clients before.
func Start(ctx context.Context) (address string, stop func(), err error) {
	folder, err := os.MkdirTemp("", "leadership-example-")
	if err != nil {
		return "", nil, err
	}
	free := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}} // port 0: any that is free
	cfg := embed.NewConfig()
	cfg.Dir = folder
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = free, free
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = free, free
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	cfg.EnableGRPCGateway = false
	cfg.UnsafeNoFsync = true // the data need not outlive the process
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		_ = os.RemoveAll(folder)
		return "", nil, fmt.Errorf("start etcd: %w", err)
	}
	stop = func() {
		etcd.Close()
		_ = os.RemoveAll(folder)
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd.Clients[0].Addr().String(), stop, nil
	case err = <-etcd.Err():
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	stop()
	return "", nil, fmt.Errorf("start etcd: %w", err)
}
