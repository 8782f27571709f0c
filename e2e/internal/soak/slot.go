package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/fault"
)

// slot is one place in an election: a member that reaches its store over a link of its own, and its successors.
type slot struct {
	*side
	index int
	rng   *rand.Rand // of the faults

	mu     sync.Mutex
	built  int
	member *leadership.Member
	link   *fault.Link
	voice  *listener
}

// build puts a new member there.
func (s *slot) build(ctx context.Context) error {
	addrs := s.store.Addrs()
	link, err := fault.NewLink(addrs[s.index%len(addrs)])
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	config := s.config
	config.ServiceID = fmt.Sprintf("%d.%d", s.index, s.built)
	s.built++
	member, err := s.store.Factory(link.Addr()).Configure(config).Build(context.WithoutCancel(ctx)) // it is closed
	if err != nil {
		link.Close()
		return err
	}
	s.member, s.link, s.voice = member, link, s.listen(member, 0)
	s.witness.Add(member)
	return nil
}

// current is who is there now.
func (s *slot) current() *leadership.Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.member
}

// errLeads: a member that is closed says that it leads.
var errLeads = errors.New("it leads")

// leave closes the member and all that belongs to it.
func (s *slot) leave(ctx context.Context) {
	if err := s.member.Close(); err != nil {
		s.refused.Add(1)
	}
	if s.member.IsLeader() {
		s.wrong("a member that is closed", errLeads)
	}
	s.witness.Remove(s.member)
	s.link.Close()
	s.wrong(fmt.Sprintf("the stream of member %d.%d", s.index, s.built-1), s.voice.end(ctx))
}

// disturb does something to the member or its link, again and again. Whatever it does is over when it returns.
func (s *slot) disturb(ctx context.Context) {
	for sleep(ctx, about(s.rng, s.FaultEvery)) {
		kind := Kind(s.rng.IntN(int(RebuildCut) + 1))
		s.happened[kind].Add(1)
		if err := s.do(ctx, kind); err != nil {
			s.wrong(kind.String(), err)
			return
		}
	}
}

func (s *slot) do(ctx context.Context, kind Kind) error {
	lasts := between(s.rng, s.TTL/10, 2*s.TTL)
	switch kind {
	case Reset:
		if err := s.link.Reset(); err != nil {
			return err
		}
		sleep(ctx, lasts/4)
	case CutUpstream, CutDownstream, CutBoth:
		way := map[Kind]fault.Direction{CutUpstream: fault.Upstream, CutDownstream: fault.Downstream, CutBoth: fault.Both}[kind]
		if err := s.link.Cut(way); err != nil {
			return err
		}
		sleep(ctx, lasts)
	case Slow:
		if err := s.link.Delay(between(s.rng, 10*time.Millisecond, s.TTL/4)); err != nil {
			return err
		}
		sleep(ctx, lasts)
	case Resign:
		s.resign(ctx)
		return nil
	case RebuildCut:
		if err := s.link.Cut(fault.Both); err != nil {
			return err
		}
		fallthrough
	case Rebuild:
		s.leave(ctx)
		return s.build(ctx)
	case DeleteKey, EndLeader, EndSession, KillServer, PauseServer, Subscription, kinds:
		return fmt.Errorf("soak: no %v of a member", kind)
	}
	s.link.Heal(context.WithoutCancel(ctx))
	return nil
}

// resign has whoever leads resign: this member, or another one.
func (s *slot) resign(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.TTL)
	defer cancel()
	for _, other := range s.slots {
		m := other.current()
		if !m.IsLeader() {
			continue
		}
		if m.Resign(ctx) != nil {
			s.refused.Add(1)
		}
		return
	}
}
