package leadership

import "testing"

// transfer resigns in favour of s9.
func (d *script) transfer() {
	d.t.Helper()
	d.do(input{kind: inResign, heir: Vote{SessionID: "s9"}})
}

func TestTransfer(t *testing.T) {
	heir := func(d *script) string {
		d.t.Helper()
		d.expectAsks(true, opRelease)
		return d.open[opRelease].heir.SessionID
	}
	runScripts(t, []scripted{
		{"a leader that gives the key to an heir is relegated, and releases it to that one", nil, func(d *script) {
			d.elected()
			d.transfer()
			d.expect("notelected", "relegation: resigned")
			if r := d.open[opRelease]; r.heir.SessionID != "s9" || !r.sign {
				d.t.Errorf("release %+v", r)
			}
		}},
		{"a release that failed is tried again without an heir: the key may be one that a late campaign took", nil, func(d *script) {
			d.elected()
			d.transfer()
			d.answer(opRelease, reply{err: errDown})
			d.at(0.1)
			if got := heir(d); got != "" {
				d.t.Errorf("heir %q", got)
			}
		}},
		{"while work returns, the heir waits; who closes the member meanwhile does not change who it is", nil, func(d *script) {
			d.elected()
			d.busy = true
			d.transfer()
			d.close()
			d.expectAsks(false, opRelease)
			d.busy = false
			d.at(1)
			if got := heir(d); got != "s9" {
				d.t.Errorf("heir %q", got)
			}
		}},
		{"a resignation while work returns does not take the heir back", nil, func(d *script) {
			d.elected()
			d.busy = true
			d.transfer()
			d.resign()
			d.busy = false
			d.at(1)
			if got := heir(d); got != "s9" {
				d.t.Errorf("heir %q", got)
			}
		}},
		{"who makes way while it waits for work to resign, as it was told to, resigns as it was told to", nil, func(d *script) {
			d.elected()
			d.busy = true
			d.resign()
			d.do(input{kind: inResign, heir: Vote{SessionID: "s7"}, again: true})
			d.busy = false
			d.at(1)
			if got := heir(d); got != "" {
				d.t.Errorf("heir %q", got)
			}
			d.answer(opRelease, reply{})
			d.at(5)
			d.expectAsks(false, opOpen) // a vote period later
			d.at(20)
			d.expectAsks(true, opOpen)
		}},
		{"who makes way stands again at once", nil, func(d *script) {
			d.elected()
			d.do(input{kind: inResign, heir: Vote{SessionID: "s7"}, again: true})
			if got := heir(d); got != "s7" {
				d.t.Errorf("heir %q", got)
			}
			d.answer(opRelease, reply{})
			d.at(2) // not a vote period later
			d.expectAsks(true, opOpen)
		}},
		{"the heir of one term is not that of the next", nil, func(d *script) {
			d.elected()
			d.transfer()
			d.answer(opRelease, reply{})
			d.at(60)
			d.opened("s1b")
			d.shows(opCampaign, "s1b", 15)
			d.expect("notelected", "relegation: resigned", "notelected", "elected", "elected.first")
			d.resign()
			if got := heir(d); got != "" {
				d.t.Errorf("heir %q", got)
			}
		}},
		{"who only waits has nothing to give", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 5)
			d.transfer()
			d.expectAsks(false, opRelease)
			if !d.last.released {
				d.t.Error("TransferTo has not returned")
			}
		}},
		{"who holds the key and does not believe yet gives it back without an heir", nil, func(d *script) {
			d.opened("s1")
			d.shows(opCampaign, "s2", 5)
			d.answer(opWatch, reply{})
			d.shows(opCampaign, "s1", 6)
			d.transfer()
			if r := d.open[opRelease]; r.heir != (Vote{}) || r.sign {
				d.t.Errorf("release %+v", r)
			}
		}},
	})
}
