package leadership

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// These tables are the specification of step. A script drives one member by hand: it says
// what time it is and how the store answers, and checks what the member tells and asks.

// testRules: TTL 15 s, refresh 7 s, drift 1 s: the deadline is 14 s after a proof was sent.
var testRules = rules{
	ttl: 15 * time.Second, refresh: 7 * time.Second, drift: time.Second, frequency: 10 * time.Second,
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
}

func newScript(t *testing.T, r rules) *script {
	d := &script{t: t, rules: r, s: newState(r, false, 1), open: map[op]request{}}
	d.tick()
	return d
}

// do takes one step.
func (d *script) do(in input) {
	d.t.Helper()
	in.now = d.now
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
		for _, e := range []error{ErrLeaseExpired, ErrKeyLost, ErrSessionLost, ErrResigned, ErrClosed} {
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

func TestStep(t *testing.T) {
	short := testRules
	tests := []struct {
		name  string
		rules *rules
		run   func(*script)
	}{
		{"it stands at once, and is elected as soon as the key is its own", nil, func(d *script) {
			d.elected()
			if d.last.term != termStart || d.s.token != 5 || d.s.expiry.mono != 14*time.Second {
				d.t.Fatalf("term %v token %d until %v", d.last.term, d.s.token, d.s.expiry.mono)
			}
		}},
		{"a first vote delay is waited out", &rules{ttl: 15 * time.Second, refresh: 7 * time.Second, frequency: 10 * time.Second, delay: 5 * time.Second}, func(d *script) {
			d.at(4.9)
			d.expectAsks(false, opOpen)
			d.at(5)
			d.expectAsks(true, opOpen)
		}},
		{"who finds the key held is told who leads, and watches", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.expect("notelected by s2")
			d.expectAsks(true, opWatch)
		}},
		{"elected repeats at the vote frequency", nil, func(d *script) {
			d.elected()
			d.at(7)
			d.renewed()
			d.shows(opObserve, "s1", 5)
			d.at(10)
			d.expect("elected")
		}},
		{"notelected repeats at the vote frequency and the key is read again: failure 20, a watch that hangs", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.told = nil
			d.at(10)
			d.expect("notelected by s2")
			d.expectAsks(true, opCampaign)
			hanging := d.open[opWatch].seq
			d.shows(opCampaign, "s3", 9)
			d.expect("notelected by s3")
			if d.open[opWatch].seq == hanging {
				d.t.Error("the watch that missed the change was kept")
			}
		}},
		{"a renewal alone proves nothing: failure 21", nil, func(d *script) {
			d.elected()
			d.at(7)
			d.renewed()
			if d.s.expiry.mono != 14*time.Second {
				d.t.Fatalf("the deadline moved to %v", d.s.expiry.mono)
			}
			d.at(14)
			d.expect("notelected", "relegation: lease expired")
		}},
		{"renewal and read together prove from when they were sent, not answered", nil, func(d *script) {
			d.elected()
			d.at(7)
			d.now = d.now.after(3 * time.Second)
			d.renewed()
			d.shows(opObserve, "s1", 5)
			if d.s.expiry.mono != 21*time.Second {
				d.t.Fatalf("deadline %v, want 21s", d.s.expiry.mono)
			}
		}},
		{"a read sent before the renewal does not prove it", nil, func(d *script) {
			d.elected()
			d.at(6.9)
			d.answer(opWatch, reply{})
			read := d.open[opObserve]
			d.at(7)
			d.renewed()
			if d.open[opObserve].seq != read.seq {
				d.t.Fatal("the early read is gone")
			}
			d.shows(opObserve, "s1", 5)
			if d.s.expiry.mono != 14*time.Second {
				d.t.Fatalf("deadline %v", d.s.expiry.mono)
			}
			d.shows(opObserve, "s1", 5) // it reads again at once
			if d.s.expiry.mono != 21*time.Second {
				d.t.Fatalf("deadline %v", d.s.expiry.mono)
			}
		}},
		{"at the deadline the term is over, whatever arrives with it", nil, func(d *script) {
			d.elected()
			d.at(7)
			d.shows(opObserve, "s1", 5)
			d.told = nil
			d.now = instant{}.after(14 * time.Second)
			d.renewed()
			d.expect("notelected", "relegation: lease expired")
			if d.last.term != termEnd {
				d.t.Error("the term was not ended")
			}
		}},
		{"a machine that was suspended past the deadline is relegated by the boot clock", nil, func(d *script) {
			d.elected()
			d.suspend(14)
			if d.leads() {
				d.t.Error("it still leads")
			}
		}},
		{"a term that lapsed never resumes: key and session are given back, and the next one is new", nil, func(d *script) {
			d.elected()
			d.at(14)
			d.told = nil
			if r := d.open[opRelease]; r.keep || !d.asks(opRelease) {
				d.t.Fatalf("release %+v", r)
			}
			d.answer(opRelease, reply{err: errDown})
			d.at(15)
			d.answer(opRelease, reply{})
			d.at(15.1)
			d.opened("s9")
			d.shows(opCampaign, "s1", 5) // the old session lives on at the store
			d.at(17)
			if d.leads() {
				d.t.Fatal("it resumed")
			}
			d.answer(opWatch, reply{})
			d.shows(opCampaign, "s9", 6)
			if !d.leads() || d.s.token != 6 {
				d.t.Fatalf("phase %v token %d", d.s.phase, d.s.token)
			}
		}},
		{"a stale reply is not believed", nil, func(d *script) {
			d.elected()
			d.at(7)
			old := d.open[opRenew]
			d.at(14)
			d.told = nil
			d.do(input{kind: inReply, reply: reply{op: opRenew, seq: old.seq}})
			d.do(input{kind: inReply, reply: reply{op: opObserve, seq: old.seq + 1, seen: Observation{Holder: held("s1", 5)}}})
			d.expect()
			if d.leads() {
				d.t.Error("it leads")
			}
		}},
		{"a duplicated reply counts once", nil, func(d *script) {
			d.elected()
			d.at(7)
			old := d.open[opRenew]
			d.renewed()
			d.shows(opObserve, "s1", 5)
			d.at(9)
			d.do(input{kind: inReply, reply: reply{op: opRenew, seq: old.seq}})
			if d.s.expiry.mono != 21*time.Second {
				d.t.Errorf("deadline %v", d.s.expiry.mono)
			}
		}},
		{"failure 3: two whole attempts fit before the deadline, each with its own limit", nil, func(d *script) {
			d.elected()
			d.at(7)
			first := d.open[opRenew].limit
			d.now = d.now.after(first)
			d.answer(opRenew, reply{err: context.DeadlineExceeded})
			d.now = d.now.after(firstPause)
			d.tick()
			second := d.open[opRenew].limit
			if d.now.after(second).mono > 14*time.Second || second < 3*time.Second {
				d.t.Errorf("attempts of %v and %v from 7s on", first, second)
			}
		}},
		{"failure 4: an error of the store is told, and relegates nobody before the deadline", nil, func(d *script) {
			d.elected()
			d.at(7)
			d.answer(opRenew, reply{err: errDown})
			d.answer(opObserve, reply{err: errDown})
			d.expect("error: store is down", "error: store is down")
			d.at(7.5)
			d.renewed()
			d.shows(opObserve, "s1", 5)
			d.at(14)
			d.expect("elected")
		}},
		{"failure 18: a key that is gone relegates at once, and the session goes, too", nil, func(d *script) {
			d.elected()
			d.at(1)
			d.answer(opWatch, reply{})
			d.shows(opObserve, "", 0)
			d.expect("notelected", "relegation: key lost")
			d.answer(opRelease, reply{})
			d.at(1.1)
			d.expectAsks(true, opOpen)
		}},
		{"a key that another one holds relegates at once and names the leader", nil, func(d *script) {
			d.elected()
			d.answer(opWatch, reply{})
			d.shows(opObserve, "s2", 6)
			d.expect("notelected by s2", "relegation: key lost")
		}},
		{"failure 19: a session that the store no longer knows relegates, and is made anew", nil, func(d *script) {
			d.elected()
			d.at(7)
			d.answer(opRenew, reply{err: ErrSessionLost})
			d.expect("notelected", "relegation: session lost")
			d.at(7.1)
			d.opened("s2")
			d.shows(opCampaign, "s2", 6)
			d.expect("elected", "elected.first")
		}},
		{"failures 6, 14: a candidate whose session died stands again with a new one", nil, func(d *script) {
			d.opened("s1")
			d.answer(opCampaign, reply{err: ErrSessionLost})
			d.expect("error: leadership: session lost")
			d.at(0.1)
			d.opened("s2")
			d.expectAsks(true, opCampaign)
		}},
		{"failure 8: sessions that die at once are made ever more slowly", nil, func(d *script) {
			var gaps []time.Duration
			for range 8 {
				from := d.now
				for !d.asks(opOpen) {
					d.now = d.now.after(d.s.wake(d.rules, d.now))
					d.tick()
				}
				gaps = append(gaps, d.now.mono-from.mono)
				d.opened("s")
				d.answer(opCampaign, reply{err: ErrSessionLost})
			}
			if gaps[7] < lastPause/2 || gaps[2] > lastPause/2 {
				d.t.Errorf("pauses %v", gaps)
			}
		}},
		{"failure 7: an own session that holds the key already leads with the key's token", nil, func(d *script) {
			d.opened("s1")
			d.answer(opCampaign, reply{err: errDown}) // it took effect all the same
			d.at(0.1)
			d.shows(opCampaign, "s1", 5)
			d.expect("error: store is down", "elected", "elected.first")
		}},
		{"failure 15: a key that is gone again before it was believed elects nobody", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.told = nil
			d.answer(opWatch, reply{})
			d.shows(opCampaign, "s1", 5)
			d.answer(opWatch, reply{})
			d.shows(opObserve, "", 0)
			d.answer(opLifetime, reply{lifetime: 0})
			d.expect()
		}},
		{"a successor believes at once if the store shows a resignation", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.told = nil
			d.answer(opWatch, reply{})
			d.answer(opCampaign, reply{seen: Observation{Holder: held("s1", 5), Resigned: true}})
			d.expect("elected", "elected.first")
		}},
		{"otherwise it believes when the earlier holder's session is over", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.told = nil
			d.answer(opWatch, reply{})
			d.shows(opCampaign, "s1", 5)
			d.expect()
			if d.open[opLifetime].session != "s2" {
				d.t.Fatalf("asks for %q", d.open[opLifetime].session)
			}
			d.answer(opLifetime, reply{lifetime: 0})
			d.expect("elected", "elected.first")
		}},
		{"while the earlier holder's session lives, it waits, for one TTL at most", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.told = nil
			d.at(1)
			d.answer(opWatch, reply{})
			d.shows(opCampaign, "s1", 5)
			d.answer(opLifetime, reply{lifetime: 15 * time.Second})
			d.at(7)
			d.renewed()
			d.shows(opObserve, "s1", 5)
			d.at(8)
			d.answer(opLifetime, reply{lifetime: 15 * time.Second}) // it is renewed: that proves no leadership
			d.at(14)
			d.renewed()
			d.shows(opObserve, "s1", 5)
			d.at(15.9)
			d.expect("notelected")
			d.at(16)
			d.expect("elected", "elected.first")
		}},
		{"the session that the store names as the last holder is waited for, too", nil, func(d *script) {
			d.opened("s1")
			d.answer(opCampaign, reply{seen: Observation{Holder: held("s1", 5), Previous: "s0"}})
			d.expect()
			d.answer(opLifetime, reply{lifetime: 0})
			d.expect("elected", "elected.first")
		}},
		{"who held before the last holder is waited for, too", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.answer(opWatch, reply{})
			d.shows(opCampaign, "s3", 4)
			d.answer(opWatch, reply{})
			d.now = d.now.after(time.Second)
			d.tick()
			d.shows(opCampaign, "s1", 5)
			d.answer(opLifetime, reply{lifetime: 5 * time.Second})
			d.told = nil
			d.at(3)
			for d.asks(opLifetime) {
				if d.open[opLifetime].session == "s3" {
					d.answer(opLifetime, reply{lifetime: 0})
				} else {
					d.answer(opLifetime, reply{lifetime: 5 * time.Second})
				}
			}
			d.expect()
			d.at(6)
			d.expect("elected", "elected.first")
		}},
		{"a takeover delay is waited out unless the last holder resigned", &rules{ttl: 15 * time.Second, refresh: 7 * time.Second, drift: time.Second, frequency: 10 * time.Second, takeover: 5 * time.Second}, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s1", 5)
			d.at(4.9)
			d.expect()
			d.at(5)
			d.expect("elected", "elected.first")
		}},
		{"a key that is held back is tried again soon, and that is no error", nil, func(d *script) {
			d.opened("s1")
			d.answer(opCampaign, reply{seen: Observation{Delayed: true}})
			d.expect()
			d.at(0.05)
			d.shows(opCampaign, "s1", 5)
			d.expect("elected", "elected.first")
		}},
		{"a resignation gives back, and stands again a vote period later: failure 5", nil, func(d *script) {
			d.elected()
			d.at(1)
			d.resign()
			d.expect("notelected", "relegation: resigned")
			if !d.open[opRelease].sign {
				d.t.Error("no sign is left")
			}
			if d.last.released {
				d.t.Error("Resign returned before the store had answered")
			}
			d.answer(opRelease, reply{})
			if !d.last.released {
				d.t.Error("Resign does not return")
			}
			d.at(1.2)
			d.opened("s2")
			d.at(10.9)
			d.expectAsks(false, opCampaign)
			d.at(11)
			d.expectAsks(true, opCampaign)
		}},
		{"who does not lead has nothing to resign", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.resign()
			if !d.last.released || d.s.phase != phaseStanding {
				d.t.Errorf("released %v in %v", d.last.released, d.s.phase)
			}
		}},
		{"who has not believed yet leaves no sign of a resignation", nil, func(d *script) {
			d.opened("s1")
			d.answer(opCampaign, reply{seen: Observation{Holder: held("s1", 5), Previous: "s0"}})
			d.resign()
			if d.open[opRelease].sign {
				d.t.Error("it left one")
			}
			d.expect()
		}},
		{"a leader that is closed is relegated, gives back and is done", nil, func(d *script) {
			d.elected()
			d.close()
			d.expect("notelected", "relegation: member closed")
			d.answer(opRelease, reply{err: errDown})
			if !d.last.done || d.last.err != errDown { //nolint:errorlint // the very error
				d.t.Errorf("done %v: %v", d.last.done, d.last.err)
			}
		}},
		{"a candidate that is closed withdraws: failure 16", nil, func(d *script) {
			d.opened("s1")
			d.close()
			d.answer(opRelease, reply{})
			d.expect()
			if !d.last.done {
				d.t.Error("not done")
			}
		}},
		{"what could not be given back is tried again, so that nobody waits for a session of a store that was down", nil, func(d *script) {
			d.elected()
			d.resign()
			d.answer(opRelease, reply{err: errDown})
			if !d.last.released || !errors.Is(d.last.err, errDown) {
				d.t.Error("Resign does not return the error")
			}
			d.expectAsks(false, opRelease)
			d.at(1)
			d.expectAsks(true, opRelease)
			d.expectAsks(false, opOpen)
		}},
		{"after two TTLs it stops trying: the store has let go by then", nil, func(d *script) {
			d.elected()
			d.resign()
			for d.s.phase == phaseLeaving {
				if d.asks(opRelease) {
					d.answer(opRelease, reply{err: errDown})
				}
				d.now = d.now.after(d.s.wake(d.rules, d.now))
				d.tick()
			}
			if d.now.mono < 30*time.Second || d.now.mono > 33*time.Second {
				d.t.Errorf("it stopped after %v", d.now.mono)
			}
		}},
		{"Close tries once more, at once", nil, func(d *script) {
			d.elected()
			d.resign()
			d.answer(opRelease, reply{err: errDown})
			d.close()
			d.answer(opRelease, reply{})
			if !d.last.done || d.last.err != nil {
				d.t.Errorf("done %v: %v", d.last.done, d.last.err)
			}
		}},
		{"failure 3: attempts are no longer than they need be where the refresh is far below the TTL", &rules{ttl: 30 * time.Second, refresh: time.Second, drift: time.Second, frequency: 10 * time.Second}, func(d *script) {
			d.elected()
			d.at(1)
			if got := d.open[opRenew].limit; got != time.Second {
				d.t.Errorf("an attempt may take %v", got)
			}
		}},
		{"a session that opens after Close is given back", nil, func(d *script) {
			d.close()
			if d.last.done || len(d.last.cancels) != 0 {
				d.t.Fatal("done, or cut short, while a session may be on its way")
			}
			d.opened("s1")
			d.answer(opRelease, reply{})
			if !d.last.done {
				d.t.Error("not done")
			}
		}},
		{"a session that does not open ends a Close", nil, func(d *script) {
			d.close()
			d.answer(opOpen, reply{err: errDown})
			if !d.last.done || d.last.err != nil {
				d.t.Errorf("done %v: %v", d.last.done, d.last.err)
			}
		}},
		{"Close during a release waits for it", nil, func(d *script) {
			d.elected()
			d.resign()
			d.told = nil
			d.close()
			d.expect()
			d.answer(opRelease, reply{})
			if !d.last.done {
				d.t.Error("not done")
			}
		}},
		{"failure 23: no relegation without a term", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.told = nil
			d.at(7)
			d.answer(opRenew, reply{err: ErrSessionLost})
			d.close()
			d.expect("error: leadership: session lost")
		}},
		{"a store that is down at the start is told about once a vote period, and tried again", nil, func(d *script) {
			for d.now.mono < 25*time.Second {
				if d.asks(opOpen) {
					d.answer(opOpen, reply{err: errDown})
				}
				d.now = d.now.after(d.s.wake(d.rules, d.now))
				d.tick()
			}
			n := 0
			for _, m := range d.told {
				if m == "error: leadership: no session: store is down" {
					n++
				}
			}
			if n != 3 {
				d.t.Errorf("%d errors in 25 s: %q", n, d.told)
			}
			if d.asks(opOpen) {
				d.opened("s1")
				d.expectAsks(true, opCampaign)
			}
		}},
		{"a value that is no vote is told once, and the leader is unknown", nil, func(d *script) {
			d.opened("s1")
			bad := reply{seen: Observation{Holder: Holder{Session: "s2", Token: 3, Value: []byte("x")}}}
			d.answer(opCampaign, bad)
			d.answer(opWatch, reply{})
			d.answer(opCampaign, bad)
			if len(d.told) != 2 || !strings.HasPrefix(d.told[0], "error: leadership: malformed vote") || d.told[1] != "notelected" {
				d.t.Errorf("told %q", d.told)
			}
		}},
		{"the session on the key counts, not the one in the value", nil, func(d *script) {
			v, err := readVote(Holder{Session: "s2", Value: Vote{"other", "app", "x"}.Encode()})
			if err != nil || v.SessionID != "s2" {
				d.t.Errorf("%v, %v", v, err)
			}
		}},
		{"denied reads do not mean that nobody leads", nil, func(d *script) {
			d.elected()
			d.at(7)
			d.answer(opObserve, reply{err: ErrDenied})
			d.renewed()
			if !d.leads() {
				d.t.Error("relegated by a denied read")
			}
			d.at(14)
			d.expect("error: leadership: denied by the store", "notelected", "relegation: lease expired")
		}},
		{"a check that found the deadline over ends the term, even if a proof is at hand", nil, func(d *script) {
			d.elected()
			d.at(7)
			d.renewed()
			d.shows(opObserve, "s1", 5)
			d.do(input{kind: inLapsed})
			d.expect("notelected", "relegation: lease expired")
		}},
		{"a watch that fails is told and does not relegate", nil, func(d *script) {
			d.elected()
			d.answer(opWatch, reply{err: errDown})
			d.expect("error: store is down")
			d.shows(opObserve, "s1", 5)
			d.at(1)
			d.expectAsks(true, opWatch)
		}},
		{"a watch that returns for nothing is slowed down", nil, func(d *script) {
			d.elected()
			d.answer(opWatch, reply{})
			d.shows(opObserve, "s1", 5)
			d.expectAsks(false, opWatch)
			d.at(0.25)
			d.expectAsks(true, opWatch)
		}},
		{"the TTL that was granted counts", nil, func(d *script) {
			d.answer(opOpen, reply{session: "s1", ttl: 20 * time.Second})
			d.shows(opCampaign, "s1", 5)
			if d.s.expiry.mono != 19*time.Second {
				d.t.Errorf("deadline %v", d.s.expiry.mono)
			}
		}},
		{"a holding with another token is another term, even under the own session", nil, func(d *script) {
			d.elected()
			d.answer(opWatch, reply{})
			d.shows(opObserve, "s1", 9)
			d.expect("notelected", "relegation: key lost")
		}},
		{"an earlier holder is doubted from when it held last", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "x", 3)
			d.answer(opWatch, reply{})
			d.shows(opCampaign, "y", 4) // x is doubted until 15 s …
			d.at(7)
			d.renewed()
			d.at(10)
			d.shows(opCampaign, "x", 6) // … and holds again
			d.at(14.5)
			d.renewed()
			d.answer(opWatch, reply{})
			d.shows(opCampaign, "s1", 7)
			d.answer(opLifetime, reply{err: errDown})
			d.told = nil
			d.at(21.5)
			d.renewed()
			d.shows(opObserve, "s1", 7)
			d.at(29.4)
			if d.leads() {
				d.t.Error("x may believe until 29.5 s less drift")
			}
		}},
		{"an earlier holder is doubted for the TTL that is granted, not the one asked for", &rules{ttl: time.Second, refresh: 400 * time.Millisecond, drift: 50 * time.Millisecond, frequency: 10 * time.Second}, func(d *script) {
			d.answer(opOpen, reply{session: "s1", ttl: 2 * time.Second})
			d.shows(opCampaign, "x", 3)
			d.at(0.4)
			d.renewed()
			d.answer(opWatch, reply{})
			d.shows(opCampaign, "s1", 4)
			d.answer(opLifetime, reply{err: errDown})
			d.at(1.41)
			d.renewed()
			d.shows(opObserve, "s1", 4)
			if d.leads() {
				d.t.Error("it believes too early")
			}
		}},
		{"a step of the wall clock, where it is the second clock, shortens no wait for others", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "x", 3)
			d.at(1)
			d.answer(opWatch, reply{})
			d.shows(opCampaign, "s1", 4)
			d.suspend(16)
			d.now.mono += time.Second
			d.tick()
			d.renewed()
			d.shows(opObserve, "s1", 4)
			if d.leads() {
				d.t.Errorf("leads at %v: x may believe until 14 s", d.now.mono)
			}
		}},
		{"a watch that runs into a time-out of its own is told, and slowed down", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.told = nil
			d.answer(opWatch, reply{err: context.DeadlineExceeded})
			d.shows(opCampaign, "s2", 3)
			d.expect("error: context deadline exceeded")
			d.expectAsks(false, opWatch)
		}},
		{"a watch that found nothing within its limit is made anew in silence", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.at(60)
			d.told = nil
			d.answer(opWatch, reply{err: context.DeadlineExceeded})
			d.expect()
		}},
		{"a resignation after a lapse has it stand a vote period later, too", nil, func(d *script) {
			d.elected()
			d.at(14)
			d.resign()
			d.answer(opRelease, reply{})
			d.at(15)
			d.opened("s2")
			d.expectAsks(false, opCampaign)
		}},
		{"a session granted for too short is given back", nil, func(d *script) {
			d.answer(opOpen, reply{session: "s1", ttl: time.Second})
			d.expectAsks(true, opRelease)
			d.expectAsks(false, opCampaign)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := short
			if tt.rules != nil {
				r = *tt.rules
			}
			tt.run(newScript(t, r))
		})
	}
}

func TestStepWithAGivenSession(t *testing.T) {
	given := func(t *testing.T) *script {
		d := &script{t: t, rules: testRules, s: newState(testRules, true, 1), open: map[op]request{}}
		d.tick()
		if !d.open[opOpen].attach {
			t.Fatal("it does not attach")
		}
		return d
	}
	t.Run("it is kept when the member resigns, and the key is given back before it stands again", func(t *testing.T) {
		d := given(t)
		d.elected()
		d.resign()
		if !d.open[opRelease].keep {
			t.Error("it closes the given session")
		}
		d.answer(opRelease, reply{err: errDown})
		d.expectAsks(false, opCampaign)
		d.at(1)
		d.answer(opRelease, reply{})
		d.at(10)
		d.shows(opCampaign, "s1", 8)
		if !d.leads() || d.s.token != 8 {
			t.Errorf("phase %v token %d", d.s.phase, d.s.token)
		}
	})
	t.Run("where it lives too shortly to lead with, one of our own takes its place, and its maker is doubted", func(t *testing.T) {
		d := given(t)
		d.answer(opOpen, reply{session: "given", ttl: time.Second})
		d.at(1)
		if d.open[opOpen].attach || d.asks(opCampaign) {
			t.Fatalf("it asks for %v", d.open)
		}
		d.opened("s1")
		d.shows(opCampaign, "given", 5)
		d.answer(opWatch, reply{})
		d.shows(opCampaign, "s1", 6)
		if d.leads() {
			t.Error("its maker may believe")
		}
	})
	t.Run("Close closes it, which lets the store clean up and does not end it", func(t *testing.T) {
		d := given(t)
		d.elected()
		d.close()
		if r := d.open[opRelease]; r.keep || !r.given {
			t.Errorf("release %+v", r)
		}
	})
	t.Run("once it is gone, one of our own takes its place", func(t *testing.T) {
		d := given(t)
		d.answer(opOpen, reply{err: ErrSessionLost})
		d.at(1)
		if d.open[opOpen].attach {
			t.Error("it attaches again")
		}
	})
}
