package traffic

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/stats"
)

// agent answers with an index, or not at all where that is 0.
type agent uint64

func (a agent) RoundTrip(*http.Request) (*http.Response, error) {
	if a == 0 {
		return nil, context.Canceled
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Header: http.Header{"X-Consul-Index": {strconv.FormatUint(uint64(a), 10)}}}, nil
}

func TestRequestsToConsulAreCountedByKind(t *testing.T) {
	type call struct {
		method, url string
		index       uint64 // of the answer
	}
	poll := func(index, answer uint64) call {
		return call{http.MethodGet, "/v1/kv/a?wait=15000ms&index=" + strconv.FormatUint(index, 10), answer}
	}
	watch, again := Request{Method: http.MethodGet, Name: "kv.watch"}, Request{Method: http.MethodGet, Name: "kv.watch", Again: true}
	for _, tc := range []struct {
		sentence string
		calls    []call
		want     Requests
	}{
		{"nothing", nil, nil},
		{"requests of several kinds", []call{
			{http.MethodPut, "/v1/session/create", 1},
			{http.MethodPut, "/v1/session/renew/1", 1},
			{http.MethodPut, "/v1/session/renew/1", 1},
			{http.MethodPut, "/v1/kv/a?acquire=1", 1},
			{http.MethodGet, "/v1/kv/a?consistent", 1},
			{http.MethodPut, "/v1/txn", 1},
			{http.MethodGet, "/v1/session/info/1", 1},
			{http.MethodDelete, "/v1/kv/a", 0},
		}, Requests{
			{Method: http.MethodPut, Name: "session.create"}: 1, {Method: http.MethodPut, Name: "session.renew"}: 2, {Method: http.MethodPut, Name: "kv.put"}: 1,
			{Method: http.MethodGet, Name: "kv.get"}: 1, {Method: http.MethodPut, Name: "txn"}: 1, {Method: http.MethodGet, Name: "session.info"}: 1,
			{Method: http.MethodDelete, Name: "kv.delete"}: 1,
		}},
		{"a poll whose time is over is repeated", []call{poll(7, 7), poll(7, 7), poll(7, 9), poll(9, 9)}, Requests{watch: 2, again: 2}},
		{"a poll that was broken off, and made anew, waits for something", []call{poll(7, 7), poll(7, 0), poll(7, 7)}, Requests{watch: 2, again: 1}},
		{"a poll from another index is none of before", []call{poll(7, 7), poll(8, 8), poll(7, 7)}, Requests{watch: 3}},
		{"nor is that of another key", []call{poll(7, 7), {http.MethodGet, "/v1/kv/b?index=7", 7}}, Requests{watch: 2}},
	} {
		t.Run(tc.sentence, func(t *testing.T) {
			var c Counter
			for _, call := range tc.calls {
				req, err := http.NewRequestWithContext(t.Context(), call.method, "http://consul"+call.url, nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := c.roundTrip(req, agent(call.index))
				if err == nil {
					_ = resp.Body.Close()
				}
			}
			if got := c.Sent(); !maps.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestMessagesToEtcdAreCountedByCall(t *testing.T) {
	var c Counter
	m := messages{&c}
	ctx := m.TagRPC(m.TagConn(t.Context(), nil), &stats.RPCTagInfo{FullMethodName: "/etcdserverpb.Watch/Watch"})
	m.HandleConn(ctx, &stats.ConnBegin{})
	for _, s := range []stats.RPCStats{
		&stats.Begin{},
		&stats.OutPayload{Payload: new(pb.WatchRequest)},
		&stats.OutPayload{Payload: new(pb.WatchRequest)},
		&stats.InPayload{Payload: &pb.WatchResponse{Created: true}},
		&stats.InPayload{Payload: &pb.WatchResponse{Events: []*mvccpb.Event{{}, {}}}},
		&stats.End{},
	} {
		m.HandleRPC(ctx, s)
	}
	m.HandleRPC(m.TagRPC(t.Context(), &stats.RPCTagInfo{FullMethodName: "/etcdserverpb.KV/Txn"}), &stats.OutPayload{})
	if got, want := c.Sent(), (Requests{{Name: "Watch"}: 2, {Name: "Txn"}: 1}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if c.Events() != 1 {
		t.Errorf("%d answers with events, want 1", c.Events())
	}
}

func TestRequestsAreSummedUp(t *testing.T) {
	renew, watch := Request{Method: http.MethodPut, Name: "session.renew"}, Request{Method: http.MethodGet, Name: "kv.watch"}
	again := Request{Method: http.MethodGet, Name: "kv.watch", Again: true}
	before := Requests{renew: 1, watch: 2}
	r := Requests{renew: 3, watch: 2, again: 4}
	if got, want := r.Since(before), (Requests{renew: 2, again: 4}); !maps.Equal(got, want) {
		t.Errorf("since then %v, want %v", got, want)
	}
	if r.Total() != 9 || r.Of(Request.Renews) != 3 || r.Of(Request.Watches) != 6 {
		t.Errorf("%d in all, %d renewals, %d watches", r.Total(), r.Of(Request.Renews), r.Of(Request.Watches))
	}
	if got, want := r.Kinds(), []Request{watch, again, renew}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !(Request{Name: "LeaseKeepAlive"}).Renews() || !(Request{Name: "Watch"}).Watches() {
		t.Error("etcd's renewals and watches are not known")
	}
}
