package leadership

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// plan is everything that a seed decides before the first step: how store and clocks are, and which faults come when. The rest of the chance,
// such as the delay of each packet, follows from the same seed as the run goes on.
type plan struct {
	seed      uint64
	members   int
	line      bool // the store keeps a line of candidates, as etcd does; else one key, as Consul does
	ttl       time.Duration
	drift     time.Duration
	takeover  time.Duration
	frequency time.Duration
	grace     time.Duration // for how long after its TTL the store may keep a session
	lockDelay time.Duration // of a store without a line: for how long a key is not given out whose session ended
	latency   time.Duration // of one packet, at most, while nothing is wrong
	rest      bool          // the store breaks the rule about Lifetime: it tells what is left of a TTL
	works     bool          // members lead for work
	drain     time.Duration
	attached  bool      // the first member uses a session that somebody else keeps
	rates     []float64 // of the members' clocks; the last one is the store's
	faults    []fault
}

// fault is one thing that goes wrong.
type fault struct {
	kind   faultKind
	member int // whom it is about; whoever leads then, or any, if it is theLeader
	at     time.Duration
	lasts  time.Duration
	extent float64 // how bad, from 0 to 1
	number int     // in the plan
}

// theLeader is who leads when a fault begins.
const theLeader = -1

type faultKind int

const (
	faultCutUp       faultKind = iota // what the member sends is lost
	faultCutDown                      // what it is sent is lost
	faultCut                          // both
	faultLoss                         // some of both is lost
	faultSlow                         // packets take long, each another time, and overtake each other
	faultDouble                       // requests arrive twice, the second time late
	faultEcho                         // answers arrive twice, the second time late, and late ones do although nobody waits any more
	faultReset                        // requests fail at once, with effect or without
	faultDenied                       // the store refuses
	faultDeafWatch                    // watches report nothing
	faultPause                        // the process is stopped and goes on
	faultSuspend                      // the machine is: its monotonic clock stands still
	faultClockStep                    // its wall clock, where that stands in for the boot clock, is put forward or back
	faultKill                         // the process ends, and another takes its place
	faultResign                       // the user resigns
	faultTransfer                     // the user has the member give the key to another
	faultStandDown                    // the user has the member stand down for a while
	faultSick                         // the member's health probe fails
	faultClose                        // the user closes the member, and another takes its place
	faultLapsed                       // a check of the term finds it over before the loop does
	faultStoreDown                    // the store stops, for a while, and its timers may start anew
	faultStoreLeader                  // the store elects a leader of its own: its timers start anew
	faultDeleteKey                    // an operator deletes the leader's key
	faultEndSession                   // an operator ends the leader's session
	faultEndWaiter                    // an operator ends somebody's session
	faultOverwrite                    // an operator writes into the leader's key
	faultCheck                        // a health check ends the leader's session, at a store where lock-delay is the TTL
	faultDepose                       // an operator deletes the key of a leader that hears nothing
	faultOvertake                     // the same, right after a read that has overtaken the renewal sent with it
	faultBlind                        // the same to a leader whose renewals get through, but none of the many reads that the store has it make; at first they come late
	faultTwin                         // an operator deletes the leader's key, and a doubled request takes it again for the same session
	faultDeposeBoth                   // a leader is deposed, and so is its successor, which waits for the leader's belief to end
	faultCount
)

func (k faultKind) String() string {
	return [faultCount]string{
		"cut up", "cut down", "cut", "loss", "slow", "double", "echo", "reset", "denied", "deaf watch", "pause", "suspend", "clock step", "kill",
		"resign", "transfer", "stand down", "sick", "close", "lapsed", "store down", "store leader", "delete key", "end session", "end waiter", "overwrite", "check", "depose", "overtake", "blind", "twin", "depose both",
	}[k]
}

func (f fault) String() string {
	whose := fmt.Sprint("member ", f.member)
	if f.member == theLeader {
		whose = "the leader"
	}
	return fmt.Sprintf("%d: at %v %v, %s, for %v, %.2f", f.number, f.at, f.kind, whose, f.lasts, f.extent)
}

// planOf draws a plan from seed.
func planOf(seed uint64) plan {
	r := rand.New(rand.NewPCG(seed, 1))
	some := func(limit time.Duration) time.Duration { return time.Duration(r.Int64N(int64(limit) + 1)) }
	p := plan{seed: seed, members: 2 + r.IntN(3), line: r.IntN(2) == 0}
	p.ttl = []time.Duration{2 * time.Second, 10 * time.Second, 15 * time.Second}[r.IntN(3)]
	p.drift = p.ttl / time.Duration(10+r.IntN(20))
	p.frequency = max(p.ttl*2/3, time.Second)
	if r.IntN(3) == 0 {
		p.takeover = p.ttl
	}
	p.grace = []time.Duration{0, p.ttl / 8, p.ttl}[r.IntN(3)]
	if !p.line {
		p.lockDelay = []time.Duration{time.Millisecond, p.ttl}[r.IntN(2)]
	}
	p.latency = []time.Duration{time.Millisecond, 5 * time.Millisecond, 50 * time.Millisecond}[r.IntN(3)]
	p.works = r.IntN(2) == 0
	p.drain = p.ttl / time.Duration(1+r.IntN(10))
	p.attached = r.IntN(16) == 0
	p.rates = ratesWithin(r, p.members+1, float64(p.drift)/float64(p.ttl))
	for range 1 + r.IntN(10) {
		p.faults = append(p.faults, fault{
			kind: faultKind(r.IntN(int(faultCount))), member: max(r.IntN(2*p.members)-p.members, theLeader),
			at: some(8 * p.ttl), lasts: some(2 * p.ttl), extent: r.Float64(),
		})
	}
	slices.SortFunc(p.faults, func(a, b fault) int { return int(a.at - b.at) })
	for i := range p.faults {
		p.faults[i].number = i
	}
	return p
}

// ratesWithin are n rates of clocks of which no two differ by more than the share drift: as far as they may, often.
func ratesWithin(r *rand.Rand, n int, drift float64) []float64 {
	rates := make([]float64, n)
	for i := range rates {
		part := r.Float64()
		if r.IntN(2) == 0 {
			part = float64(r.IntN(2))
		}
		rates[i] = 1 / (1 - drift*part)
	}
	return rates
}

// rules are those of every member.
func (p plan) rules(member int) rules {
	return rules{
		ttl: p.ttl, refresh: p.ttl / 15 * 7, drift: p.drift, frequency: p.frequency, reread: max(p.frequency, 2*p.ttl), takeover: p.takeover, drain: p.drain,
		service: "app", instance: fmt.Sprint("member-", member),
	}
}

// only is the plan with the faults of these numbers alone.
func (p plan) only(numbers []int) plan {
	p.faults = slices.DeleteFunc(slices.Clone(p.faults), func(f fault) bool { return !slices.Contains(numbers, f.number) })
	return p
}

func (p plan) has(kind faultKind) bool {
	return slices.ContainsFunc(p.faults, func(f fault) bool { return f.kind == kind })
}

// faultsEnd is when the last fault is over.
func (p plan) faultsEnd() time.Duration {
	end := 2 * p.ttl
	for _, f := range p.faults {
		end = max(end, f.at+f.lasts)
	}
	return end
}

// recovery is how long after that somebody leads, at the latest: the sessions of those who are gone end, the store gives the key
// out, the new holder waits for earlier ones, and what was tried in vain is tried again.
func (p plan) recovery() time.Duration {
	return 2*(p.ttl+p.grace) + p.lockDelay + p.takeover + 2*p.ttl + 3*max(p.frequency, 2*p.ttl) + 10*lastPause + 3*p.drain
}

func (p plan) String() string {
	store := "one key"
	if p.line {
		store = "a line"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d members at a store with %s, TTL %v, drift %v, takeover %v, grace %v, lock-delay %v, latency %v, works %v, drain %v, attached %v, rates %.4f",
		p.members, store, p.ttl, p.drift, p.takeover, p.grace, p.lockDelay, p.latency, p.works, p.drain, p.attached, p.rates)
	for _, f := range p.faults {
		b.WriteString("\n\t" + f.String())
	}
	return b.String()
}

// shrink leaves out faults for as long as the plan still fails, and returns what is left and its violation.
func shrink(p plan, err error) (plan, error) {
	for again := true; again; {
		again = false
		for i := range p.faults {
			less := p
			less.faults = slices.Delete(slices.Clone(p.faults), i, i+1)
			if _, _, e := simulate(less, nil); e != nil {
				p, err, again = less, e, true
				break
			}
		}
	}
	return p, err
}

// replay is the command that repeats the plan.
func (p plan) replay() string {
	keep := make([]string, len(p.faults))
	for i, f := range p.faults {
		keep[i] = fmt.Sprint(f.number)
	}
	return fmt.Sprintf("go test -count=1 -run '^TestSimulation$' . -simulation.seed=%d -simulation.keep=%s", p.seed, strings.Join(keep, ","))
}
