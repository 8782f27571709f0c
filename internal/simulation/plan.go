package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/leadership-go/leadership"
)

// Kind is a kind of fault.
type Kind string

// The faults. Those of a link last for a while; who is Member.
const (
	LoseRequests Kind = "lose requests"   // what the member sends never arrives
	LoseReplies  Kind = "lose replies"    // requests take effect, their answers are lost
	Cut          Kind = "cut"             // both
	Slow         Kind = "slow"            // each way takes up to Arg, and longer than the caller waits for if need be
	Freeze       Kind = "freeze"          // both ways are held back and delivered at the end, to who still waits for it
	Lossy        Kind = "lossy"           // a third of everything is lost, each way
	Twice        Kind = "twice"           // each request is carried out again, up to Arg later
	Refuse       Kind = "refuse"          // every request fails at once
	Deny         Kind = "deny"            // the store refuses the credential
	Deaf         Kind = "deaf"            // watches never return
	Spurious     Kind = "spurious"        // watches return for nothing
	LastMoment   Kind = "last moment"     // answers come when the caller gives up waiting, and still count
	Crash        Kind = "crash"           // the store is down for everybody; time goes on for its sessions
	CrashReset   Kind = "crash, reset"    // the same, and it gives all sessions a whole TTL when it is back
	Rewind       Kind = "rewind"          // the numbers of changes start anew; for stores that have such
	Reset        Kind = "reset"           // all connections of the member are cut, and may be made anew
	Busy         Kind = "busy"            // the store answers that it has too much to do
	Compact      Kind = "compact"         // the store forgets its history
	Stale        Kind = "stale"           // reads that may be stale are
	DestroyLease Kind = "destroy session" // an operator ends a session: the holder's, if Arg is even
	DeleteKey    Kind = "delete key"      // an operator deletes the key
	Overwrite    Kind = "overwrite value" // an operator writes into the key

	ResignCall  Kind = "resign"                 // Member.Resign
	TransferTo  Kind = "transfer"               // Member.TransferTo another one
	CloseCall   Kind = "close"                  // Member.Close, and a new member after For
	EndContext  Kind = "end context"            // of Build; a new member after For
	LeaderCall  Kind = "ask leader"             // Member.Leader
	ConfirmCall Kind = "confirm"                // Member.Confirm
	StandDown   Kind = "stand down"             // Member.StandDown for For
	Sicken      Kind = "sick"                   // the health probe fails for For
	Listen      Kind = "late subscriber"        // stays to the end
	ListenBrief Kind = "brief subscriber"       // unsubscribes after For
	ListenSlow  Kind = "slow subscriber"        // with a small mailbox
	ListenStuck Kind = "stuck subscriber"       // blocks at its Arg'th message until the end
	ListenPanic Kind = "panicking subscriber"   // at its Arg'th message
	MeddleWith  Kind = "meddling in a callback" // a callback calls Resign, Close, Subscribe or Unsubscribe
)

// Fault is one thing that goes wrong, or that a user does.
type Fault struct {
	At, For time.Duration
	Kind    Kind
	Member  int
	Arg     uint64
}

// String is one line.
func (f Fault) String() string {
	return fmt.Sprintf("%v +%v %s of %d (%d)", f.At, f.For, f.Kind, f.Member, f.Arg)
}

// Setup is how the members and their store are set up.
type Setup struct {
	Members                                         int
	TTL, Refresh, Drift, Frequency, Delay, Takeover time.Duration
	Grace                                           time.Duration // how much longer the store keeps sessions
	Skew                                            time.Duration // how much too fast the store's clock is within a TTL
	Latency                                         time.Duration // each way takes up to that
	Strategy                                        leadership.StrategyName
	Mixed                                           bool          // every other member goes by arrival
	Preempt                                         time.Duration // of those that go by Strategy
	Works                                           bool          // members lead for work
	Drain                                           time.Duration // they wait that long for it
	Attach                                          bool          // member 0 starts with a session that was given
	Forgetful                                       bool          // see Menu
	Reconnect                                       time.Duration // how long a client takes to connect anew
	Farewell                                        time.Duration // how long it takes to close a connection that carries nothing any more
}

// Plan is one schedule.
type Plan struct {
	Seed uint64
	Setup
	Faults []Fault
	Until  time.Duration // when the faults stop
}

// Keep is the plan with the faults at these places alone.
func (p Plan) Keep(places []int) Plan {
	kept := make([]Fault, 0, len(places))
	for _, i := range places {
		if i >= 0 && i < len(p.Faults) {
			kept = append(kept, p.Faults[i])
		}
	}
	p.Faults = kept
	return p
}

// has reports whether a fault of that kind is planned.
func (p Plan) has(kind Kind) bool {
	return slices.ContainsFunc(p.Faults, func(f Fault) bool { return f.Kind == kind })
}

// String lists the faults with their places.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %+v, until %v", p.Seed, p.Setup, p.Until)
	for i, f := range p.Faults {
		fmt.Fprintf(&b, "\n\t%2d. %v", i, f)
	}
	return b.String()
}

// Menu is what the plans of a world are drawn from.
type Menu struct {
	Kinds []Kind // what the world and its users can do
	// TTLs to choose from.
	TTLs []time.Duration
	// Graces are chosen from as parts of the TTL, in percent.
	Graces []int
	// Until bounds the time of the faults.
	Least, Most time.Duration
	MaxFaults   int
	MaxLatency  time.Duration
	Skewed      bool // the store's clock may be too fast, by up to the drift allowance
	Attached    bool // a member may start with a session that was given
	Strategies  int  // in so many plans of a hundred members go by strategies
	// Forgetful says that the store shows for a while only that a leader resigned: who reads late waits for the TakeoverDelay even after a resignation.
	Forgetful bool
	Reconnect time.Duration // how long a client may take to connect anew
	Farewell  time.Duration // how long it may take to close a connection that carries nothing any more
}

// UserKinds are the faults that need no world: what users do.
func UserKinds() []Kind {
	return []Kind{
		ResignCall, TransferTo, CloseCall, EndContext, LeaderCall, ConfirmCall, StandDown, Sicken,
		Listen, ListenBrief, ListenSlow, ListenStuck, ListenPanic, MeddleWith,
	}
}

// Draw makes the plan of a seed.
func (m Menu) Draw(seed uint64) Plan {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	p := Plan{Seed: seed, Until: m.Least + chance(r, m.Most-m.Least)}
	ttl := m.TTLs[r.IntN(len(m.TTLs))]
	p.Setup = Setup{
		Members: 2 + r.IntN(3),
		TTL:     ttl, Refresh: ttl / 15 * 7, Drift: ttl / 20,
		Frequency: ttl/4 + chance(r, ttl),
		Grace:     ttl * time.Duration(m.Graces[r.IntN(len(m.Graces))]) / 100,
		Latency:   chance(r, m.MaxLatency),
		Attach:    m.Attached && r.IntN(6) == 0,
		Forgetful: m.Forgetful,
		Reconnect: m.Reconnect, Farewell: m.Farewell,
	}
	if r.IntN(3) == 0 {
		p.Refresh = ttl/5 + chance(r, ttl/2)
	}
	if r.IntN(4) == 0 {
		p.Delay = chance(r, ttl)
	}
	if m.Skewed && r.IntN(2) == 0 {
		p.Skew = chance(r, p.Drift)
	}
	// Without the delay, an operator may not end the session of one who believes.
	if r.IntN(2) == 0 {
		p.Takeover = ttl
	}
	p.Works = r.IntN(2) == 0
	p.Drain = ttl/20 + chance(r, ttl/2)
	p.chooseStrategy(rand.New(rand.NewPCG(seed, 0x5747)), m.Strategies) // with a generator of its own: the rest of a plan stays as it is
	// A few kinds, and often, find more than all of them, each rarely.
	kinds := slices.Clone(m.Kinds)
	r.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	kinds = kinds[:2+r.IntN(min(8, len(kinds)-1))]
	for range 1 + r.IntN(m.MaxFaults) {
		f := Fault{
			At:   chance(r, p.Until),
			For:  chance(r, []time.Duration{ttl / 4, ttl, 3 * ttl}[r.IntN(3)]),
			Kind: kinds[r.IntN(len(kinds))], Member: r.IntN(p.Members), Arg: uint64(r.IntN(1000)),
		}
		p.Faults = append(p.Faults, f)
		if f.Kind == DeleteKey && f.Arg%2 == 0 && slices.Contains(kinds, Cut) { // of a leader that is cut off, chance would have it too rarely
			p.Faults = append(p.Faults, Fault{At: max(f.At-ttl/16, 0), For: ttl, Kind: Cut, Member: f.Member, Arg: f.Arg})
		}
	}
	slices.SortStableFunc(p.Faults, func(a, b Fault) int { return int(a.At - b.At) })
	p.Faults = slices.DeleteFunc(p.Faults, func(f Fault) bool {
		return f.Kind == DestroyLease && p.Takeover < ttl
	})
	return p
}

// chooseStrategy has the members of so many plans of a hundred go by a strategy, and half of those preempt.
func (s *Setup) chooseStrategy(r *rand.Rand, percent int) {
	if r.IntN(100) >= percent {
		return
	}
	s.Strategy = []leadership.StrategyName{leadership.StrategyPriority, leadership.StrategyVersion, leadership.StrategyRandom}[r.IntN(3)]
	s.Mixed = r.IntN(2) == 0
	if r.IntN(2) == 0 {
		s.Preempt = s.TTL/4 + chance(r, 2*s.TTL)
	}
}

// election are the settings of the member at seat i, and what it says of itself.
func (s Setup) election(i int) (leadership.ElectionConfig, leadership.Profile) {
	e := leadership.ElectionConfig{Frequency: s.Frequency, Delay: s.Delay, TakeoverDelay: s.Takeover}
	if s.Strategy != "" && (!s.Mixed || i%2 == 0) {
		e.Strategy, e.Preempt = s.Strategy, s.Preempt
	}
	rank := i * 2 % 3 // two may be equal
	return e, leadership.Profile{Version: fmt.Sprintf("1.%d.0", 9+rank), Priority: rank}
}

// chance is a duration from 0 to below most.
func chance(r *rand.Rand, most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return time.Duration(r.Int64N(int64(most)))
}

// attempt is the longest that one request of a member takes.
func (s Setup) attempt() time.Duration {
	return min((s.TTL-s.Drift-s.Refresh)/2, max(s.Refresh, time.Second))
}

// healthInterval is how often the health probe is asked.
func (s Setup) healthInterval() time.Duration { return s.TTL / 8 }

// deadWatch is within what time who waits finds out that its watch hangs: it reads again, or, at Consul, the query comes to its own bound.
func (s Setup) deadWatch() time.Duration {
	return max(s.Frequency, 2*s.TTL, 20*time.Second) + time.Second
}

// lastPause is the longest pause of a member after a failure.
const lastPause = 2 * time.Second

// recovery is within what time after the last fault somebody leads: sessions that nobody knows of have ended, every member has
// given up what hangs, waited after it, given back what it holds, and voted again; and the one that is first in line has waited
// for the holder before it.
func (s Setup) recovery() time.Duration {
	return s.TTL + s.Grace + // a session that nobody knows of, or given back in vain
		2*(s.attempt()+lastPause) + // a request that hangs; its repetition
		s.Frequency + // who resigned stands again
		s.deadWatch() + // who waits reads again
		max(s.TTL, s.Takeover) + // the earlier holder
		s.Delay + s.Reconnect + 20*s.Latency +
		s.healthInterval() + 3*s.Drain // the work that is waited for, and what keeps its member from standing
}
