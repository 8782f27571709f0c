package leadership

import (
	"testing"
	"time"
)

func TestStepClaim(t *testing.T) {
	fast := testRules
	fast.frequency = 100 * time.Millisecond
	often := testRules
	often.refresh = 100 * time.Millisecond
	runScripts(t, []scripted{
		{"a claim is believed though each read takes longer than a vote period", &fast, func(d *script) {
			d.opened("s1")
			d.at(0.15)
			d.shows(opCampaign, "s1", 5)
			for i := 1; i < 30 && !d.leads(); i++ { // each read takes 150 ms
				for _, at := range []float64{0.05, 0.1, 0.15} {
					d.at(0.15*float64(i) + at)
				}
				if d.asks(opObserve) {
					d.shows(opObserve, "s1", 5)
				}
			}
			if !d.leads() {
				t.Errorf("not believed by %v: holds %t proven, stale %t", d.now.mono, d.s.holds, d.s.stale)
			}
		}},
		{"a key that the store holds back is tried again at least eight times in a lease", nil, func(d *script) {
			d.opened("s1")
			for range 20 {
				if d.asks(opRenew) {
					d.renewed()
				}
				d.answer(opCampaign, reply{seen: Observation{Delayed: true}})
				again := d.s.notBefore[opCampaign]
				if wait := again.mono - d.now.mono; wait < firstPause/2 || wait > 14*time.Second/8 {
					t.Errorf("tried again after %v", wait)
				}
				d.now = again
				d.tick()
			}
		}},
		{"an answer to a read that was under way while the machine slept begins no term, but another read", nil, func(d *script) {
			d.opened("s1")
			d.now.boot += 10 * time.Second // the lease goes on until 14 s
			d.shows(opCampaign, "s1", 5)
			if d.leads() || !d.asks(opObserve) {
				d.t.Fatalf("leads %v, reads again %v", d.leads(), d.asks(opObserve))
			}
			d.shows(opObserve, "s1", 5)
			if !d.leads() {
				d.t.Error("not believed at once")
			}
		}},
		{"a vote period that ends during the campaign costs no further read", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.at(9.9)
			if d.asks(opRenew) {
				d.renewed()
			}
			d.answer(opWatch, reply{})
			d.at(10) // vote
			d.answer(opCampaign, reply{seen: Observation{Holder: held("s1", 5), Resigned: true}})
			if !d.leads() {
				d.t.Errorf("not believed at once")
			}
		}},
		{"a claim is believed though each read takes longer than a renewal", &often, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.answer(opWatch, reply{})
			d.shows(opCampaign, "s1", 5)
			d.answer(opLifetime, reply{})
			for i := 1; i < 60 && !d.leads(); i++ { // each answer takes 150 ms, the renewal's comes first
				d.at(0.15 * float64(i))
				if d.asks(opRenew) && d.s.calls[opRenew].sent.mono < d.now.mono {
					d.renewed()
				}
				if d.asks(opObserve) && d.s.calls[opObserve].sent.mono < d.now.mono {
					d.shows(opObserve, "s1", 5)
				}
			}
			if !d.leads() {
				t.Errorf("not believed by %v: holds %t, stale %t", d.now.mono, d.s.holds, d.s.stale)
			}
		}},
		{"who loses the key before it believes gives its session back: the trace of its holding would hold up every successor", nil, func(d *script) {
			for _, now := range []Holder{held("s2", 7), {}, held("s1", 9)} { // taken by another; by nobody; by a late campaign of its own
				d := newScript(d.t, testRules)
				d.opened("s1")
				d.answer(opCampaign, reply{seen: Observation{Holder: held("s1", 5), Earlier: []string{"s0"}}})
				d.answer(opLifetime, reply{lifetime: 15 * time.Second})
				d.at(7)
				d.renewed()
				d.answer(opObserve, reply{seen: Observation{Holder: now}})
				if r, ok := d.open[opRelease]; !ok || r.sign || d.leads() {
					d.t.Errorf("%+v: release %v, sign %t, leads %v", now, ok, r.sign, d.leads())
				}
			}
		}},
		{"a session that was given, and loses each key before it believed, stands ever more slowly", nil, func(d *script) {
			d.s.attach = true
			d.opened("s1")
			var waits []time.Duration
			for i := range 6 {
				d.answer(opCampaign, reply{seen: Observation{Holder: held("s1", uint64(5+i)), Earlier: []string{"s0"}}})
				d.answer(opWatch, reply{})
				d.shows(opObserve, "", 0)
				d.answer(opRelease, reply{})
				d.expectAsks(false, opCampaign)
				again := d.s.notBefore[opCampaign]
				waits = append(waits, again.mono-d.now.mono)
				d.now = again
				d.tick()
			}
			if waits[0] < firstPause/2 || waits[5] < 8*waits[0] {
				d.t.Errorf("it waited for %v", waits)
			}
		}},
		{"a key that the own session got anew is not given back with a sign", nil, func(d *script) {
			d.elected()
			d.at(7)
			d.renewed()
			d.shows(opObserve, "s1", 9) // deleted, taken by others maybe, and by a late campaign of ours
			if r, ok := d.open[opRelease]; !ok || r.sign {
				t.Errorf("release %v, sign %t", ok, r.sign)
			}
		}},
	})
}
