package leadership

import "slices"

// seat is a member at the loop that runs it. Only that loop touches it.
type seat struct {
	member  *Member
	state   state
	replay  []ElectionMessage // what a later subscriber gets first
	waiting []resignation
	stopped chan struct{} // of the resignation that the next step is about
	work    works
}

// carrier carries out the requests of one seat.
type carrier interface {
	// cancel ends the calls of these kinds. A reply may still come.
	cancel(ops []op)
	// start makes the call for r and returns at once.
	start(r request)
}

// take takes one step, and what follows from it, and reports whether the member is closed.
func (s *seat) take(in input, calls carrier) (done bool) {
	m := s.member
	for {
		in.now, in.busy = m.clock.now(), s.work.running > 0
		before, awaited := s.state.phase, in.kind == inReply && s.state.calls[in.reply.op].seq == in.reply.seq
		fx := s.state.take(&m.rules, in)
		m.logStep(before, awaited, in, &s.state)
		lapsed := !m.applyTerm(fx, &s.state)
		if s.stopped != nil {
			close(s.stopped)
			s.stopped = nil
		}
		calls.cancel(fx.cancels)
		for _, r := range fx.requests { // before the messages: a successor may wait for one of them
			if r.op == opCampaign && m.strategy != nil {
				r.given, r.doubted = s.state.adopted, s.state.doubted()
			}
			calls.start(r)
		}
		s.replay = m.announce(s.replay, fx.messages)
		if fx.released {
			for _, w := range s.waiting {
				w.answer <- fx.err
			}
			s.waiting = nil
		}
		if fx.done {
			m.err = fx.err
			return true
		}
		if !lapsed {
			break
		}
		in = input{kind: inLapsed}
	}
	s.work.begin(m, &s.state)
	return false
}

// resign is the input for a resignation.
func (s *seat) resign(r resignation) input {
	s.waiting, s.stopped = append(s.waiting, r), r.stopped
	return r.how
}

// enter is the input for work that asks for a term.
func (s *seat) enter(run *workRun) input {
	s.work.asked = append(s.work.asked, run)
	return input{kind: inTick}
}

// leave is the input for work that is over, or asks no longer.
func (s *seat) leave(run *workRun) input {
	if i := slices.Index(s.work.asked, run); i >= 0 {
		s.work.asked = slices.Delete(s.work.asked, i, i+1)
		return input{kind: inTick}
	}
	s.work.running--
	if run.err == nil {
		return input{kind: inTick}
	}
	return input{kind: inFailed, err: run.err, keep: s.member.config.Lead.OnFailure == FailureKeep}
}
