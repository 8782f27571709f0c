package leadership

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Member is one candidate of an election. [ClusterFactory.Build] makes it. All its methods are safe for concurrent
// use, and may be called from a callback of its stream.
type Member struct {
	key       string
	config    *Config
	backend   Backend
	rules     rules
	strategy  Strategy // nil: the store's own order
	sessionID string   // to attach
	clock     *clock
	log       *journal
	values    context.Context //nolint:containedctx // carries the values of Build's context, without its end
	feed      *feed[ElectionMessage]

	term   atomic.Pointer[term] // the last one, over or not; nil before the first
	yields yielding

	once sync.Once // closes
	done chan struct{}
	err  error // of the release; set before done is closed

	loop *loop // nil for a group's member
	post *post // of a group's member; nil for one that has a loop of its own
}

// mailboxSize is how many messages may wait for one subscriber, unless it says otherwise.
const mailboxSize = 256

// replaceable reports whether next may take the place of queued in a full mailbox: repeated messages of the vote frequency and errors may, edges never.
func replaceable(queued, next ElectionMessage) bool {
	switch queued.Status {
	case StatusElected, StatusNotElected, StatusError:
		return queued.Status == next.Status
	case StatusElectedFirst, StatusRelegation:
	}
	return false
}

// IsLeader reports whether this member leads now. It compares the clocks on every call, as [Term.Valid], and does not block.
func (m *Member) IsLeader() bool { return m.Term().Valid() }

// Term is the current term; a Term that is over, or the zero Term, if this member does not lead.
func (m *Member) Term() Term { return Term{m.term.Load()} }

// AsObservable is the stream of the member's election. A subscriber first gets the messages of the current state, then all that
// follow: elected and notelected at the vote frequency, the edges elected.first and relegation at once. It completes after
// Close. Each subscriber has a mailbox of its own, of 256 messages unless its option says otherwise; see [Mailbox] for what happens when it is full.
func (m *Member) AsObservable() Observable[ElectionMessage] { return m.feed.observable() }

// Leader asks the store who leads now: nil if nobody does. It blocks until the store answers or ctx ends, for at most one
// session TTL. It returns [ErrMalformedVote] when the key is held with a value that is no vote.
func (m *Member) Leader(ctx context.Context) (*Vote, error) {
	ctx, cancel := context.WithTimeout(ctx, m.config.Session.TTL)
	defer cancel()
	seen, err := m.backend.Observe(ctx, m.key)
	if err != nil {
		return nil, fmt.Errorf("leadership: leader of %s: %w", m.key, err)
	}
	return readVote(seen.Holder)
}

// Resign gives the term up, so that a waiting candidate is elected at once, and blocks until the store has confirmed it or ctx
// ends; either way the member stops leading before, unless [Member.Lead] runs work: that is told to return, and the term ends once it has,
// or lead.drain is over, even if ctx has ended by then. The member stands again one vote period later. Resign of a member that does not lead
// does nothing. It returns the store's error when the key could not be given back: the member goes on trying, and at the latest it comes
// free when the session ends.
func (m *Member) Resign(ctx context.Context) error {
	return m.giveUp(ctx, input{kind: inResign})
}

// StandDown keeps the member from standing for d: it gives up term or candidacy as Resign does, and stands again when d is over, or at once after
// StandDown with 0. Meanwhile its messages go on and say who leads instead. Where no other member stands, nobody leads. It blocks, and returns errors, as Resign does.
func (m *Member) StandDown(ctx context.Context, d time.Duration) error {
	return m.giveUp(ctx, input{kind: inStandDown, wait: d})
}

// giveUp has the loop take in how, and waits until that has come about.
func (m *Member) giveUp(ctx context.Context, how input) error {
	r := resignation{how: how, stopped: make(chan struct{}), answer: make(chan error, 1)}
	m.tell(func(s *seat) input { return s.resign(r) })
	select { // whatever became of ctx: its turn is never long in coming
	case <-r.stopped:
	case <-m.done:
		return nil
	}
	select {
	case err := <-r.answer:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// resignation is one call of Resign or StandDown.
type resignation struct {
	how     input
	stopped chan struct{} // closed once the member leads no more, or its work has been told to return
	answer  chan error
}

// Close resigns, leaves the election, closes the session and completes the stream. It blocks until work that [Member.Lead] runs has returned, for lead.drain
// at most, and the store has answered, for the time of two requests at most, whatever became of the context given to Build; it does not wait for subscribers. Closing again
// waits for the same end. At etcd, gRPC may take 5 s more to close a connection that takes no more bytes. It returns the store's error when key and session could not be given back: they then come free when the session's TTL is over.
func (m *Member) Close() error {
	m.beginClose()
	<-m.done
	return m.err
}

// beginClose has the loop close the member.
func (m *Member) beginClose() { m.once.Do(func() { m.becomes(input{kind: inClose}) }) }

// applyTerm makes the term what step made of it. It reports false if the term turned out to be over already.
func (m *Member) applyTerm(fx effects, s *state) bool {
	switch fx.term {
	case termStart:
		m.term.Store(newTerm(m.values, m.key, Holder{Session: s.session, Token: s.token}, s.expiry, m.clock, m.lapsed))
	case termExtend:
		return m.term.Load().extend(s.expiry)
	case termEnd:
		m.term.Load().end(fx.cause)
	case termSame:
	}
	if fx.stop != nil {
		m.term.Load().stopWork(fx.stop)
	}
	return true
}

// lapsed wakes the loop, which then finds the deadline over by itself.
func (m *Member) lapsed() { m.tell(tick) }

// announce sends msgs to all subscribers and returns what a later one gets first: the messages of the current state.
func (m *Member) announce(replay, msgs []ElectionMessage) []ElectionMessage {
	if len(msgs) == 0 {
		return replay
	}
	now := time.Now()
	for i := range msgs {
		msgs[i].Time = now
		switch msg := msgs[i]; msg.Status {
		case StatusElected:
			if len(replay) != 2 { // else a repetition: the state began before
				replay = []ElectionMessage{msg}
			}
		case StatusElectedFirst:
			replay = append(slices.Clip(replay), msg)
		case StatusNotElected:
			replay = []ElectionMessage{msg}
		case StatusRelegation, StatusError:
		}
		m.logMessage(msgs[i])
	}
	m.feed.publish(replay, msgs...)
	if m.post != nil {
		m.post.show(replay, msgs)
	}
	return replay
}

// logStep logs what a step did, which began in a phase, and whose reply was awaited or not.
func (m *Member) logStep(before phase, awaited bool, in input, after *state) {
	if m.log == nil {
		return
	}
	if awaited {
		m.logReply(in.reply)
	}
	if before != after.phase {
		m.log.write("State "+before.String()+" to "+after.phase.String(), slog.Uint64(attrTerm, after.token))
	}
}

// logReply logs the end of a request. The lines about the session are those of the Java library.
func (m *Member) logReply(r reply) {
	if r.err != nil && (r.op != opWatch || !errors.Is(r.err, context.DeadlineExceeded)) {
		m.log.write("Failed to "+r.op.String(), slog.Any(attrError, r.err))
		return
	}
	switch r.op {
	case opOpen:
		m.log.write("Session created "+r.session, slog.String(attrSession, r.session), slog.Duration(attrTTL, r.ttl))
		m.log.write("Session refresh scheduled on " + seconds(m.rules.refresh) + " seconds frequency")
		m.log.write("Vote frequency setup on " + seconds(m.rules.frequency) + " seconds frequency")
	case opRenew:
		m.log.write("Session renewed")
	case opCampaign, opObserve:
		m.log.write("Key read", slog.String(attrHolder, r.seen.Holder.Session), slog.Uint64(attrTerm, r.seen.Holder.Token))
	case opWatch:
		m.log.write("Watch returned")
	case opLifetime:
		m.log.write("Earlier holder asked for", slog.Duration(attrLifetime, r.lifetime))
	case opRelease:
		m.log.write("Key and session given back")
	case opCount:
	}
}

// seconds prints d as the Java library does, 7 for 7 s, and fractions where there are any.
func seconds(d time.Duration) string { return fmt.Sprint(d.Seconds()) }

func (m *Member) logMessage(msg ElectionMessage) {
	if m.log != nil {
		m.log.write("Vote "+string(msg.Status), slog.String(attrMessage, msg.String()), slog.Uint64(attrTerm, msg.Term))
	}
}
