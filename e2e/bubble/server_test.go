package bubble

import (
	"errors"
	"time"

	"go.etcd.io/etcd/server/v3/config"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/leadership-go/leadership/internal/simulation"
)

// server is a real etcd server without a socket: its data is on the disk, its time is the bubble's, and it listens at wires.
type server struct {
	dir   string
	wires []*simulation.Wire
	etcd  *etcdserver.EtcdServer
	rpc   *grpc.Server
	done  chan struct{}
}

var errNotReady = errors.New("etcd does not get ready")

// start starts the server, anew where it has data, and waits until it takes requests.
func (s *server) start() error {
	defaults := embed.NewConfig()
	peers, token, err := defaults.PeerURLsMapAndToken("etcd")
	if err != nil {
		return err
	}
	cfg := config.ServerConfig{
		Name: defaults.Name, DataDir: s.dir, Logger: zap.NewNop(),
		ClientURLs: defaults.AdvertiseClientUrls, PeerURLs: defaults.AdvertisePeerUrls, // nobody listens there
		InitialPeerURLsMap: peers, InitialClusterToken: token, NewCluster: true,
		SnapshotCount: defaults.SnapshotCount, SnapshotCatchUpEntries: defaults.SnapshotCatchUpEntries,
		MaxSnapFiles: defaults.MaxSnapFiles, MaxWALFiles: defaults.MaxWalFiles,
		TickMs: 100, ElectionTicks: 10, InitialElectionTickAdvance: true,
		MaxTxnOps: defaults.MaxTxnOps, MaxRequestBytes: defaults.MaxRequestBytes, MaxConcurrentStreams: defaults.MaxConcurrentStreams,
		AuthToken: defaults.AuthToken, BcryptCost: 4, TokenTTL: defaults.AuthTokenTTL, StrictReconfigCheck: true, PreVote: true, UnsafeNoFsync: true,
		WatchProgressNotifyInterval: defaults.WatchProgressNotifyInterval, DowngradeCheckTime: defaults.DowngradeCheckTime,
		WarningApplyDuration: time.Hour, WarningUnaryRequestDuration: time.Hour,
		V2Deprecation: defaults.V2DeprecationEffective(), ServerFeatureGate: defaults.ServerFeatureGate, MaxLearners: defaults.MaxLearners,
		CompactionBatchLimit: 1000, CompactionSleepInterval: 10 * time.Millisecond,
	}
	etcd, err := etcdserver.NewServer(cfg)
	if err != nil {
		return err
	}
	etcd.Start()
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	select {
	case <-etcd.ReadyNotify():
	case <-timer.C:
		etcd.HardStop()
		return errNotReady
	}
	s.etcd = etcd
	s.rpc = v3rpc.Server(etcd, nil, nil, grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second}))
	s.done = make(chan struct{}, len(s.wires))
	for _, w := range s.wires {
		go func() {
			_ = s.rpc.Serve(w.Listen()) // ends with stop
			s.done <- struct{}{}
		}()
	}
	return nil
}

// stop ends the server. Its data stays.
func (s *server) stop() {
	s.rpc.Stop()
	for range s.wires {
		<-s.done
	}
	s.etcd.Stop()
}
