package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
)

// use does what a user does. It reports false for the faults of the world.
func (r *play) use(f Fault) bool {
	l := r.life(f.Member)
	nth := 1 + int(f.Arg%6)
	what := fmt.Sprintf("%s of member %d at %v", f.Kind, f.Member, f.At)
	switch f.Kind { //nolint:exhaustive // the other faults are the world's
	case ResignCall:
		r.user(func() { r.resign(l, f.For) })
	case TransferTo:
		r.user(func() { r.transfer(l, r.name((f.Member+1+int(f.Arg))%r.Members), f.For) })
	case CloseCall, EndContext:
		r.user(func() { r.replace(l, f) })
	case ConfirmCall:
		r.user(func() { r.confirm(l, f.For) })
	case StandDown:
		r.user(func() { r.standDown(l, f.For) })
	case Sicken:
		r.user(func() { r.sicken(l, f.For) })
	case LeaderCall:
		r.user(func() { r.ask(l, f.For) })
	case Listen:
		r.attend(l, what, true, nil)
	case ListenBrief:
		s := r.attend(l, what, true, nil)
		r.user(func() {
			r.pause(f.For)
			s.sub.Unsubscribe()
			heard := len(s.messages())
			r.pause(f.For)
			if now := len(s.messages()); now != heard {
				r.referee.fail("%s: heard %d messages after Unsubscribe", what, now-heard)
			}
		})
	case ListenSlow:
		r.attend(l, what, false, func(*listener, int, leadership.ElectionMessage) {
			timer := time.NewTimer(late(f))
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.released:
			}
		}, leadership.Mailbox(2+nth))
	case ListenStuck:
		r.attend(l, what, false, func(_ *listener, n int, _ leadership.ElectionMessage) {
			if n == nth {
				<-r.released
			}
		}, leadership.Mailbox(2+int(f.Arg%40)))
	case ListenPanic:
		r.attend(l, what, true, func(_ *listener, n int, _ leadership.ElectionMessage) {
			if n == nth {
				panic("a subscriber's")
			}
		})
	case MeddleWith:
		r.meddle(l, f, what, nth)
	default:
		return false
	}
	return true
}

// user runs f beside the members, unless the faults have stopped.
func (r *play) user(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.calm {
		r.users.Go(f)
	}
	return !r.calm
}

// pause waits for d, or until the faults stop.
func (r *play) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.calmed:
	}
}

// attend adds a subscriber.
func (r *play) attend(
	l *life, what string, prompt bool, during func(*listener, int, leadership.ElectionMessage), opts ...leadership.SubscribeOption,
) *listener {
	s := listen(what, prompt, r.Stream(l.member), l.first, during, opts...)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.others = append(l.others, s)
	return s
}

func (l *life) listeners() []*listener {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.others)
}

// resign calls Resign with a context that lasts for limit.
func (r *play) resign(l *life, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	term, began := l.member.Term(), time.Now()
	err := l.member.Resign(ctx) // tells of the store, or of ctx
	if term.Valid() && (err == nil || !r.Works) {
		r.referee.fail("member %d leads term %d after it resigned", l.seat, term.Token())
	}
	if took := time.Since(began); took > limit {
		r.referee.fail("Resign of member %d took %v, and its context lasted for %v", l.seat, took, limit)
	}
}

// transfer calls TransferTo.
func (r *play) transfer(l *life, serviceID string, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), asked{}, true), limit)
	defer cancel()
	term, began := l.member.Term(), time.Now()
	err := l.member.TransferTo(ctx, serviceID)
	if term.Valid() && err == nil {
		r.referee.fail("member %d leads term %d after it gave the key to %s", l.seat, term.Token(), serviceID)
	}
	if took := time.Since(began); took > limit {
		r.referee.fail("TransferTo of member %d took %v, and its context lasted for %v", l.seat, took, limit)
	}
}

// ask calls Leader.
func (r *play) ask(l *life, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), asked{}, true), limit)
	defer cancel()
	began := time.Now()
	_, _ = l.member.Leader(ctx) // what the store says may be anything
	if took := time.Since(began); took > min(limit, r.TTL) {
		r.referee.fail("Leader of member %d took %v", l.seat, took)
	}
}

// replace ends a member, and has another sit down after a while.
func (r *play) replace(l *life, f Fault) {
	if !l.closing.CompareAndSwap(false, true) {
		r.close(l, false)
		return
	}
	if f.Kind == EndContext {
		began := time.Now()
		l.cancel()
		<-l.first.sub.Done()
		if took := time.Since(began); took > r.closing() {
			r.referee.fail("member %d ended %v after its context", l.seat, took)
		}
	}
	r.close(l, false)
	r.await(l.first)
	l.cancel()
	r.pause(f.For)
	r.build(l.seat, false)
}

// meddle has a callback call back.
func (r *play) meddle(l *life, f Fault, what string, nth int) {
	var once atomic.Bool
	r.attend(l, what, false, func(s *listener, n int, _ leadership.ElectionMessage) {
		if n != nth || !once.CompareAndSwap(false, true) || r.over() {
			return
		}
		<-s.started
		switch f.Arg % 5 {
		case 0:
			r.resign(l, f.For)
		case 1:
			if r.user(func() { r.replace(l, Fault{Kind: CloseCall, For: f.For}) }) {
				_ = l.member.Close()
			}
		case 2:
			r.attend(l, what+", from within", true, nil)
		case 3:
			s.sub.Unsubscribe()
			if err := s.sub.Err(); !errors.Is(err, leadership.ErrUnsubscribed) {
				r.referee.fail("%s: unsubscribed within, and the error is %w", what, err)
			}
		default:
			other := r.life((l.seat + 1) % r.Members)
			r.resign(other, f.For)
			r.attend(other, what+", from another's", true, nil)
		}
	})
}

// over says that the faults have stopped.
func (r *play) over() bool {
	select {
	case <-r.calmed:
		return true
	default:
		return false
	}
}
