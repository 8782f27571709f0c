package etcd

import (
	"bytes"
	"cmp"
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
)

// store is an etcd server that works, as far as members use one: keys, leases, transactions, watches.
type store struct {
	pb.UnimplementedKVServer
	pb.UnimplementedLeaseServer
	pb.UnimplementedWatchServer

	state    sync.Mutex
	revision int64
	keys     map[string]*mvccpb.KeyValue
	leases   map[int64]int64 // TTLs
	until    map[int64]time.Time
	watchers map[chan *mvccpb.Event]*pb.WatchCreateRequest
	granted  func(asked int64) int64 // what is told about TTLs; nil: the truth
	renewed  func(ttl int64) int64
	refusal  atomic.Pointer[func() error]   // what renewals end with, once they are read; nil: an answer
	instead  atomic.Pointer[pb.TxnResponse] // what transactions are answered with, and what reads with its first response; nil: the truth
}

func newStore() *store {
	return &store{
		revision: 10, keys: make(map[string]*mvccpb.KeyValue), leases: make(map[int64]int64), until: make(map[int64]time.Time), watchers: make(map[chan *mvccpb.Event]*pb.WatchCreateRequest),
	}
}

func (s *store) header() *pb.ResponseHeader {
	return &pb.ResponseHeader{ClusterId: 1, MemberId: 1, Revision: s.revision, RaftTerm: 1}
}

// in reports whether key is within the range of key and end, as requests have it.
func in(k, key, end []byte) bool {
	if len(end) == 0 {
		return bytes.Equal(k, key)
	}
	return bytes.Compare(k, key) >= 0 && bytes.Compare(k, end) < 0
}

// tell is an event for those who watch; the store is locked, as in all that follows up to the services.
func (s *store) tell(kind mvccpb.Event_EventType, kv *mvccpb.KeyValue) {
	for events, r := range s.watchers {
		if in(kv.Key, r.Key, r.RangeEnd) {
			events <- &mvccpb.Event{Type: kind, Kv: kv}
		}
	}
}

func (s *store) drop(key, end []byte) (n int64) {
	for name := range s.keys {
		if in([]byte(name), key, end) {
			delete(s.keys, name)
			s.revision++
			n++
			s.tell(mvccpb.DELETE, &mvccpb.KeyValue{Key: []byte(name), ModRevision: s.revision})
		}
	}
	return n
}

// expire ends the leases that were not renewed.
func (s *store) expire() {
	for id, at := range s.until {
		if !time.Now().Before(at) {
			s.revoke(id)
		}
	}
}

func (s *store) renew(id int64) {
	if ttl := s.leases[id]; ttl != 0 {
		s.until[id] = time.Now().Add(time.Duration(ttl) * time.Second)
	}
}

func (s *store) revoke(id int64) {
	delete(s.leases, id)
	delete(s.until, id)
	for name, kv := range s.keys {
		if kv.Lease == id {
			s.drop([]byte(name), nil)
		}
	}
}

func (s *store) put(r *pb.PutRequest) {
	s.revision++
	kv := &mvccpb.KeyValue{Key: r.Key, Value: r.Value, Lease: r.Lease, CreateRevision: s.revision, ModRevision: s.revision, Version: 1}
	if old := s.keys[string(r.Key)]; old != nil {
		kv.CreateRevision, kv.Version = old.CreateRevision, old.Version+1
	}
	s.keys[string(r.Key)] = kv
	s.tell(mvccpb.PUT, kv)
}

func (s *store) find(r *pb.RangeRequest) *pb.RangeResponse {
	var kvs []*mvccpb.KeyValue
	for name, kv := range s.keys {
		if in([]byte(name), r.Key, r.RangeEnd) && (r.MaxCreateRevision == 0 || kv.CreateRevision <= r.MaxCreateRevision) {
			kvs = append(kvs, kv)
		}
	}
	slices.SortFunc(kvs, func(a, b *mvccpb.KeyValue) int {
		if r.SortOrder == pb.RangeRequest_DESCEND {
			a, b = b, a
		}
		return cmp.Compare(a.CreateRevision, b.CreateRevision)
	})
	if r.Limit > 0 && int64(len(kvs)) > r.Limit {
		kvs = kvs[:r.Limit]
	}
	return &pb.RangeResponse{Header: s.header(), Kvs: kvs, Count: int64(len(kvs))}
}

// holds reports whether a comparison does, for all keys in its range.
func (s *store) holds(c *pb.Compare) bool {
	kvs := s.find(&pb.RangeRequest{Key: c.Key, RangeEnd: c.RangeEnd}).Kvs
	if len(kvs) == 0 {
		kvs = []*mvccpb.KeyValue{{}}
	}
	for _, kv := range kvs {
		got, want := kv.CreateRevision, c.GetCreateRevision()
		switch c.Target { //nolint:exhaustive // what members use, besides the create revision
		case pb.Compare_MOD:
			got, want = kv.ModRevision, c.GetModRevision()
		case pb.Compare_LEASE:
			got, want = kv.Lease, c.GetLease()
		}
		if order := cmp.Compare(got, want); c.Result == pb.Compare_EQUAL && order != 0 || c.Result == pb.Compare_GREATER && order <= 0 {
			return false
		}
	}
	return true
}

func (s *store) Range(_ context.Context, r *pb.RangeRequest) (*pb.RangeResponse, error) {
	s.state.Lock()
	defer s.state.Unlock()
	s.expire()
	if instead := s.instead.Load(); instead != nil {
		if len(instead.Responses) == 0 {
			return &pb.RangeResponse{}, nil
		}
		return instead.Responses[0].GetResponseRange(), nil
	}
	return s.find(r), nil
}

func (s *store) DeleteRange(_ context.Context, r *pb.DeleteRangeRequest) (*pb.DeleteRangeResponse, error) {
	s.state.Lock()
	defer s.state.Unlock()
	s.expire()
	return &pb.DeleteRangeResponse{Deleted: s.drop(r.Key, r.RangeEnd), Header: s.header()}, nil
}

func (s *store) Txn(_ context.Context, r *pb.TxnRequest) (*pb.TxnResponse, error) {
	s.state.Lock()
	defer s.state.Unlock()
	s.expire()
	out := &pb.TxnResponse{Succeeded: !slices.ContainsFunc(r.Compare, func(c *pb.Compare) bool { return !s.holds(c) })}
	ops := r.Success
	if !out.Succeeded {
		ops = r.Failure
	}
	for _, op := range ops {
		if put := op.GetRequestPut(); put != nil && put.Lease != 0 && s.leases[put.Lease] == 0 {
			return nil, rpctypes.ErrGRPCLeaseNotFound
		}
	}
	for _, op := range ops {
		response := &pb.ResponseOp{}
		switch {
		case op.GetRequestRange() != nil:
			response.Response = &pb.ResponseOp_ResponseRange{ResponseRange: s.find(op.GetRequestRange())}
		case op.GetRequestPut() != nil:
			s.put(op.GetRequestPut())
			response.Response = &pb.ResponseOp_ResponsePut{ResponsePut: &pb.PutResponse{}}
		case op.GetRequestDeleteRange() != nil:
			n := s.drop(op.GetRequestDeleteRange().Key, op.GetRequestDeleteRange().RangeEnd)
			response.Response = &pb.ResponseOp_ResponseDeleteRange{ResponseDeleteRange: &pb.DeleteRangeResponse{Deleted: n}}
		}
		out.Responses = append(out.Responses, response)
	}
	out.Header = s.header()
	if instead := s.instead.Load(); instead != nil {
		return instead, nil
	}
	return out, nil
}

func (s *store) LeaseGrant(_ context.Context, r *pb.LeaseGrantRequest) (*pb.LeaseGrantResponse, error) {
	s.state.Lock()
	defer s.state.Unlock()
	s.expire()
	if s.leases[r.ID] != 0 {
		return nil, rpctypes.ErrGRPCLeaseExist
	}
	s.leases[r.ID] = r.TTL
	s.renew(r.ID)
	told := r.TTL
	if s.granted != nil {
		told = s.granted(told)
	}
	return &pb.LeaseGrantResponse{Header: s.header(), ID: r.ID, TTL: told}, nil
}

func (s *store) LeaseRevoke(_ context.Context, r *pb.LeaseRevokeRequest) (*pb.LeaseRevokeResponse, error) {
	s.state.Lock()
	defer s.state.Unlock()
	s.expire()
	if s.leases[r.ID] == 0 {
		return nil, rpctypes.ErrGRPCLeaseNotFound
	}
	s.revoke(r.ID)
	return &pb.LeaseRevokeResponse{Header: s.header()}, nil
}

func (s *store) LeaseTimeToLive(_ context.Context, r *pb.LeaseTimeToLiveRequest) (*pb.LeaseTimeToLiveResponse, error) {
	s.state.Lock()
	defer s.state.Unlock()
	s.expire()
	if ttl := s.leases[r.ID]; ttl != 0 {
		return &pb.LeaseTimeToLiveResponse{Header: s.header(), ID: r.ID, TTL: ttl, GrantedTTL: ttl}, nil
	}
	return &pb.LeaseTimeToLiveResponse{Header: s.header(), ID: r.ID, TTL: -1}, nil
}

func (s *store) LeaseKeepAlive(stream pb.Lease_LeaseKeepAliveServer) error {
	for {
		r, err := stream.Recv()
		if err != nil {
			return nil //nolint:nilerr // the client has what it wants
		}
		if refuse := s.refusal.Load(); refuse != nil {
			return (*refuse)()
		}
		s.state.Lock()
		s.expire()
		s.renew(r.ID)
		told := s.leases[r.ID]
		if s.renewed != nil && told != 0 {
			told = s.renewed(told)
		}
		response := &pb.LeaseKeepAliveResponse{Header: s.header(), ID: r.ID, TTL: told}
		s.state.Unlock()
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

// Watch serves one watch for each stream, which is how members use it, from now on: what they read before is what there is.
func (s *store) Watch(stream pb.Watch_WatchServer) error {
	for id := int64(0); ; id++ {
		r, err := stream.Recv()
		if err != nil {
			return nil
		}
		create := r.GetCreateRequest()
		if create == nil {
			continue
		}
		events := make(chan *mvccpb.Event, 100)
		s.state.Lock()
		s.watchers[events] = create
		header := s.header()
		s.state.Unlock()
		if err := stream.Send(&pb.WatchResponse{Header: header, WatchId: id, Created: true}); err != nil {
			return err
		}
		defer func() {
			s.state.Lock()
			defer s.state.Unlock()
			delete(s.watchers, events)
		}()
		go func() {
			for {
				select {
				case e := <-events:
					_ = stream.Send(&pb.WatchResponse{Header: &pb.ResponseHeader{Revision: e.Kv.ModRevision}, WatchId: id, Events: []*mvccpb.Event{e}})
				case <-stream.Context().Done():
					return
				}
			}
		}()
	}
}

// pipes is a listener whose connections never leave the process, so that virtual time passes while they are idle.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// register has a server serve s.
func (s *store) register(server *grpc.Server) {
	pb.RegisterKVServer(server, s)
	pb.RegisterLeaseServer(server, s)
	pb.RegisterWatchServer(server, s)
}
