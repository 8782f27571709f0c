package leadership

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestStepCalls says what a member asks of the store, when, and what it tells of the answers.
func TestStepCalls(t *testing.T) {
	often := testRules
	often.frequency = time.Second
	patient := testRules
	patient.reread = 2 * watchLimit
	runScripts(t, []scripted{
		{"a first vote delay is waited out", &rules{ttl: 15 * time.Second, refresh: 7 * time.Second, frequency: 10 * time.Second, reread: 20 * time.Second, delay: 5 * time.Second}, func(d *script) {
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
		{"who resigns again and again stands again a vote period later each time: its sessions did not fail", &often, func(d *script) {
			for i := range 20 {
				d.opened("s1")
				d.shows(opCampaign, "s1", uint64(i+1))
				d.resign()
				d.answer(opRelease, reply{})
				d.expectAsks(false, opOpen)
				d.now = d.now.after(often.frequency)
				d.tick()
				d.expectAsks(true, opOpen)
			}
		}},
		{"elected repeats at the vote frequency", nil, func(d *script) {
			d.elected()
			d.at(7)
			d.renewed()
			d.shows(opObserve, "s1", 5)
			d.at(10)
			d.expect("elected")
		}},
		{"notelected repeats at the vote frequency, and the key is read again now and then: failure 20, a watch that hangs", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.told = nil
			d.at(10)
			d.expect("notelected by s2")
			d.expectAsks(false, opCampaign)
			d.at(20)
			d.expect("notelected by s2")
			d.expectAsks(true, opCampaign)
			hanging := d.open[opWatch].seq
			d.shows(opCampaign, "s3", 9)
			d.expect("notelected by s3")
			if d.open[opWatch].seq == hanging {
				d.t.Error("the watch that missed the change was kept")
			}
		}},
		{"a candidate renews less often than a leader, and two attempts fit in what is left of its session", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.at(9.3)
			d.expectAsks(false, opRenew)
			d.now = instant{}.after(waiting(14 * time.Second))
			d.tick()
			first := d.open[opRenew].limit
			d.now = d.now.after(first)
			d.answer(opRenew, reply{err: context.DeadlineExceeded})
			d.now = d.now.after(firstPause)
			d.tick()
			if second := d.open[opRenew].limit; d.now.after(second).mono > 14*time.Second+firstPause || second < 2*time.Second {
				d.t.Errorf("attempts of %v and %v from 9.33s on", first, second)
			}
		}},
		{"who comes to hold the key renews at once what a leader would have renewed before", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.at(8)
			d.answer(opWatch, reply{})
			d.answer(opCampaign, reply{seen: Observation{Holder: held("s1", 4), Resigned: true}})
			d.expectAsks(true, opRenew)
			if !d.leads() {
				d.t.Error("it waits for that")
			}
		}},
		{"a watch that shows nothing within its limit is made anew, and the key is not read for that", &patient, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			for now := 0.0; now < 60; now += 9.34 {
				d.at(now)
				if d.asks(opRenew) {
					d.renewed()
				}
			}
			d.at(60)
			d.answer(opWatch, reply{err: context.DeadlineExceeded})
			d.expectAsks(true, opWatch)
			d.expectAsks(false, opCampaign)
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
					d.now = d.now.after(d.s.wake(&d.rules, d.now))
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
		{"failure 3: attempts are no longer than they need be where the refresh is far below the TTL", &rules{ttl: 30 * time.Second, refresh: time.Second, drift: time.Second, frequency: 10 * time.Second, reread: 20 * time.Second}, func(d *script) {
			d.elected()
			d.at(1)
			if got := d.open[opRenew].limit; got != time.Second {
				d.t.Errorf("an attempt may take %v", got)
			}
		}},
		{"a store that is down at the start is told about once a vote period, and tried again", nil, func(d *script) {
			for d.now.mono < 25*time.Second {
				if d.asks(opOpen) {
					d.answer(opOpen, reply{err: errDown})
				}
				d.now = d.now.after(d.s.wake(&d.rules, d.now))
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
	})
}
