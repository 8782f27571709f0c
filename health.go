package leadership

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// HealthProbe says whether this instance is fit to lead: nil if it is, otherwise why not. Its context ends after health.timeout.
type HealthProbe func(ctx context.Context) error

// errUnprobed is why a member does not stand before its probe has succeeded.
var errUnprobed = errors.New("not probed yet")

// pulse makes of single probes whether a member is well: it takes rise successes in a row to become that, and fall failures to be it no more.
type pulse struct {
	rise, fall int
	well       bool
	streak     int // of probes that speak against well
}

// count takes in one probe and reports whether it changed well.
func (p *pulse) count(err error) (changed bool) {
	if (err == nil) == p.well {
		p.streak = 0
		return false
	}
	p.streak++
	needed := p.rise
	if p.well {
		needed = p.fall
	}
	if p.streak < needed {
		return false
	}
	p.well, p.streak = !p.well, 0
	return true
}

// watchHealth asks the probe again and again, until ctx ends, and tells when the member falls sick or gets well. A probe that does not return
// in time has failed; it is not asked again before it has returned.
func watchHealth(ctx context.Context, set HealthConfig, probe HealthProbe, tell func(input)) {
	p := pulse{rise: set.Rise, fall: set.Fall}
	ticker := time.NewTicker(set.Interval)
	defer ticker.Stop()
	answers := make(chan error, 1)
	for asked, told := false, false; ; {
		if !asked {
			asked = true
			go ask(ctx, probe, set.Timeout, answers)
		}
		var err error
		late := time.NewTimer(set.Timeout)
		select {
		case err = <-answers:
			asked = false
		case <-late.C:
			err = fmt.Errorf("no answer within %v", set.Timeout)
		case <-ctx.Done():
		}
		late.Stop()
		if ctx.Err() != nil {
			return
		}
		first := !told && err != nil && !p.well // it has never been well: say why
		if told = told || err != nil; p.count(err) || first {
			tell(input{kind: inHealth, err: err})
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// ask asks the probe once.
func ask(ctx context.Context, probe HealthProbe, timeout time.Duration, answers chan<- error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	protect(func() error { return probe(ctx) }, func(err error) { answers <- err })
}
