package leadership

import (
	"errors"
	"testing"
	"time"
)

// TestStepLeaving says how a member gives back what it holds.
func TestStepLeaving(t *testing.T) {
	kept := testRules
	kept.keep = time.Minute
	runScripts(t, []scripted{
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
			d.at(10.9)
			d.expectAsks(false, opOpen) // with a session it could be given the key before it stands
			d.at(11)
			d.opened("s2")
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
			d.answer(opCampaign, reply{seen: Observation{Holder: held("s1", 5), Earlier: []string{"s0"}}})
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
				d.now = d.now.after(d.s.wake(&d.rules, d.now))
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
			d.at(9.4)
			d.answer(opRenew, reply{err: ErrSessionLost})
			d.close()
			d.expect("error: leadership: session lost")
		}},
		{"a resignation after a lapse has it stand a vote period later, too", nil, func(d *script) {
			d.elected()
			d.at(14)
			d.resign()
			d.answer(opRelease, reply{})
			d.at(23.9)
			d.expectAsks(false, opOpen)
			d.at(24)
			d.opened("s2")
			d.expectAsks(true, opCampaign)
		}},
		{"who tries for longer than two leases keeps trying for as long as the store keeps the session", &kept, func(d *script) {
			d.elected()
			d.resign()
			d.answer(opRelease, reply{err: errDown})
			d.at(59)
			d.answer(opRelease, reply{err: errDown})
			d.at(59.9)
			d.expectAsks(false, opOpen)
		}},
		{"a session granted for too short is given back", nil, func(d *script) {
			d.answer(opOpen, reply{session: "s1", ttl: time.Second})
			d.expectAsks(true, opRelease)
			d.expectAsks(false, opCampaign)
		}},
	})
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
