package leadership

import (
	"testing"
	"time"
)

// TestStepTakeover says when who comes to hold the key may believe.
func TestStepTakeover(t *testing.T) {
	runScripts(t, []scripted{
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
			d.expectAsks(true, opRelease)
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
			d.expect()
			d.shows(opObserve, "s1", 5)
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
			d.shows(opObserve, "s1", 5)
			d.expect("elected", "elected.first")
		}},
		{"after a wait it believes only what it reads then", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.told = nil
			d.at(1)
			d.answer(opWatch, reply{})
			d.shows(opCampaign, "s1", 5)
			d.answer(opLifetime, reply{lifetime: 5 * time.Second})
			d.at(6)
			d.answer(opObserve, reply{err: errDown}) // not even that it once was so
			d.expect("error: store is down")
			d.at(7)
			d.shows(opObserve, "s3", 6)
			d.expect()
			d.answer(opRelease, reply{})
			d.at(7.1)
			d.opened("s4")
			d.shows(opCampaign, "s3", 6)
			d.expect("notelected by s3")
		}},
		{"a read from before the end of the wait does not count", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.told = nil
			d.answer(opWatch, reply{})
			d.shows(opCampaign, "s1", 5)
			d.answer(opLifetime, reply{lifetime: 8 * time.Second})
			d.at(7)
			d.renewed()
			old, ok := d.open[opObserve]
			if !ok {
				d.t.Fatal("nothing asks to observe")
			}
			d.at(8)
			d.do(input{kind: inReply, reply: reply{op: opObserve, seq: old.seq, seen: Observation{Holder: held("s1", 5)}}})
			d.expect()
			d.shows(opObserve, "s1", 5)
			d.expect("elected", "elected.first")
		}},
		{"all sessions that the store names as earlier holders are waited for, though nobody saw them", nil, func(d *script) {
			d.opened("s1")
			d.answer(opCampaign, reply{seen: Observation{Holder: held("s1", 5), Earlier: []string{"s8", "s9"}}})
			for d.asks(opLifetime) {
				if d.open[opLifetime].session == "s9" {
					d.answer(opLifetime, reply{lifetime: 0})
				} else {
					d.answer(opLifetime, reply{lifetime: 15 * time.Second})
				}
			}
			d.at(7)
			d.renewed()
			d.at(14)
			if d.asks(opRenew) {
				d.renewed()
			}
			d.told = nil
			if d.leads() {
				d.t.Error("believes while s8 may")
			}
			d.at(15)
			d.shows(opObserve, "s1", 5)
			d.expect("elected", "elected.first")
		}},
		{"a resignation says nothing of an earlier holder whose trace is there", nil, func(d *script) {
			d.opened("s1")
			d.answer(opCampaign, reply{seen: Observation{Holder: held("s1", 5), Earlier: []string{"s8"}, Resigned: true}})
			d.expect()
			d.answer(opLifetime, reply{lifetime: 0})
			d.shows(opObserve, "s1", 5)
			d.expect("elected", "elected.first")
		}},
		{"a session that the store names as an earlier holder is waited for, too", nil, func(d *script) {
			d.opened("s1")
			d.answer(opCampaign, reply{seen: Observation{Holder: held("s1", 5), Earlier: []string{"s0"}}})
			d.expect()
			d.answer(opLifetime, reply{lifetime: 0})
			d.expect()
			d.shows(opObserve, "s1", 5)
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
			d.shows(opObserve, "s1", 5)
			d.expect("elected", "elected.first")
		}},
		{"a takeover delay is waited out unless the last holder resigned", &rules{ttl: 15 * time.Second, refresh: 7 * time.Second, drift: time.Second, frequency: 10 * time.Second, reread: 20 * time.Second, takeover: 5 * time.Second}, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s1", 5)
			d.at(4.9)
			d.expect()
			d.at(5)
			d.shows(opObserve, "s1", 5)
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
		{"an earlier holder is doubted from when it held last", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "x", 3)
			d.answer(opWatch, reply{})
			d.shows(opCampaign, "y", 4) // x is doubted until 15 s …
			d.at(9.4)
			d.renewed()
			d.at(10)
			d.answer(opWatch, reply{})
			d.shows(opCampaign, "x", 6) // … and holds again
			d.at(14.5)
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
		{"an earlier holder is doubted for the TTL that is granted, not the one asked for", &rules{ttl: time.Second, refresh: 400 * time.Millisecond, drift: 50 * time.Millisecond, frequency: 10 * time.Second, reread: 20 * time.Second}, func(d *script) {
			d.answer(opOpen, reply{session: "s1", ttl: 2 * time.Second})
			d.shows(opCampaign, "x", 3)
			d.at(0.4)
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
	})
}
