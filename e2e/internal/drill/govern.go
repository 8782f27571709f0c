package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/fault"
)

// commands are what is done to a candidate that is told something. past is how long it takes until a successor leads for certain.
func (e *election) commands(past func() time.Duration) map[Kind]func(context.Context, *seat) error {
	cut := func(s *seat) error { return s.links.Each(func(l *fault.Link) error { return l.Cut(fault.Both) }) }
	resign, sicken, recovers := Command{Verb: Resign}, Command{Verb: Sicken}, Command{Verb: Recover}
	shut, reopen := Command{Verb: Shut}, Command{Verb: Reopen}
	noticed := func() time.Duration { return contender.LookEvery + e.lockDelay() + e.takeover + e.between(0.2, 0.7) } // of a check that fails
	return map[Kind]func(context.Context, *seat) error{
		ToldResign: func(ctx context.Context, s *seat) error {
			return errors.Join(e.have(ctx, s, resign), e.lull(ctx))
		},
		ToldTransfer: func(ctx context.Context, s *seat) error {
			heir := e.another(s)
			return errors.Join(e.haveTransferred(ctx, s, heir, heir.life), e.lull(ctx))
		},
		ToldStandDown: func(ctx context.Context, s *seat) error {
			d := e.between(0.5, 2.5)
			return errors.Join(e.have(ctx, s, Command{Verb: StandDown, For: d}), sleep(ctx, d+e.between(0.1, 0.4)))
		},
		FallsSick: func(ctx context.Context, s *seat) error {
			return errors.Join(e.have(ctx, s, sicken), sleep(ctx, e.between(0.8, 2)), e.have(ctx, s, recovers), sleep(ctx, e.between(0.1, 0.4)))
		},
		OthersResign: func(ctx context.Context, s *seat) error {
			d := e.between(1.8, 2.4)
			until := now().Add(d)
			err := errors.Join(e.have(ctx, s, Command{Verb: StandDown, For: d}), e.othersResign(ctx, s))
			return errors.Join(err, sleep(ctx, until.Sub(now())+e.between(0.1, 0.4)))
		},
		SickOthersResign: func(ctx context.Context, s *seat) error {
			err := errors.Join(e.have(ctx, s, sicken), e.othersResign(ctx, s), sleep(ctx, e.between(0.3, 0.8)))
			return errors.Join(err, e.have(ctx, s, recovers), sleep(ctx, e.between(0.1, 0.4)))
		},
		CutThenResign: func(ctx context.Context, s *seat) error {
			err := errors.Join(cut(s), sleep(ctx, e.between(0, 0.7)), s.proc.tell(resign, -1), sleep(ctx, past()))
			s.links.Heal(ctx)
			return errors.Join(err, e.answered(ctx, s))
		},
		CutThenSick: func(ctx context.Context, s *seat) error {
			err := errors.Join(cut(s), sleep(ctx, e.between(0, 0.7)), e.have(ctx, s, sicken), sleep(ctx, past()))
			s.links.Heal(ctx)
			return errors.Join(err, sleep(ctx, e.between(0, 0.3)), e.have(ctx, s, recovers), sleep(ctx, e.between(0.1, 0.4)))
		},
		LossThenTransfer: func(ctx context.Context, s *seat) error {
			heir := e.another(s)
			err := errors.Join(
				s.links.Each(func(l *fault.Link) error { return l.Lose(fault.Upstream, 0.5) }),
				sleep(ctx, e.between(0, 0.3)), e.haveTransferred(ctx, s, heir, heir.life), sleep(ctx, past()))
			s.links.Heal(ctx)
			return err
		},
		TransferToStopped: func(ctx context.Context, s *seat) error {
			heir, hold := e.another(s), past()
			if e.rng.IntN(2) == 0 { // it goes on while its session lives
				hold = e.between(0.1, 0.8)
			}
			return errors.Join(heir.proc.freeze(), e.haveTransferred(ctx, s, heir, -1), sleep(ctx, hold), heir.proc.thaw())
		},
		TransferToCut: func(ctx context.Context, s *seat) error {
			heir := e.another(s)
			err := errors.Join(cut(heir), e.haveTransferred(ctx, s, heir, -1), sleep(ctx, past()))
			heir.links.Heal(ctx)
			return err
		},
		TransferThenDelete: func(ctx context.Context, s *seat) error {
			heir := e.another(s)
			err := s.proc.tell(Command{Verb: Transfer, To: e.idOf(heir)}, -1)
			if e.rng.IntN(2) == 0 { // as soon as the heir is known to lead
				bounded, cancel := context.WithTimeout(ctx, e.TTL/2)
				_ = await(bounded, func() bool { _, leads := heir.proc.believes(); return leads })
				cancel()
			} else {
				err = errors.Join(err, sleep(ctx, time.Duration(e.rng.Int64N(int64(150*time.Millisecond)))))
			}
			_ = e.store.DeleteKey(ctx, e.key()) // there may be none at that instant
			return errors.Join(err, e.answered(ctx, s), e.lull(ctx))
		},
		ResignThenKill: func(ctx context.Context, s *seat) error {
			err := errors.Join(s.proc.tell(resign, -1), sleep(ctx, time.Duration(e.rng.Int64N(int64(150*time.Millisecond)))))
			return errors.Join(err, s.proc.kill(), sleep(ctx, e.between(0, 0.5)), e.fill(s))
		},
		CheckFails: func(ctx context.Context, s *seat) error {
			return errors.Join(e.have(ctx, s, shut), sleep(ctx, noticed()), e.have(ctx, s, reopen), sleep(ctx, e.between(0.1, 0.8)))
		},
		CutThenCheck: func(ctx context.Context, s *seat) error {
			err := errors.Join(cut(s), e.have(ctx, s, shut), sleep(ctx, noticed()), e.have(ctx, s, reopen))
			s.links.Heal(ctx)
			return err
		},
		DeleteAndCheck: func(ctx context.Context, s *seat) error {
			err := errors.Join(cut(s), e.store.DeleteKey(ctx, e.key()), e.have(ctx, s, shut), sleep(ctx, noticed()), e.have(ctx, s, reopen))
			s.links.Heal(ctx)
			return err
		},
	}
}

// othersResign has the others resign, one after the other, so that nobody is left who stands but the one in that seat, if it does.
func (e *election) othersResign(ctx context.Context, s *seat) error {
	if err := sleep(ctx, e.between(0.7, 0.9)); err != nil { // it is known by then to be sick, and its work has returned
		return err
	}
	for range candidates - 1 {
		leader, err := e.settle(ctx, 0)
		if err != nil {
			return err
		}
		if leader == s {
			return nil // which is for the check to say
		}
		if err := e.have(ctx, leader, Command{Verb: Resign}); err != nil {
			return err
		}
	}
	return nil
}

// another is the seat of one of the other candidates.
func (e *election) another(s *seat) *seat {
	return e.seats[(s.index+1+e.rng.IntN(candidates-1))%candidates]
}

// have has the candidate in a seat carry out c, and waits until it has.
func (e *election) have(ctx context.Context, s *seat, c Command) error {
	return errors.Join(s.proc.tell(c, -1), e.answered(ctx, s))
}

// haveTransferred has it transfer to the candidate in another seat. heir is that one's life if nothing but the strategy keeps it from leading, otherwise -1.
func (e *election) haveTransferred(ctx context.Context, s, to *seat, heir int) error {
	if e.outranked(to) {
		heir = -1 // gives the key on
	}
	return errors.Join(s.proc.tell(Command{Verb: Transfer, To: e.idOf(to)}, heir), e.answered(ctx, s))
}

// answered waits until the candidate has carried out all that it was told.
func (e *election) answered(ctx context.Context, s *seat) error {
	ctx, cancel := context.WithTimeout(ctx, obeyWithin(e.TTL)+closeWithin)
	defer cancel()
	if err := await(ctx, s.proc.obeyed); err != nil {
		return fmt.Errorf("%s does not answer: %w", s.proc.candidate, err)
	}
	return nil
}

// lull waits, half of the time, until who resigned stands again, one vote period later.
func (e *election) lull(ctx context.Context) error {
	if e.rng.IntN(2) == 0 {
		return nil
	}
	return sleep(ctx, e.between(1.05, 1.4))
}

// outranked reports whether another candidate is to lead before the one in that seat, by the election's strategy.
func (e *election) outranked(s *seat) bool {
	candidate := func(of *seat) leadership.Candidate { return leadership.Candidate{ServiceID: e.idOf(of)} }
	return e.strategy == leadership.StrategyRandom && slices.ContainsFunc(e.seats, func(other *seat) bool {
		return leadership.ByChance(e.key(), candidate(other), candidate(s)) > 0
	})
}
