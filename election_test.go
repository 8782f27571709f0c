package leadership

import (
	"testing"
	"time"
)

// TestStepBelief says when a term begins, what it rests on, and when it ends.
func TestStepBelief(t *testing.T) {
	runScripts(t, []scripted{
		{"it stands at once, and is elected as soon as the key is its own", nil, func(d *script) {
			d.elected()
			if d.last.term != termStart || d.s.token != 5 || d.s.expiry.mono != 14*time.Second {
				d.t.Fatalf("term %v token %d until %v", d.last.term, d.s.token, d.s.expiry.mono)
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
		{"a new deadline that is over already, by a wall clock that was put back and forth, ends the term", nil, func(d *script) {
			d.elected()
			d.now = instant{mono: 7 * time.Second, boot: -5 * time.Second}
			d.tick()
			d.now.boot = 9500 * time.Millisecond
			d.told = nil
			d.renewed()
			d.shows(opObserve, "s1", 5)
			d.expect("notelected", "relegation: lease expired")
			if d.last.term != termEnd {
				d.t.Error("the term was not ended")
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
			d.answer(opRelease, reply{})
			d.at(14.1)
			d.opened("s2")
			d.told = nil
			late := reply{op: opCampaign, seq: old.seq, seen: Observation{Holder: held("s2", 9)}}
			d.do(input{kind: inReply, reply: late})
			d.do(input{kind: inReply, reply: reply{op: opRenew, seq: old.seq, err: ErrSessionLost}})
			d.expect()
			if d.s.phase != phaseStanding {
				d.t.Errorf("it is %v", d.s.phase)
			}
		}},
		{"it wants to be woken at its deadline, whatever is under way", nil, func(d *script) {
			d.elected()
			d.at(7)
			d.at(10.5)
			if got := d.s.wake(&d.rules, d.now); got != 3500*time.Millisecond {
				d.t.Errorf("it wants to sleep for %v", got)
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
		{"a check that found the deadline over ends the term, even if a proof is at hand", nil, func(d *script) {
			d.elected()
			d.at(7)
			d.renewed()
			d.shows(opObserve, "s1", 5)
			d.do(input{kind: inLapsed})
			d.expect("notelected", "relegation: lease expired")
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
	})
}
