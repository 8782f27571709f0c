package leadership_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/leadership-go/leadership"
)

func TestStrategiesRank(t *testing.T) {
	profile := func(version string, priority int) leadership.Candidate {
		return leadership.Candidate{Profile: leadership.Profile{Version: version, Priority: priority}}
	}
	version := func(v string) leadership.Candidate { return profile(v, 0) }
	priority := func(p int) leadership.Candidate { return profile("", p) }
	for _, tt := range []struct {
		sentence string
		strategy leadership.Strategy
		better   leadership.Candidate
		worse    leadership.Candidate
		equal    bool
	}{
		{"a higher priority leads before a lower one", leadership.ByPriority, priority(2), priority(1), false},
		{"a priority leads before none", leadership.ByPriority, priority(1), priority(0), false},
		{"no priority leads before a negative one", leadership.ByPriority, priority(0), priority(-1), false},
		{"of the same priority nobody leads before the other, whatever the version", leadership.ByPriority, profile("2.0.0", 1), profile("1.0.0", 1), true},
		{"numbers of a version count as numbers", leadership.ByVersion, version("1.10.0"), version("1.9.0"), false},
		{"the v in front does not count", leadership.ByVersion, version("v1.10.0"), version("1.10.0"), true},
		{"a version with a v is compared with one without", leadership.ByVersion, version("1.10.0"), version("v1.9.0"), false},
		{"a release leads before its candidates", leadership.ByVersion, version("1.9.0"), version("1.9.0-rc.2"), false},
		{"release candidates are in order", leadership.ByVersion, version("1.9.0-rc.10"), version("1.9.0-rc.9"), false},
		{"the build does not count", leadership.ByVersion, version("1.9.0+a"), version("1.9.0+b"), true},
		{"missing numbers are zeros", leadership.ByVersion, version("2"), version("v2.0.0"), true},
		{"a version leads before none", leadership.ByVersion, version("0.0.1"), version(""), false},
		{"a version leads before what is none", leadership.ByVersion, version("0.0.1-a"), version("main"), false},
		{"what is no version is equal to none", leadership.ByVersion, version("vv9"), version(""), true},
		{"of the same version nobody leads before the other, whatever the priority", leadership.ByVersion, profile("1.0.0", 1), profile("1.0.0", 2), true},
		{
			"chance does not tell sessions of one instance apart", leadership.ByChance,
			leadership.Candidate{ServiceID: "a", Session: "1"},
			leadership.Candidate{ServiceID: "a", Session: "2"},
			true,
		},
	} {
		ahead, behind := tt.strategy("key", tt.better, tt.worse), tt.strategy("key", tt.worse, tt.better)
		if tt.equal && (ahead != 0 || behind != 0) || !tt.equal && (ahead <= 0 || behind >= 0) {
			t.Errorf("%s: %d, and %d the other way round", tt.sentence, ahead, behind)
		}
	}
}

// instances are n candidates as a deployment names them.
func instances(n int) []leadership.Candidate {
	list := make([]leadership.Candidate, n)
	for i := range list {
		list[i].ServiceID = fmt.Sprintf("web-%d", i)
	}
	return list
}

func leaderOf(key string, list []leadership.Candidate) string {
	return slices.MaxFunc(list, func(a, b leadership.Candidate) int { return leadership.ByChance(key, a, b) }).ServiceID
}

func TestByChanceSpreadsLeaders(t *testing.T) {
	const elections = 10_000
	for _, n := range []int{2, 3, 7, 20} {
		led := make(map[string]int)
		for i := range elections {
			led[leaderOf(fmt.Sprintf("services/shard-%d/leader", i), instances(n))]++
		}
		fair := float64(elections) / float64(n)
		var chi float64
		for _, c := range instances(n) {
			off := float64(led[c.ServiceID]) - fair
			chi += off * off / fair
		}
		// With n-1 degrees of freedom chi² has the mean n-1 and the variance 2(n-1): so far off comes by chance less than once in a thousand times.
		if d := float64(n - 1); chi > d+5*d/2+10 {
			t.Errorf("%d instances lead %v of %d elections: chi² %.1f", n, led, elections, chi)
		}
	}
}

func TestByChanceIsStable(t *testing.T) {
	all := instances(5)
	fewer := slices.Delete(slices.Clone(all), 2, 3)
	backwards := slices.Clone(all)
	slices.Reverse(backwards)
	for i := range 1000 {
		key := fmt.Sprint("election-", i)
		leader := leaderOf(key, all)
		if other := leaderOf(key, backwards); other != leader {
			t.Errorf("%s: in another order %s leads instead of %s", key, other, leader)
		}
		if next := leaderOf(key, fewer); next != leader && leader != "web-2" {
			t.Errorf("%s: web-2 has gone, and %s leads instead of %s", key, next, leader)
		}
	}
	// Members of several versions of this package stand for one key: these stay as they are.
	var leaders []string
	for i := range 8 {
		leaders = append(leaders, leaderOf(fmt.Sprint("election-", i), all))
	}
	if want := []string{"web-3", "web-1", "web-1", "web-0", "web-2", "web-4", "web-3", "web-3"}; !slices.Equal(leaders, want) {
		t.Errorf("leaders %q", leaders)
	}
}
