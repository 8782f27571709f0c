package leadership

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Standing is how an election stands, as the store shows it to somebody who takes no part.
type Standing struct {
	// Leader is the vote of who holds the key; nil when nobody does, or when Err says that it is not known. The holder of a key may have stopped leading
	// shortly before it loses it, and may not have begun when it gets it. All subscribers share it: don't change it.
	Leader *Vote
	// Term is the fencing token of the leader's term, 0 when nobody leads.
	Term uint64
	// Candidates are all who stand, as [Backend.Candidates] lists them. All subscribers share it: don't change it.
	Candidates []Candidate
	// Err says why the store could not be read, or that the leader's vote is none ([ErrMalformedVote]); nil otherwise. With a Leader, it says why the candidates
	// are not known.
	Err error
	// Time is when this was found out, by the local wall clock.
	Time time.Time
}

// MarshalJSON writes {"time","leader","term","candidates","error"}; leader and error are null when absent.
func (s Standing) MarshalJSON() ([]byte, error) {
	out := struct {
		Time       time.Time   `json:"time"`
		Leader     *Vote       `json:"leader"`
		Term       uint64      `json:"term"`
		Candidates []Candidate `json:"candidates"`
		Error      *string     `json:"error"`
	}{s.Time, s.Leader, s.Term, append([]Candidate{}, s.Candidates...), nil}
	if s.Err != nil {
		out.Error = new(s.Err.Error())
	}
	return json.Marshal(out)
}

// same reports whether s tells nothing that other does not tell.
func (s Standing) same(other Standing) bool {
	votes := s.Leader == nil && other.Leader == nil || s.Leader != nil && other.Leader != nil && *s.Leader == *other.Leader
	errs := s.Err == nil && other.Err == nil || s.Err != nil && other.Err != nil && s.Err.Error() == other.Err.Error()
	return votes && errs && s.Term == other.Term && slices.EqualFunc(s.Candidates, other.Candidates, Candidate.Equal)
}

// ElectionObserver follows an election without standing. [ClusterFactory.Observer] makes it. All its methods are safe for concurrent use.
type ElectionObserver struct {
	config  Config
	backend Backend
	log     *journal
	feed    *feed[Standing]
	last    atomic.Pointer[Standing]
	begin   sync.Once // of the end
	closing context.CancelFunc
	done    chan struct{}
	err     error // of the backend's Close; set before done is closed
}

// Observer follows the election that the settings name, until Close or the end of ctx, without standing in it: nobody counts on it, and it needs only the right
// to read. Settings are checked as by Build; those of the session bound how long a read may take, and what waits for changes is renewed every
// election.frequency. At Consul it finds out who waits whenever the leader changes, and every election.frequency. There is nothing to observe in single mode. Session and Health are of no use to it.
func (f *ClusterFactory) Observer(ctx context.Context) (*ElectionObserver, error) {
	if f.mode == ModeSingle {
		return nil, InvalidConfig("mode", `"single"`, "has no election to observe")
	}
	cfg, backend, err := f.prepare()
	if err != nil {
		return nil, err
	}
	values := context.WithoutCancel(ctx)
	o := &ElectionObserver{
		config: cfg, backend: backend,
		log:  newJournal(values, f.debug, f.logger, cfg),
		feed: newFeed(mailboxSize, func(_, _ Standing) bool { return true }),
		done: make(chan struct{}),
	}
	ctx, o.closing = context.WithCancel(ctx)
	go o.run(ctx)
	return o, nil
}

// AsObservable is the stream of the election's standing. A subscriber first gets the last one, if there is one yet, and then each that differs from the one before:
// another leader, nobody, another list of candidates, an error, and what comes after it. It completes after Close. When a subscriber's mailbox is
// full, the oldest standing is left out.
func (o *ElectionObserver) AsObservable() Observable[Standing] { return o.feed.observable() }

// Standing is the last one that the stream told; the zero Standing before the first. It does not block.
func (o *ElectionObserver) Standing() Standing {
	if s := o.last.Load(); s != nil {
		return *s
	}
	return Standing{}
}

// Close ends the observation and completes the stream. It waits for calls under way, which return soon, and not for subscribers. It returns the error with which the
// backend was closed. Closing again waits for the same end.
func (o *ElectionObserver) Close() error {
	o.begin.Do(o.closing)
	<-o.done
	return o.err
}

// run reads, waits for a change, and reads again. What failed is tried again after a pause that grows.
func (o *ElectionObserver) run(ctx context.Context) {
	defer close(o.done)
	defer o.closing()
	for failures := 0; ctx.Err() == nil; {
		next := time.Now().Add(firstPause) // however many changes there are
		seen, err := o.look(ctx)
		if err == nil {
			err = o.await(ctx, seen)
		}
		if err == nil {
			failures = 0
		} else {
			failures++
			full := min(firstPause<<min(failures-1, 10), lastPause)
			next = time.Now().Add(full/2 + rand.N(full/2+1))
		}
		rest(ctx, time.Until(next))
	}
	o.err = o.backend.Close()
	o.feed.close(nil)
	o.log.close(o.config.Session.attempt())
}

// look reads how the election stands, and tells it. An error is one of reading.
func (o *ElectionObserver) look(closing context.Context) (Observation, error) {
	ctx, cancel := context.WithTimeout(closing, o.config.Session.attempt())
	defer cancel()
	var s Standing
	seen, err := o.backend.Observe(ctx, o.config.Key())
	if err == nil {
		s.Term = seen.Holder.Token
		s.Leader, s.Err = readVote(seen.Holder)
		s.Candidates, err = o.backend.Candidates(ctx, o.config.Key())
	}
	if closing.Err() != nil {
		return seen, context.Cause(closing)
	}
	if err != nil {
		s.Err = fmt.Errorf("leadership: observe %s: %w", o.config.Key(), err)
	}
	o.tell(s)
	return seen, err
}

// tell publishes s, if it is news.
func (o *ElectionObserver) tell(s Standing) {
	last := o.last.Load()
	if last != nil && s.same(*last) {
		return
	}
	s.Time = time.Now()
	o.last.Store(&s)
	o.log.write("Standing", slog.Any(attrLeader, s.Leader), slog.Uint64(attrTerm, s.Term), slog.Int(attrCandidates, len(s.Candidates)), slog.Any(attrError, s.Err))
	o.feed.publish([]Standing{s}, s)
}

// await waits until the election may stand otherwise than seen, for a vote period at most.
func (o *ElectionObserver) await(ctx context.Context, seen Observation) error {
	limited, cancel := context.WithTimeout(ctx, o.config.Election.Frequency)
	defer cancel()
	err := o.backend.Watch(limited, o.config.Key(), seen)
	if limited.Err() != nil {
		return nil
	}
	return err
}

// rest waits for d, or the end of ctx.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
