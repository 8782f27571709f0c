package consul

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// Who stands publishes that in a key of its own below the election's, on its session: so the others know who waits, since when, and what it says of itself. By that the leader
// tells, when it resigns, whose turn is next. All others hold back for a moment then, and need not ask for the key all at once.

// candidaciesOf is what the candidacies of an election begin with. What follows is the session.
func candidaciesOf(key string) string { return key + "/candidates/" }

func candidacyOf(key, session string) string { return candidaciesOf(key) + session }

// publication writes the own candidacy. value is the vote that stands for it.
func (s *session) publication(key string, value []byte) *api.KVTxnOp {
	vote, _ := leadership.ParseVote(value) // of what is none, nothing is known
	about := leadership.Candidate{ServiceID: vote.ServiceID, Profile: s.backend.profile}.Encode()
	return &api.KVTxnOp{Verb: api.KVLock, Key: candidacyOf(key, s.id), Session: s.id, Value: about}
}

// publish writes the own candidacy by itself. Where the session is dead it says so.
func (s *session) publish(ctx context.Context, key string, value []byte) error {
	what := "stand for key " + key
	_, verdict, err := s.backend.transact(ctx, what, s.publication(key, value))
	switch {
	case err != nil:
		return err
	case verdict != verdictDone:
		return fmt.Errorf("consul: %s: %w", what, errRaces)
	}
	s.stands(key, true)
	return nil
}

// unpublish takes the candidacy back of who holds no key, and of a session that does not take it along when it ends.
func (s *session) unpublish(ctx context.Context, key string) error {
	if !s.standing(key) || !s.attached && s.backend.behavior == api.SessionBehaviorDelete {
		return nil
	}
	if _, _, err := s.backend.transact(ctx, "withdraw from key "+key, &api.KVTxnOp{Verb: api.KVDelete, Key: candidacyOf(key, s.id)}); err != nil {
		return err
	}
	s.stands(key, false)
	return nil
}

// ownCandidacy reads one, or nil. It may be stale.
func (b *backend) ownCandidacy(ctx context.Context, key, session string) (*api.KVPair, error) {
	ctx, cancel := bound(ctx, requestTimeout)
	defer cancel()
	state, err := b.get(ctx, "read the candidacy for key "+key, candidacyOf(key, session), b.reading(ctx))
	return state.entry, err
}

// listCandidacies reads who stands for key, the oldest first, and what dead sessions with kept keys left.
func (b *backend) listCandidacies(ctx context.Context, key string) (list []leadership.Candidate, left []*api.KVPair, err error) {
	entries, err := b.list(ctx, "list the candidates for key "+key, candidaciesOf(key))
	if err != nil {
		return nil, nil, err
	}
	slices.SortStableFunc(entries, func(a, b *api.KVPair) int { return cmp.Compare(a.CreateIndex, b.CreateIndex) })
	for _, entry := range entries {
		session, ok := strings.CutPrefix(entry.Key, candidaciesOf(key))
		switch {
		case !ok || !isSessionID(session):
		case entry.Session == session:
			c, err := leadership.ParseCandidate(session, entry.Value)
			if err != nil {
				c = leadership.Candidate{Session: session}
			}
			list = append(list, c)
		case entry.Session == "":
			left = append(left, entry)
		}
	}
	return list, left, nil
}

const (
	// nextFor is for how long a leader takes the next candidate that it found for the next one: whether that one is still there is asked again when it matters.
	nextFor = 2 * time.Minute
	// nextWait bounds the look for it.
	nextWait = time.Second
	// hush is for how long the others ask nothing at all, so that the one that is next is alone.
	hush = 150 * time.Millisecond
	// leastGrace and mostGrace are for how long after that each of them holds back, which chance decides: where the one that is next has died, or is slow, they don't ask all at once either.
	leastGrace = 150 * time.Millisecond
	mostGrace  = 1150 * time.Millisecond
)

// holdBack gives the one that is next time to take the key, which had that index, and returns what is there then.
func (b *backend) holdBack(ctx context.Context, key string, index uint64) (keyState, error) {
	if err := sleep(ctx, hush); err != nil {
		return keyState{}, fmt.Errorf("consul: watch key %s: %w", key, err)
	}
	return b.awaitKey(ctx, key, index, leastGrace+rand.N(mostGrace-leastGrace))
}

// next is whose turn it is after the leader that knows it.
type next struct {
	session string // "" while nobody waits
	at      time.Time
}

// lookForNext has the holder of key find out who is next. What fails is tried again at the next look: without it everybody asks.
func (s *session) lookForNext(ctx context.Context, key string) {
	if n := s.next(key); n.session != "" && time.Since(n.at) < nextFor {
		return
	}
	ctx, cancel := bound(ctx, nextWait)
	defer cancel()
	list, left, err := s.backend.listCandidacies(ctx, key)
	if err != nil {
		return
	}
	s.setNext(key, next{firstOf(list, s.id), time.Now()})
	s.backend.sweepDead(ctx, left)
}

// firstOf is the candidate that waits longest, besides own. Of several sessions of one instance only the last counts: those before it are of processes that crashed.
func firstOf(list []leadership.Candidate, own string) string {
	for i, c := range list {
		again := func(other leadership.Candidate) bool { return other.ServiceID == c.ServiceID }
		if c.Session != own && (c.ServiceID == "" || !slices.ContainsFunc(list[i+1:], again)) {
			return c.Session
		}
	}
	return ""
}

// flagNext marks, in the upper half, the flags of a key that a leader gave back which knew who is next; the lower half tells the session.
const flagNext uint64 = 0x6e657874_00000000

func flagsOf(session string) uint64 {
	if session == "" {
		return 0
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(session))
	return flagNext | uint64(sum.Sum32())
}

// turn says whose turn a free key names: that of session, somebody else's, or nobody's.
func turn(entry *api.KVPair, session string) (own, other bool) {
	if entry == nil || entry.Session != "" || entry.Flags&^uint64(1<<32-1) != flagNext {
		return false, false
	}
	own = entry.Flags == flagsOf(session)
	return own, !own
}
