package leadership

import (
	"errors"
	"testing"
	"time"
)

func (d *script) standDown(s float64) {
	d.t.Helper()
	d.do(input{kind: inStandDown, wait: time.Duration(s * float64(time.Second))})
}
func (d *script) health(err error) { d.t.Helper(); d.do(input{kind: inHealth, err: err}) }

var errSick = errors.New("no disk")

func TestStepAside(t *testing.T) {
	runScripts(t, []scripted{
		{"a leader that stands down is relegated, gives everything back, and reads who leads instead", nil, func(d *script) {
			d.elected()
			d.standDown(60)
			d.expect("notelected", "relegation: stood down")
			if r := d.open[opRelease]; !r.sign {
				d.t.Error("without the sign of a resignation")
			}
			d.answer(opRelease, reply{})
			if !d.last.released {
				d.t.Error("StandDown has not returned")
			}
			d.expectAsks(false, opOpen)
			d.shows(opObserve, "s2", 6)
			d.expect("notelected by s2")
		}},
		{"it stands again once the time is over", nil, func(d *script) {
			d.elected()
			d.standDown(60)
			d.answer(opRelease, reply{})
			d.shows(opObserve, "s2", 6)
			d.at(59.9)
			d.expectAsks(false, opOpen)
			d.at(60)
			d.opened("s3")
			d.shows(opCampaign, "s2", 6)
			if d.s.phase != phaseStanding {
				d.t.Errorf("phase %v", d.s.phase)
			}
		}},
		{"it wakes for that by itself", nil, func(d *script) {
			d.elected()
			d.at(1)
			d.standDown(5)
			d.answer(opRelease, reply{})
			d.shows(opObserve, "s2", 6)
			if wait := d.s.wake(&d.rules, d.now); wait != 5*time.Second {
				d.t.Errorf("it wakes after %v", wait)
			}
		}},
		{"a candidate that stands down withdraws, without a sign", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 3)
			d.told = nil
			d.standDown(60)
			d.expect()
			if r, ok := d.open[opRelease]; !ok || r.sign {
				d.t.Errorf("release %v %+v", ok, r)
			}
		}},
		{"who stood down may be allowed to stand again sooner", nil, func(d *script) {
			d.elected()
			d.standDown(60)
			d.answer(opRelease, reply{})
			d.shows(opObserve, "s2", 6)
			d.at(1)
			d.standDown(0)
			d.expectAsks(true, opOpen)
		}},
		{"a leader that is allowed to stand leads on", nil, func(d *script) {
			d.elected()
			d.standDown(0)
			if !d.leads() || !d.last.released {
				d.t.Errorf("leads %v, StandDown returned %v", d.leads(), d.last.released)
			}
		}},
		{"who waits for a resignation is answered where the session is lost while work runs", nil, func(d *script) {
			d.elected()
			d.busy = true
			d.at(6.9)
			d.resign()
			if d.last.released {
				d.t.Error("Resign returned while work runs")
			}
			d.at(7)
			d.answer(opRenew, reply{err: ErrSessionLost})
			if !d.last.released || d.leads() {
				d.t.Errorf("Resign returned %v, leads %v", d.last.released, d.leads())
			}
		}},
		{"a leader that is allowed to stand while its work is returning still gives the key back first", nil, func(d *script) {
			d.elected()
			d.busy = true
			d.standDown(60)
			d.standDown(0)
			if d.last.released {
				d.t.Error("StandDown returned while the term stood")
			}
			d.busy = false
			d.at(1)
			d.expect("notelected", "relegation: stood down")
			d.answer(opRelease, reply{})
			if !d.last.released {
				d.t.Error("StandDown did not return")
			}
		}},
		{"failure 9: a leader that turns out to be sick is relegated, and stands again when it is well", nil, func(d *script) {
			d.elected()
			d.health(errSick)
			d.expect("notelected", "relegation: unhealthy")
			d.answer(opRelease, reply{})
			d.shows(opObserve, "", 0)
			d.at(100)
			d.expectAsks(false, opOpen)
			d.told = nil
			d.health(nil)
			d.expectAsks(true, opOpen)
		}},
		{"a sick member does not stand in the first place, and says why", nil, func(d *script) {
			d.health(errSick)
			d.expect("error: leadership: unhealthy: no disk")
			d.opened("s1") // it was under way
			d.expectAsks(false, opCampaign)
			d.expectAsks(true, opRelease)
		}},
		{"while it stands aside, a key that nobody holds is not taken for its own", nil, func(d *script) {
			d.elected()
			d.standDown(60)
			d.answer(opRelease, reply{})
			d.told = nil
			d.shows(opObserve, "", 0)
			if d.s.phase != phaseAside {
				d.t.Errorf("phase %v", d.s.phase)
			}
			d.expect("notelected")
		}},
		{"it notes whom it has seen hold the key", nil, func(d *script) {
			d.elected()
			d.standDown(60)
			d.answer(opRelease, reply{})
			d.shows(opObserve, "s2", 6)
			d.at(10)
			d.shows(opObserve, "s3", 7)
			if len(d.s.doubts) != 1 || d.s.doubts[0].session != "s2" {
				d.t.Errorf("doubts %+v", d.s.doubts)
			}
		}},
		{"closed while it stands aside, it is done at once", nil, func(d *script) {
			d.elected()
			d.standDown(60)
			d.answer(opRelease, reply{})
			d.close()
			if !d.last.done {
				d.t.Error("it is not")
			}
		}},
	})
}
