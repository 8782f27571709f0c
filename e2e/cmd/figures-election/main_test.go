package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leadership-go/leadership/e2e/internal/figures"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name string
		args string
		want string // the parts and stores, or a part of the error
		bad  bool
	}{
		{"all by default", "", "handover,rolling,crash,idle,footprint,group,herd at consul,etcd", false},
		{"a choice", "-parts crash,handover -stores etcd", "crash,handover at etcd", false},
		{"no such part", "-parts resign", `no part "resign": there are handover, rolling, crash, idle, footprint, group, herd`, true},
		{"no such store", "-stores zk", `no store "zk": there are consul, etcd`, true},
		{"no rounds", "-rounds 0", "-rounds 0: must be at least 1", true},
		{"fewer than no crashes", "-crashes -1", "-crashes -1: must be at least 1", true},
		{"no candidates", "-candidates 0", "-candidates 0: must be at least 1", true},
		{"no waiters", "-waiters 0", "-waiters 0: must be at least 1", true},
		{"no handovers", "-handovers 0", "-handovers 0: must be at least 1", true},
		{"idle for less than a TTL", "-idle 9s", "-idle 9s: must be at least 10s", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := parse(strings.Fields(tc.args))
			var names []string
			for _, starter := range s.stores {
				names = append(names, starter.Name)
			}
			got := strings.Join(s.parts, ",") + " at " + strings.Join(names, ",")
			switch {
			case tc.bad && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got error %v, want %q", err, tc.want)
			case !tc.bad && (err != nil || got != tc.want):
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestCrashesAreComparedWithThePeers(t *testing.T) {
	took := func(short, checked, peer, same int) map[string]figures.Durations {
		return map[string]figures.Durations{
			ours:       {12 * time.Second, 10 * time.Second, 11 * time.Second},
			least:      slices.Repeat([]time.Duration{time.Duration(short) * time.Second}, min(short, 1)),
			"checked":  {time.Second, time.Duration(checked) * time.Second},
			"peer":     {time.Duration(peer) * time.Second},
			"peer.15s": {time.Duration(same) * time.Second},
		}
	}
	for _, tc := range []struct {
		name, store string
		took        map[string]figures.Durations
		explained   map[string]time.Duration
		out, err    string
	}{
		{
			name: "consul keeps its promise", store: "consul", took: took(11, 3, 22, 0),
			out: "consul.crash.p50 11 s\nconsul.crash.max 12 s\nconsul.crash.10s.p50 11 s\nconsul.crash.10s.max 11 s\n" +
				"consul.crash.checked.p50 1 s\nconsul.crash.checked.max 3 s\n" +
				"consul.crash.peer.p50 22 s\nconsul.crash.peer.max 22 s\nconsul.crash.peer.ratio.p50 0.500 times\nconsul.crash.peer.ratio.10s.p50 0.500 times\n",
		},
		{
			name: "consul falls short", store: "consul", took: took(10, 4, 16, 0),
			out: "consul.crash.p50 11 s\nconsul.crash.max 12 s\nconsul.crash.10s.p50 10 s\nconsul.crash.10s.max 10 s\n" +
				"consul.crash.checked.p50 1 s\nconsul.crash.checked.max 4 s\n" +
				"consul.crash.peer.p50 16 s\nconsul.crash.peer.max 16 s\nconsul.crash.peer.ratio.p50 0.688 times\nconsul.crash.peer.ratio.10s.p50 0.625 times\n",
			err: "consul.crash.checked.max is 4s, the most is 3s\nconsul.crash.peer.ratio.10s.p50 is 0.625, the most is 0.6",
		},
		{
			name: "a crash may take a second more than explained", store: "etcd", took: took(0, 0, 5, 10), explained: map[string]time.Duration{ours: 11 * time.Second},
			out: "etcd.crash.p50 11 s\netcd.crash.max 12 s\netcd.crash.explained 11 s\netcd.crash.peer.p50 5 s\netcd.crash.peer.max 5 s\netcd.crash.peer.ratio.p50 2.200 times\n" +
				"etcd.crash.peer.15s.p50 10 s\netcd.crash.peer.15s.max 10 s\netcd.crash.peer.15s.ratio.p50 1.100 times\n",
		},
		{
			name: "and not more", store: "etcd", took: took(0, 0, 5, 10), explained: map[string]time.Duration{ours: 10 * time.Second},
			out: "etcd.crash.p50 11 s\netcd.crash.max 12 s\netcd.crash.explained 10 s\netcd.crash.peer.p50 5 s\netcd.crash.peer.max 5 s\netcd.crash.peer.ratio.p50 2.200 times\n" +
				"etcd.crash.peer.15s.p50 10 s\netcd.crash.peer.15s.max 10 s\netcd.crash.peer.15s.ratio.p50 1.100 times\n",
			err: "etcd.crash.max is 12s, and Explain says 10s",
		},
		{
			name: "nothing is promised at etcd", store: "etcd", took: took(0, 0, 5, 10),
			out: "etcd.crash.p50 11 s\netcd.crash.max 12 s\netcd.crash.peer.p50 5 s\netcd.crash.peer.max 5 s\netcd.crash.peer.ratio.p50 2.200 times\n" +
				"etcd.crash.peer.15s.p50 10 s\netcd.crash.peer.15s.max 10 s\netcd.crash.peer.15s.ratio.p50 1.100 times\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			r := &report{Printer: figures.To(&out), out: &out}
			r.crashes(tc.store, killed(tc.store), tc.took, tc.explained)
			if got := out.String(); got != tc.out {
				t.Errorf("got\n%swant\n%s", got, tc.out)
			}
			if err := r.Err(); tc.err == "" && err != nil || tc.err != "" && (err == nil || err.Error() != tc.err) {
				t.Errorf("got error %v, want %q", err, tc.err)
			}
		})
	}
}
