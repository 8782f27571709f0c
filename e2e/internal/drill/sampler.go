package drill

import (
	"runtime"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
)

const (
	// sampleEvery is the pause between two questions.
	sampleEvery = time.Millisecond
	// tooLong is how long a question takes only if the process is interrupted meanwhile.
	tooLong = 500 * time.Microsecond
	// stoppedFor is a pause between two questions that is noted as one.
	stoppedFor = 100 * time.Millisecond
)

// sampler asks one candidate whether it leads, and notes the answers.
type sampler struct {
	sheet *sheet
	clock func() Instant
	leads bool
	token uint64
	since Instant // the end of the last question
}

// ask asks once.
//
// A term begins right before the question that finds it, and lasts until right after the last question answered with "yes". Where a question was
// interrupted, nobody knows at which end of the interruption the answer was made: it counts at its beginning if it prolongs a term, and not at
// all if it begins one; the next question follows at once.
func (p *sampler) ask(c contender.Contender) (interrupted bool) {
	before := p.clock()
	token, yes := c.Leads()
	after := p.clock()
	p.sheet.samples.Add(1)
	interrupted = after.Sub(before) > tooLong
	if interrupted {
		p.sheet.interrupted.Add(1)
	}
	switch pause := before.Sub(p.since); {
	case p.since == 0:
	case pause > stoppedFor:
		p.sheet.addWake(Wake{Slept: p.since, Woke: before, Led: yes})
	case uint64(pause) > p.sheet.apart.Load():
		p.sheet.apart.Store(uint64(pause))
	}
	p.since = after
	switch {
	case yes && p.leads && token == p.token && interrupted:
		p.sheet.last(before)
	case yes && p.leads && token == p.token:
		p.sheet.last(after)
	case yes:
		if p.leads { // another term began between two questions
			p.sheet.over(before)
			p.leads = false
		}
		if !interrupted {
			p.sheet.begin(Term{Token: token, First: before, Last: after})
			p.leads, p.token = true, token
		}
	case p.leads:
		p.sheet.over(after)
		p.leads = false
	}
	return interrupted
}

// run asks until stop is closed.
func (p *sampler) run(c contender.Contender, stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		if i%1000 == 0 {
			p.sheet.goroutines.Store(uint64(runtime.NumGoroutine()))
		}
		if !p.ask(c) {
			nap(sampleEvery)
		}
	}
}
