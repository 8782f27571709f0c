package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/footprint"
	"github.com/leadership-go/leadership/e2e/internal/group"
	"github.com/leadership-go/leadership/e2e/internal/herd"
	"github.com/leadership-go/leadership/e2e/internal/idle"
	"github.com/leadership-go/leadership/e2e/internal/traffic"
)

// printed is what a report prints, and what falls short.
func printed(print func(*report)) (out, short string) {
	var b bytes.Buffer
	r := &report{Printer: figures.To(&b), out: &b}
	print(r)
	if err := r.Err(); err != nil {
		short = err.Error()
	}
	return b.String(), short
}

func TestIdleRequestsAreComparedWithWhatExplainSays(t *testing.T) {
	asked := func(renewals, reads int) idle.Asked {
		return idle.Asked{Requests: traffic.Requests{{Name: "LeaseKeepAlive"}: renewals, {Name: "Range"}: reads}, For: 100 * time.Second}
	}
	pair := func(leader, candidate int) map[string]idle.Pair {
		return map[string]idle.Pair{
			contender.Leadership:   {Leader: asked(leader, 5), Candidate: asked(candidate, 5)},
			contender.EtcdElection: {Leader: asked(30, 0), Candidate: asked(25, 0)},
		}
	}
	explained := leadership.Explanation{LeaderRequests: 0.5, CandidateRequests: 0.25}
	out, short := printed(func(r *report) { r.idle("etcd", pair(45, 20), explained) })
	want := "etcd.idle.candidate 0.250 requests/s\netcd.idle.candidate.LeaseKeepAlive 0.200 requests/s\netcd.idle.candidate.Range 0.050 requests/s\n" +
		"etcd.idle.candidate.explained 0.250 requests/s\n" +
		"etcd.idle.peer.candidate 0.250 requests/s\netcd.idle.peer.candidate.LeaseKeepAlive 0.250 requests/s\netcd.idle.peer.candidate.Range 0.000 requests/s\n" +
		"etcd.idle.leader 0.500 requests/s\netcd.idle.leader.LeaseKeepAlive 0.450 requests/s\netcd.idle.leader.Range 0.050 requests/s\n" +
		"etcd.idle.leader.explained 0.500 requests/s\n" +
		"etcd.idle.peer.leader 0.300 requests/s\netcd.idle.peer.leader.LeaseKeepAlive 0.300 requests/s\netcd.idle.peer.leader.Range 0.000 requests/s\n"
	if out != want || short != "" {
		t.Errorf("got\n%swant\n%s%s", out, want, short)
	}
	_, short = printed(func(r *report) { r.idle("etcd", pair(30, 25), explained) })
	want = "etcd.idle.candidate is 0.300 requests/s, the most is 0.27\n" +
		"etcd.idle.candidate is 0.300 requests/s, and Explain says 0.250\n" +
		"etcd.idle.leader is 0.350 requests/s, and Explain says 0.500"
	if short != want {
		t.Errorf("got\n%s\nwant\n%s", short, want)
	}
}

func TestFootprintsOfOursWithASharedClientAreJudged(t *testing.T) {
	for _, tc := range []struct {
		sentence    string
		kind        footprint.Kind
		taken       footprint.Footprint
		out, fallen string
	}{
		{"it is as promised", footprint.Kind{}, footprint.Footprint{Bytes: 20480, Goroutines: 3.04}, "a.bytes 20480 bytes\na.goroutines 3.04 goroutines\n", ""},
		{
			"it is not",
			footprint.Kind{},
			footprint.Footprint{Bytes: 20481.4, Goroutines: 3.06},
			"a.bytes 20481 bytes\na.goroutines 3.06 goroutines\n",
			"a.bytes is 20481, the most is 20480\na.goroutines is 3.06, the most is 3",
		},
		{"with a client of its own nothing is promised", footprint.Kind{Own: true}, footprint.Footprint{Bytes: 1 << 20, Goroutines: 20}, "a.bytes 1048576 bytes\na.goroutines 20.00 goroutines\n", ""},
		{"nor of others", footprint.Kind{Peer: true}, footprint.Footprint{Bytes: 1 << 20, Goroutines: 20}, "a.bytes 1048576 bytes\na.goroutines 20.00 goroutines\n", ""},
	} {
		t.Run(tc.sentence, func(t *testing.T) {
			out, short := printed(func(r *report) { r.footprint("a.", 20480, tc.kind, tc.taken) })
			if out != tc.out || short != tc.fallen {
				t.Errorf("got\n%s%s\nwant\n%s%s", out, short, tc.out, tc.fallen)
			}
		})
	}
}

func TestHandoversOfHerdsAreJudged(t *testing.T) {
	took := func(seconds int) herd.Handover {
		return herd.Handover{Took: time.Duration(seconds) * time.Second, Puts: 5, Gets: 20, Woken: 1}
	}
	wasteful := took(4)
	wasteful.Puts, wasteful.Gets, wasteful.Woken = 6, 23, 2
	for _, tc := range []struct {
		sentence, store string
		ours, theirs    herd.Handovers
		out             []string // some of the lines
		fallen          string
	}{
		{
			"consul keeps its promise", "consul",
			herd.Handovers{took(2)},
			herd.Handovers{took(2), wasteful},
			[]string{"consul.herd.10.puts.p50 5 count", "consul.herd.10.gets.max 20 count", "consul.herd.10.peer.puts.max 6 count", "consul.herd.10.took.p50 2 s", "consul.herd.10.ratio.p50 1.000 times"},
			"",
		},
		{
			"consul falls short once", "consul",
			herd.Handovers{took(3), took(3), wasteful},
			herd.Handovers{took(2)},
			[]string{"consul.herd.10.puts.p50 5 count", "consul.herd.10.puts.max 6 count", "consul.herd.10.ratio.p50 1.500 times"},
			"consul.herd.10.ratio.p50 is 1.500, between 1.500 and 1.500: the most is 1\nconsul.herd.10.puts.max is 6, the most is 5\nconsul.herd.10.gets.max is 23, the most is 2 for each of 10 and for the next leader",
		},
		{
			"etcd wakes one", "etcd",
			herd.Handovers{took(3)},
			herd.Handovers{took(2)},
			[]string{"etcd.herd.10.woken.p50 1 count", "etcd.herd.10.peer.woken.max 1 count", "etcd.herd.10.ratio.p50 1.500 times"},
			"",
		},
		{
			"etcd wakes two", "etcd",
			herd.Handovers{took(3), wasteful},
			herd.Handovers{took(2)},
			[]string{"etcd.herd.10.woken.max 2 count"},
			"etcd.herd.10.woken.max is 2, the most is 1",
		},
	} {
		t.Run(tc.sentence, func(t *testing.T) {
			out, short := printed(func(r *report) { r.herd(tc.store, 10, tc.ours, tc.theirs) })
			for _, line := range tc.out {
				if !strings.Contains(out, line+"\n") {
					t.Errorf("no line %q in\n%s", line, out)
				}
			}
			if short != tc.fallen {
				t.Errorf("fell short: %q, want %q", short, tc.fallen)
			}
		})
	}
}

func TestAGroupIsJudged(t *testing.T) {
	good := group.Figures{Services: 1000, Elected: time.Second, Renewals: 0.25, Surveys: 0.5, Goroutines: 9, Connections: 2, Bytes: 4000, Closed: time.Second}
	out, short := printed(func(r *report) { r.group("etcd", good) })
	want := "etcd.group.1000.elected 1 s\netcd.group.1000.renewals 0.25 requests/s\netcd.group.1000.surveys 0.50 requests/s\netcd.group.1000.reads 0.00 requests/s\n" +
		"etcd.group.1000.goroutines 9 count\netcd.group.1000.connections 2 count\netcd.group.1000.bytes 4000 bytes\netcd.group.1000.closed 1 s\n"
	if out != want || short != "" {
		t.Errorf("got\n%swant\n%s%s", out, want, short)
	}
	bad := group.Figures{Services: 10, Elected: time.Minute, Renewals: 1, Surveys: 3, Reads: 10}
	_, short = printed(func(r *report) { r.group("consul", bad) })
	want = "consul.group.10.elected is 1m0s, the most is 20s\nconsul.group.10.surveys is 3.00 requests/s, the most is 2\nconsul.group.10.reads is 10.00 requests/s, the most is 0.1"
	if short != want {
		t.Errorf("got\n%s\nwant\n%s", short, want)
	}
	_, short = printed(func(r *report) {
		r.grows("consul", good, group.Figures{Services: 10_000, Goroutines: 90, Connections: 20, Bytes: 5000})
	})
	want = "consul.group.goroutines grow with it: 9 and 90\nconsul.group.connections grow with it: 2 and 20\nconsul.group.10000.bytes is 5000, the most is 4096"
	if short != want {
		t.Errorf("got\n%s\nwant\n%s", short, want)
	}
}
