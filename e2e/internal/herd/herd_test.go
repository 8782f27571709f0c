package herd

import (
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/stores"
	"github.com/leadership-go/leadership/e2e/internal/traffic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatAHandoverCosts(t *testing.T) {
	put := func(name string) traffic.Request { return traffic.Request{Method: http.MethodPut, Name: name} }
	get := func(name string) traffic.Request { return traffic.Request{Method: http.MethodGet, Name: name} }
	again := traffic.Request{Method: http.MethodGet, Name: "kv.watch", Again: true}
	call := func(name string) traffic.Request { return traffic.Request{Name: name} }
	for _, tc := range []struct {
		sentence string
		counts   []count // of the leader that resigns first
		want     Handover
		stirred  int
	}{
		{"nothing happens", []count{{}, {}}, Handover{}, 0},
		{"renewals and polls whose time was over are no part of it", []count{
			{sent: traffic.Requests{put("session.renew"): 2, again: 1}},
			{sent: traffic.Requests{put("session.renew"): 1, again: 2}},
		}, Handover{}, 0},
		{"at Consul the successor writes, and who comes too late reads", []count{
			{sent: traffic.Requests{put("txn"): 1, put("session.destroy"): 1, get("kv.watch"): 1, put("session.renew"): 1}},
			{sent: traffic.Requests{put("txn"): 1, get("kv.watch"): 1}},
			{sent: traffic.Requests{get("kv.get"): 1, get("session.info"): 1, get("kv.watch"): 1, again: 1}},
			{sent: traffic.Requests{put("session.renew"): 1}},
			{sent: traffic.Requests{{Method: http.MethodDelete, Name: "kv.delete"}: 1}},
		}, Handover{Puts: 3, Gets: 5, Woken: 3}, 9},
		{"at etcd one is woken by its watch", []count{
			{sent: traffic.Requests{call("Txn"): 1, call("LeaseRevoke"): 1}},
			{sent: traffic.Requests{call("Watch"): 1}, events: 1},
			{sent: traffic.Requests{call("LeaseKeepAlive"): 1, call("Watch"): 2}},
		}, Handover{Woken: 1}, 2},
		{"and one that asks although no watch told it anything is awake, too", []count{
			{events: 1},
			{events: 2},
			{sent: traffic.Requests{call("Range"): 1}},
		}, Handover{Woken: 2}, 1},
	} {
		t.Run(tc.sentence, func(t *testing.T) {
			if got := cost(tc.counts, 0); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if got := stirred(tc.counts); got != tc.stirred {
				t.Errorf("%d requests are no matter of course, want %d", got, tc.stirred)
			}
		})
	}
}

func TestCountsAreComparedWithEarlierOnes(t *testing.T) {
	renew, watch := traffic.Request{Name: "LeaseKeepAlive"}, traffic.Request{Name: "Watch"}
	got := since([]count{{traffic.Requests{renew: 3, watch: 1}, 5}}, []count{{traffic.Requests{renew: 1, watch: 1}, 2}})
	if len(got) != 1 || got[0].events != 3 || got[0].sent.Total() != 2 || got[0].sent[renew] != 2 {
		t.Errorf("got %v", got)
	}
}

func TestMedianAndMost(t *testing.T) {
	h := Handovers{{Took: 3, Puts: 7}, {Took: 1, Puts: 1}, {Took: 2, Puts: 2}, {Took: 9, Puts: 3}}
	if median, most := h.Of(func(h Handover) int { return h.Puts }); median != 2 || most != 7 {
		t.Errorf("median %d, most %d", median, most)
	}
	if took := h.Took(); took.Quantile(0.5) != 2 || took.Max() != 9 {
		t.Errorf("took %v", took)
	}
	if median, most := Handovers(nil).Of(func(Handover) int { return 1 }); median != 0 || most != 0 {
		t.Errorf("of nothing: median %d, most %d", median, most)
	}
}

// TestAtStores hands over a few times at real servers. What it costs is not judged here.
func TestAtStores(t *testing.T) {
	for _, starter := range stores.All() {
		t.Run(starter.Name, func(t *testing.T) {
			t.Parallel()
			store, err := starter.Start(t.Context(), stores.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			})
			kinds := []string{contender.Leadership, contender.Peer(store.Name())}
			result, err := Measure(t.Context(), store, kinds, Options{Waiters: []int{1, 3}, Handovers: 2, TTL: 10 * time.Second, Rest: Away + time.Second})
			if err != nil {
				t.Fatal(err)
			}
			for _, kind := range kinds {
				for waiters, h := range result[kind] {
					if len(h) != 2 || h.Took().Min() <= 0 || h[0].Woken < 1 || h[0].Woken > waiters {
						t.Errorf("%s, %d waiters: %+v", kind, waiters, h)
					}
				}
			}
		})
	}
}
