package leadership

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// The tables of scripts in the files election_*_test.go are the specification of step. A script drives one member by hand: it says
// what time it is and how the store answers, and checks what the member tells and asks.

// testRules: TTL 15 s, refresh 7 s, drift 1 s: the deadline is 14 s after a proof was sent.
var testRules = rules{
	ttl: 15 * time.Second, refresh: 7 * time.Second, drift: time.Second, frequency: 10 * time.Second, reread: 20 * time.Second, drain: 5 * time.Second,
	service: "app", instance: "me",
}

// errDown stands for a store that cannot be reached.
var errDown = errors.New("store is down")

type script struct {
	t     *testing.T
	rules rules
	s     state
	now   instant
	open  map[op]request
	told  []string
	last  effects
	busy  bool // work runs
}

func newScript(t *testing.T, r rules) *script {
	d := &script{t: t, rules: r, s: newState(r, false, 1), open: map[op]request{}}
	d.tick()
	return d
}

// do takes one step.
func (d *script) do(in input) {
	d.t.Helper()
	in.now, in.busy = d.now, d.busy
	d.s, d.last = step(d.rules, d.s, in)
	for _, m := range d.last.messages {
		d.told = append(d.told, brief(m))
	}
	for _, o := range d.last.cancels {
		delete(d.open, o)
	}
	for _, r := range d.last.requests {
		d.open[r.op] = r
	}
}

// brief is a message in one word, with its cause.
func brief(m ElectionMessage) string {
	switch m.Status {
	case StatusRelegation:
		for _, e := range []error{ErrLeaseExpired, ErrKeyLost, ErrSessionLost, ErrResigned, ErrClosed, ErrStoodDown, ErrUnhealthy} {
			if errors.Is(m.Err, e) {
				return "relegation: " + strings.TrimPrefix(e.Error(), "leadership: ")
			}
		}
	case StatusError:
		return "error: " + m.Err.Error()
	case StatusNotElected:
		if m.Vote != nil {
			return "notelected by " + m.Vote.ServiceID
		}
	case StatusElected, StatusElectedFirst:
	}
	return string(m.Status)
}

func (d *script) tick()   { d.t.Helper(); d.do(input{kind: inTick}) }
func (d *script) resign() { d.t.Helper(); d.do(input{kind: inResign}) }
func (d *script) close()  { d.t.Helper(); d.do(input{kind: inClose}) }
func (d *script) at(s float64) {
	d.now = instant{}.after(time.Duration(s * float64(time.Second)))
	d.tick()
}
func (d *script) suspend(s int)  { d.now.boot += time.Duration(s) * time.Second; d.tick() }
func (d *script) asks(o op) bool { _, ok := d.open[o]; return ok }
func (d *script) leads() bool    { return d.s.phase == phaseLeading }
func (d *script) expect(w ...string) {
	d.t.Helper()
	if !slices.Equal(d.told, w) {
		d.t.Fatalf("at %v it told\n\t%q\nwant\n\t%q", d.now.mono, d.told, w)
	}
	d.told = nil
}

func (d *script) expectAsks(want bool, o op) {
	d.t.Helper()
	if d.asks(o) != want {
		d.t.Fatalf("at %v: asks to %v: %v, want %v (phase %v)", d.now.mono, o, !want, want, d.s.phase)
	}
}

// answer ends the request o that is under way.
func (d *script) answer(o op, r reply) {
	d.t.Helper()
	req, ok := d.open[o]
	if !ok {
		d.t.Fatalf("at %v nothing asks to %v (phase %v)", d.now.mono, o, d.s.phase)
	}
	delete(d.open, o)
	r.op, r.seq = o, req.seq
	d.do(input{kind: inReply, reply: r})
}

func (d *script) opened(id string) {
	d.t.Helper()
	d.answer(opOpen, reply{session: id, ttl: d.rules.ttl})
}
func (d *script) renewed() { d.t.Helper(); d.answer(opRenew, reply{}) }
func (d *script) shows(o op, session string, token uint64) {
	d.t.Helper()
	d.answer(o, reply{seen: Observation{Holder: held(session, token)}})
}

// held is a well-formed holder; its vote names the session as the instance.
func held(session string, token uint64) Holder {
	if session == "" {
		return Holder{}
	}
	return Holder{Session: session, Token: token, Value: Vote{session, "app", session}.Encode()}
}

// elected brings the member to its first term, at instant 0.
func (d *script) elected() {
	d.t.Helper()
	d.opened("s1")
	d.shows(opCampaign, "s1", 5)
	d.expect("elected", "elected.first")
}

// scripted is one sentence of the specification and the script that shows it, by testRules unless it has its own.
type scripted struct {
	name  string
	rules *rules
	run   func(*script)
}

func runScripts(t *testing.T, tests []scripted) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := testRules
			if tt.rules != nil {
				r = *tt.rules
			}
			tt.run(newScript(t, r))
		})
	}
}
