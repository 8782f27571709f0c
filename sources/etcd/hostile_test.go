package etcd

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/leadership-go/leadership"
)

func TestLearnedTextDecidesNothing(t *testing.T) {
	for _, text := range []string{
		"proxy: rpc error: code = NotFound desc = etcdserver: requested lease not found",
		"proxy: rpc error: code = PermissionDenied desc = etcdserver: permission denied",
	} {
		l := &link{}
		l.learn(t.Context(), status.Error(codes.Unavailable, text))
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		<-ctx.Done()
		err := l.failure(ctx, "observe", context.DeadlineExceeded)
		cancel()
		if errors.Is(err, leadership.ErrSessionLost) || errors.Is(err, leadership.ErrDenied) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		err = l.failure(ctx, "observe", status.Error(codes.Canceled, "context canceled"))
		if errors.Is(err, leadership.ErrSessionLost) || errors.Is(err, leadership.ErrDenied) || !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
}

func TestEventsWithoutAKey(t *testing.T) {
	for _, typ := range []mvccpb.Event_EventType{mvccpb.DELETE, mvccpb.PUT} {
		func() {
			defer func() {
				if r := recover(); r != nil {
					t.Errorf("panic: %v", r)
				}
			}()
			c := make(chan clientv3.WatchResponse, 1)
			c <- clientv3.WatchResponse{Events: []*clientv3.Event{{Type: typ}}}
			_ = await(t.Context(), neighbour{}, func(neighbour) {}, nil, c)
		}()
	}
}

func TestEndpointsBesideAClientAreHidden(t *testing.T) {
	_, err := connect(leadership.Config{}, variables(), []Option{WithClient(new(clientv3.Client)), WithEndpoints("https://me:s3cret@host:2379")})
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
	err = leadership.Config{Etcd: leadership.EtcdConfig{Endpoints: []string{"https://me:s3cret@host:2379", ""}}}.Validate()
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
	if h := hideUser("me:s3c://ret@host:2379"); strings.Contains(h, "s3c") {
		t.Error(h)
	}
	_ = math.MaxInt64
}

type Lease struct {
	clientv3.Lease
	granted int64
}

func (l Lease) TimeToLive(context.Context, clientv3.LeaseID, ...clientv3.LeaseOption) (*clientv3.LeaseTimeToLiveResponse, error) {
	return &clientv3.LeaseTimeToLiveResponse{GrantedTTL: l.granted}, nil
}

func TestLifetimeOfAnUnbelievableTTL(t *testing.T) {
	for _, granted := range []int64{0, -1, math.MaxInt64/int64(time.Second) + 11, math.MaxInt64} {
		left, err := NewBackend(&clientv3.Client{Lease: Lease{granted: granted}}).Lifetime(t.Context(), "7")
		if err == nil {
			t.Errorf("granted %d s: lifetime %v", granted, left)
		}
	}
}
