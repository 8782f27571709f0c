package soak

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/leadership-go/leadership"
)

// operate is an operator who deletes keys and ends sessions. What the store does not do because it is down is not counted.
func (s *side) operate(ctx context.Context, rng *rand.Rand) {
	for sleep(ctx, about(rng, 2*s.FaultEvery)) {
		kind := DeleteKey + Kind(rng.IntN(3))
		attempt, cancel := context.WithTimeout(ctx, s.TTL)
		if s.operateOnce(attempt, rng, kind) {
			s.happened[kind].Add(1)
		}
		cancel()
	}
}

func (s *side) operateOnce(ctx context.Context, rng *rand.Rand, kind Kind) bool {
	key := s.config.Key()
	if kind == DeleteKey {
		return s.store.DeleteKey(ctx, key) == nil
	}
	if kind == EndLeader {
		value, err := s.store.Value(ctx, key)
		if err != nil {
			return false
		}
		vote, err := leadership.ParseVote(value)
		return err == nil && vote.SessionID != "" && s.store.EndSession(ctx, vote.SessionID) == nil
	}
	ids, err := s.store.Sessions(ctx)
	return err == nil && len(ids) > 0 && s.store.EndSession(ctx, ids[rng.IntN(len(ids))]) == nil
}

// serverWithin bounds the restart of a server.
const serverWithin = 90 * time.Second

// breakServers kills and freezes servers, and has them go on.
func (s *side) breakServers(ctx context.Context, rng *rand.Rand) {
	for sleep(ctx, about(rng, s.ServerEvery)) {
		server := rng.IntN(len(s.store.Addrs()))
		kind, lasts := KillServer+Kind(rng.IntN(2)), between(rng, s.TTL/10, 2*s.TTL)
		s.happened[kind].Add(1)
		if err := s.breakServer(ctx, kind, server, lasts); err != nil {
			s.wrong(kind.String(), err)
			return
		}
	}
}

func (s *side) breakServer(ctx context.Context, kind Kind, server int, lasts time.Duration) error {
	if kind == PauseServer {
		if err := s.store.Pause(server); err != nil {
			return err
		}
		sleep(ctx, lasts)
		return s.store.Resume(server)
	}
	if err := s.store.Kill(server); err != nil {
		return err
	}
	sleep(ctx, lasts)
	start, cancel := context.WithTimeout(context.WithoutCancel(ctx), serverWithin)
	defer cancel()
	return s.store.Restart(start, server)
}
