// Package soak has members of elections at real stores live through random faults for a long time, and watches what they use meanwhile.
package soak

import (
	"cmp"
	"time"
)

// Options set up a run. The zero value is half an hour of six members at one server of each store.
type Options struct {
	// Seed chooses the faults. What becomes of them depends on the machine, too.
	Seed uint64
	// For is how long there are faults. Default 30 min.
	For time.Duration
	// TTL is the members' session TTL, in whole seconds. Default 3 s.
	TTL time.Duration
	// Members are there at a time at each store. Default 6.
	Members int
	// Servers each store has: 1, the default, or 3.
	Servers int
	// Every is the time between two samples. Default 1 s.
	Every time.Duration
	// FaultEvery is the time between two faults of one member or its link, give or take a half. Default twice the TTL. An operator's
	// take twice as long.
	FaultEvery time.Duration
	// ServerEvery is the time between two faults of a store's servers, give or take a half. Default 20 s.
	ServerEvery time.Duration
}

func (o Options) withDefaults() Options {
	o.For = cmp.Or(o.For, 30*time.Minute)
	o.TTL = cmp.Or(o.TTL, 3*time.Second)
	o.Members = cmp.Or(o.Members, 6)
	o.Servers = cmp.Or(o.Servers, 1)
	o.Every = cmp.Or(o.Every, time.Second)
	o.FaultEvery = cmp.Or(o.FaultEvery, 2*o.TTL)
	o.ServerEvery = cmp.Or(o.ServerEvery, 20*time.Second)
	return o
}

// Kind is a kind of fault, or of something else that disturbs an election.
type Kind int

// The kinds.
const (
	Reset Kind = iota // connections of a member break as soon as they carry something
	CutUpstream
	CutDownstream
	CutBoth
	Slow         // the store's answers take longer
	Resign       // the leader resigns
	Rebuild      // a member is closed and another one built
	RebuildCut   // so is one that is cut off
	DeleteKey    // by an operator
	EndLeader    // an operator ends the leader's session
	EndSession   // an operator ends some session
	KillServer   // which is started again
	PauseServer  // which goes on after a while
	Subscription // no fault: somebody comes, is slow, and goes
	kinds
)

// String names the kind as figures do.
func (k Kind) String() string {
	return [kinds]string{
		"reset", "cut.upstream", "cut.downstream", "cut.both", "slow", "resign", "rebuild", "rebuild.cut",
		"operator.key", "operator.leader", "operator.session", "server.kill", "server.pause", "subscriber",
	}[k]
}

// Kinds are all kinds.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}
