package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
)

// labour is work that a member leads for, while it runs.
type labour struct {
	life *life
	ctx  context.Context //nolint:containedctx // that of the work
	term leadership.Term
	told atomic.Pointer[time.Time] // when its context ended
}

// errWork is how work fails.
var errWork = errors.New("the work failed")

// lead has the member of l lead for work until it is closed.
func (r *play) lead(l *life) {
	if !r.Works {
		return
	}
	r.working.Go(func() {
		err := l.member.Lead(context.Background(), func(ctx context.Context, t leadership.Term) error { return r.work(ctx, l, t) })
		if !errors.Is(err, leadership.ErrClosed) {
			r.referee.fail("Lead of member %d returned %w", l.seat, err)
		}
	})
}

// work waits for its end, which may be its own, and takes a while to return then.
func (r *play) work(ctx context.Context, l *life, t leadership.Term) error {
	rng := rand.New(rand.NewPCG(r.Seed, t.Token()))
	job := &labour{life: l, ctx: ctx, term: t}
	stop := context.AfterFunc(ctx, func() { job.told.Store(new(time.Now())) })
	defer stop()
	seat := r.referee.seats[l.seat]
	// The member that sat here before may have been closed while its work overran the drain time.
	if before := seat.job.Swap(job); before != nil && before.life == l {
		r.referee.fail("work of member %d runs twice at once", l.seat)
	}
	defer seat.job.CompareAndSwap(job, nil)
	own := 100 * r.TTL
	if rng.IntN(4) == 0 {
		own = chance(rng, 2*r.TTL)
	}
	done := time.NewTimer(own)
	defer done.Stop()
	select {
	case <-done.C:
		if rng.IntN(2) == 0 && !r.over() {
			return errWork
		}
		return nil
	case <-ctx.Done():
	}
	if rng.IntN(2) == 0 {
		sleep(chance(rng, 2*r.Drain))
	}
	return fmt.Errorf("stopped: %w", ctx.Err())
}

// probe is what the member of l is asked about its health.
func (l *life) probe(context.Context) error {
	if l.sick.Load() > 0 {
		return errors.New("sick")
	}
	return nil
}

// standDown has a member stand down for a while, at most until the faults stop.
func (r *play) standDown(l *life, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	_ = l.member.StandDown(ctx, d) // its error tells of the store
	r.pause(d)
	_ = l.member.StandDown(context.Background(), 0)
}

// sicken has the probe of a member fail for a while, at most until the faults stop.
func (r *play) sicken(l *life, d time.Duration) {
	l.sick.Add(1)
	r.pause(d)
	l.sick.Add(-1)
}

// confirm calls Confirm.
func (r *play) confirm(l *life, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), asked{}, true), limit)
	defer cancel()
	began, term := time.Now(), l.member.Term()
	err := l.member.Confirm(ctx)
	if took := time.Since(began); took > limit {
		r.referee.fail("Confirm of member %d took %v", l.seat, took)
	}
	if err == nil && !term.Valid() && l.member.Term() == term {
		r.referee.fail("Confirm of member %d confirmed term %d, which was over", l.seat, term.Token())
	}
}

// labours checks that at most one work runs whose context goes on, and that none goes on without its term.
func (r *referee) labours() {
	goingOn := -1
	for _, s := range r.seats {
		job := s.job.Load()
		if job == nil {
			continue
		}
		valid := job.term.Valid()
		switch {
		case job.ctx.Err() != nil:
		case !valid:
			r.failLocked("work of member %d goes on, and its term %d is over", s.number, job.term.Token())
		case goingOn >= 0:
			r.failLocked("works of members %d and %d go on at once", goingOn, s.number)
		default:
			goingOn = s.number
		}
	}
}

// outlives checks that the key is not given back while work runs, before the drain time is over.
func (r *referee) outlives(s *seat, what string) {
	job := s.job.Load()
	if job == nil {
		return
	}
	if told := job.told.Load(); told == nil || time.Since(*told) < r.setup.Drain {
		r.fail("member %d %s while its work runs", s.number, what)
	}
}
