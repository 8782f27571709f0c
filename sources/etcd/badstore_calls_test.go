package etcd

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/leadership-go/leadership"
)

func TestMembersAtStoresWithBadAnswers(t *testing.T) {
	for _, c := range []struct {
		sentence string
		err      error
		text     string
	}{
		{"unavailable", status.Error(codes.Unavailable, "upstream connect error"), "upstream connect error"},
		{"exhausted", status.Error(codes.ResourceExhausted, "too many calls"), "too many calls"},
		{"not authenticated", status.Error(codes.Unauthenticated, "who are you"), leadership.ErrDenied.Error()},
		{"not permitted", status.Error(codes.PermissionDenied, "you may not"), leadership.ErrDenied.Error()},
		{"an internal error", status.Error(codes.Internal, "panic: nil map"), "panic: nil map"},
		{"an unknown error", status.Error(codes.Unknown, "something"), "something"},
		{"a service that is not there", status.Error(codes.Unimplemented, "unknown service etcdserverpb.KV"), "unknown service"},
		{"cancelled by the server", status.Error(codes.Canceled, "no more"), "no more"},
		{"out of time at the server", status.Error(codes.DeadlineExceeded, "it took too long"), "it took too long"},
		{"not found", status.Error(codes.NotFound, "no such thing"), "no such thing"},
		{"lost data", status.Error(codes.DataLoss, "checksum"), "checksum"},
		{"no leader", rpctypes.ErrGRPCNoLeader, "no leader"},
		{"a server that stops", rpctypes.ErrGRPCStopped, "server stopped"},
		{"a full store", rpctypes.ErrGRPCNoSpace, "database space exceeded"},
		{"too many requests", rpctypes.ErrGRPCRequestTooManyRequests, "too many requests"},
		{"a token that is never good", rpctypes.ErrGRPCInvalidAuthToken, "invalid auth token"},
		{"an explanation of 1 MiB", status.Error(codes.Unknown, strings.Repeat("x", 1<<20)), "RST_STREAM with error code: INTERNAL_ERROR"},
		{"an explanation that is no text", status.Error(codes.Unknown, "\x00\xff\x1b[2J"), "rpc error"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := over(t)
				misbehaves(t, n, func(bad bool) {
					n.fault.Store(nil)
					if bad {
						fail := func() error { return c.err }
						n.fault.Store(&fail)
					}
				}, c.text)
			})
		})
	}
}

// answering is an answer to a transaction whose reads all show kvs.
func answering(header *pb.ResponseHeader, reads int, kvs ...*mvccpb.KeyValue) *pb.TxnResponse {
	out := &pb.TxnResponse{Header: header, Succeeded: true}
	for range reads {
		out.Responses = append(out.Responses, &pb.ResponseOp{Response: &pb.ResponseOp_ResponseRange{ResponseRange: &pb.RangeResponse{Header: header, Kvs: kvs}}})
	}
	return out
}

func TestMembersAtStoresWithWrongContents(t *testing.T) {
	const foreign = "not an answer of etcd's"
	header := &pb.ResponseHeader{Revision: 20}
	other := &mvccpb.KeyValue{Key: []byte("other"), Value: []byte("x"), CreateRevision: 5, ModRevision: 5, Version: 1, Lease: 7}
	for _, c := range []struct {
		sentence string
		answer   *pb.TxnResponse
		text     string
	}{
		{"messages of 17 MiB", answering(header, 4, &mvccpb.KeyValue{Key: []byte("k"), Value: make([]byte, 17<<20)}), "received message larger than max"},
		{"empty messages", &pb.TxnResponse{}, foreign},
		{"empty messages of success", &pb.TxnResponse{Succeeded: true}, foreign},
		{"no revision", answering(nil, 4, other), foreign},
		{"too few reads", answering(header, 1, other), foreign},
		{"another key", answering(header, 4, other), foreign},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := over(t)
				misbehaves(t, n, func(bad bool) {
					n.instead.Store(nil)
					if bad {
						n.instead.Store(c.answer)
					}
					n.take(n.toServer)
				}, c.text)
			})
		})
	}
}

func TestMembersAtStoresThatGrantNoTTL(t *testing.T) {
	for _, told := range []int64{0, -1, math.MinInt64, 76, 1_000_000_000, math.MaxInt64/int64(time.Second) + 11, 1 << 62, math.MaxInt64} {
		synctest.Test(t, func(t *testing.T) {
			n := over(t)
			n.granted = func(int64) int64 { return told }
			n.renewed = n.granted
			m, all := enter(t, n.factory())
			time.Sleep(badFor)
			if m.IsLeader() || !strings.Contains(all.texts(), "no TTL of a lease at etcd") {
				t.Errorf("granted %d s: leads %t\n%s", told, m.IsLeader(), all.texts())
			}
			n.state.Lock()
			leases := len(n.leases)
			n.granted, n.renewed = nil, nil
			n.state.Unlock()
			if leases > 3 { // each is tried again for half its life
				t.Errorf("granted %d s: %d leases were left behind", told, leases)
			}
			time.Sleep(badFor)
			if !m.IsLeader() {
				t.Errorf("granted %d s, and then as asked: does not lead\n%s", told, all.texts())
			}
		})
	}
}

// A server's minimum may be above what is asked for. What it grants counts.
func TestMembersUseTheTTLThatIsGranted(t *testing.T) {
	for told, lasts := range map[int64]time.Duration{75: 75*time.Second - memberDrift, 8: 8*time.Second - memberDrift, 10: memberTTL - memberDrift} {
		synctest.Test(t, func(t *testing.T) {
			n := over(t)
			n.granted, n.renewed = func(int64) int64 { return told }, func(int64) int64 { return told }
			m, all := enter(t, n.factory())
			time.Sleep(time.Millisecond)
			if left := time.Until(m.Term().Deadline()); left > lasts || left < lasts-time.Second {
				t.Errorf("granted %d s: believes for %v, want %v\n%s", told, left, lasts, all.texts())
			}
		})
	}
}

func TestALeaderWhoseStoreRenewsForLess(t *testing.T) {
	for told, want := range map[int64]error{1: leadership.ErrLeaseExpired, 9: leadership.ErrLeaseExpired, 0: leadership.ErrSessionLost, -1: leadership.ErrSessionLost} {
		synctest.Test(t, func(t *testing.T) {
			n := over(t)
			m, all := enter(t, n.factory())
			time.Sleep(badFor)
			deadline := m.Term().Deadline()
			n.state.Lock()
			n.renewed = func(int64) int64 { return told }
			n.state.Unlock()
			time.Sleep(time.Until(deadline))
			synctest.Wait()
			if ends := all.of(leadership.StatusRelegation); len(ends) != 1 || !errors.Is(ends[0].Err, want) || ends[0].Time.After(deadline) {
				t.Errorf("renewed for %d s: %v, want %v by %v\n%s", told, ends, want, deadline, all.texts())
			}
			n.state.Lock()
			n.renewed = nil
			n.state.Unlock()
			time.Sleep(badFor)
			if !m.IsLeader() {
				t.Errorf("renewed as granted again, and does not lead\n%s", all.texts())
			}
		})
	}
}

// etcd's client would send the next one at once, and so on, until the context ends.
func TestARefusedRenewalSaysWhyAndIsNotRepeated(t *testing.T) {
	for _, code := range []codes.Code{codes.Unavailable, codes.Internal, codes.ResourceExhausted, codes.Unknown} {
		synctest.Test(t, func(t *testing.T) {
			n := over(t)
			b, err := n.connect(leadership.Config{})
			if err != nil {
				t.Fatal(err)
			}
			s, err := b.Open(t.Context(), memberTTL)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			renewals := 0
			refuse := func() error {
				if renewals++; renewals == 100 {
					cancel()
				}
				return status.Error(code, "not now")
			}
			n.refusal.Store(&refuse)
			if err := s.Renew(ctx); err == nil || !strings.Contains(err.Error(), "not now") || errors.Is(err, leadership.ErrSessionLost) || renewals != 1 {
				t.Errorf("%v: %d renewals, then %v", code, renewals, err)
			}
			n.refusal.Store(nil)
			if err := errors.Join(s.Renew(ctx), b.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}
