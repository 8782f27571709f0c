package leadership

import (
	"context"
	"errors"
	"time"
)

// Backend is a coordination store as the election sees it. An implementation
// only translates calls and errors: it keeps no timers, decides nothing, and repeats
// within a call only what its store's own client would. The member's loop does the rest, once, for every store.
//
// Every method, here and on [Session], fulfils these rules; package sourcetest checks them:
//
//  1. It MUST return soon after ctx ends, with an error that wraps the context's
//     cause, whatever the network does. A call of which the outcome is unknown is an error.
//  2. It MUST be safe for concurrent use.
//  3. At any instant at most one session MUST hold a key.
//  4. The token of a key MUST grow strictly from one holding to the next, also
//     across deletion of the key. To the session that holds the key it MUST stay the same
//     during one holding; to others it SHOULD.
//  5. A session MUST NOT end by itself sooner than its TTL after the last successful
//     Renew was called, or after Open was called where there was none; or else, from its end on, the store MUST give the key that it
//     held to nobody for as long as the TTL, and Lifetime of a session that has ended MUST be the TTL, too.
//  6. A session or lease that the store no longer knows MUST be reported as
//     [ErrSessionLost], and nothing else may be. A refused permission or credential MUST be
//     reported as [ErrDenied]. All other errors are transient. The store's own error MUST stay wrapped.
//  7. A refused read MUST be an error, never "nobody leads".
//  8. No method may read the clock into a result: deadlines are computed by the
//     caller from the instant before the call.
//  9. A holding MUST leave a trace that is not the key: an operator who deletes the key takes it from a session that lives on, and whose member may be
//     cut off and believe. To the session that holds the key, [Observation.Earlier] MUST, unless Resigned is true, name each other session that held it before and was told so by Campaign, lives on, and has not given it
//     back since, also where nobody but that session had ever looked at the key. For who holds the key next the trace goes with Resign and Transfer, for
//     all with the end of its session. Others that stood before MAY be named: that costs a wait.
type Backend interface {
	// Open creates a session that lives for ttl unless renewed. The store may grant a longer TTL.
	Open(ctx context.Context, ttl time.Duration) (Session, error)
	// Attach adopts the live session id, made by somebody else with ttl.
	// Closing an attached session leaves it as it is. Attach renews the session once, so that the TTL counts from this call.
	Attach(ctx context.Context, id string, ttl time.Duration) (Session, error)
	// Observe is a linearizable read of who holds key.
	Observe(ctx context.Context, key string) (Observation, error)
	// Lifetime says for how long the holder of session may at most believe in a key that it no longer holds, from when it lost it: 0 when the store
	// does not know the session (which is no error; but see rule 5), otherwise its whole TTL. What is left of the TTL MUST NOT be told: a
	// renewal may be under way whose sender has already read the key.
	Lifetime(ctx context.Context, session string) (time.Duration, error)
	// Candidates lists who stands for key: the holder first, then who waits, in the order of succession where the store has one. Where
	// the store does not know who waits, it is the holder, and what can be told from sessions. Of a member it tells the profile, too, soon after that began to stand.
	Candidates(ctx context.Context, key string) ([]Candidate, error)
	// Watch blocks, for who does not stand, until another one may hold key since seen was read. It returns nil then, and spurious
	// returns are allowed, when candidates come and go as well. What is said at [Session.Watch] about errors holds here, too.
	Watch(ctx context.Context, key string, seen Observation) error
	// Traits says what complete settings mean at this store. It does not ask the store.
	Traits(cfg Config) Traits
	// Close frees what the backend itself made (connections, a client of its own), not a client it was given.
	// Sessions are closed before.
	Close() error
}

// Surveyor is what a [Backend] may implement besides, for groups: it reads and watches many keys by one request, as long as nothing changes. Revisions are those of
// [Observation], which compare among all keys then; that of a key may be as low as its latest change, since a read of it that begins after some revision was told shows it as of that one or later. The rules of [Backend] apply, and these:
//
//  10. Survey MUST name each key that does not stand, at some instant after Survey was called, exactly as it stood at revision since: the same holder, token
//     and value, with the revision of its latest change, or a later one. It MAY name others. revision MUST be that of the instant.
//  11. Await MUST name, with the revision of its latest change, each key that [Session.Watch] of session would return for in the changes after since up to revision. It MAY name others.
//     What [Session.Watch] does for Campaign and Resign to know, Await MUST do as well, unless they only do faster with it.
type Surveyor interface {
	// Survey asks, linearizably, which of keys have changed since the revision since, which is not 0.
	Survey(ctx context.Context, keys []string, since uint64) (changed map[string]uint64, revision uint64, err error)
	// Await blocks until the standing of session, which this backend has made, may have changed in any of keys since the revision since. It may return with nothing changed; revision
	// is where the next Await goes on from. What is said at [Session.Watch] about errors holds here, too.
	Await(ctx context.Context, session Session, keys []string, since uint64) (changed map[string]uint64, revision uint64, err error)
}

// Session is a liveness lease at the store under which keys are held: a Consul session, an etcd lease.
// The rules of [Backend] apply.
type Session interface {
	// ID is the store's name for the session, unique for ever.
	ID() string
	// TTL is what the store granted.
	TTL() time.Duration
	// Renew extends the session by its TTL, counted from the moment Renew was called.
	Renew(ctx context.Context) error
	// Campaign stands for key with value and reports, without waiting, how the election stands afterwards. It is idempotent: a
	// session that already stands keeps its place, one that holds the key keeps holding, token and value
	// untouched. Where the session is dead it returns [ErrSessionLost]. On any error it
	// MAY have taken effect; Resign undoes it. A key that nobody holds but that carries data which is no
	// vote is left untouched: [ErrKeyConflict].
	Campaign(ctx context.Context, key string, value []byte) (Observation, error)
	// Watch blocks until this session's standing in key may have changed since seen was read: another holder, the held key
	// gone or taken, the predecessor gone. An operator who removes a candidacy that waits MAY be noticed by the next read only. It returns nil then, and spurious returns are allowed. A watch that can't go on
	// returns an error, never nil; and it never ends in silence.
	Watch(ctx context.Context, key string, seen Observation) error
	// Resign gives key back, or withdraws the candidacy, so that a waiter's Watch returns at once and its next
	// observation is marked Resigned where the store can show that. vote is the sign of it that stores which need one leave behind: a vote without
	// a session id. It is nil where the session held the key but its member never believed: then no resignation may show.
	// Resigning without standing is no error.
	Resign(ctx context.Context, key string, vote []byte) error
	// Transfer gives key back as Resign does, and to heir: the session that heir names holds key next, and nobody in between. heir is the vote
	// that it stands with. Where heir does not stand for key, or its turn can't be brought forward, [ErrNoCandidate] says so, and the session holds key as before. Only
	// a session that holds key may transfer it, and a transfer that the store carries out late MUST NOT end another holding than the one at the time of the call. A store that keeps no line gives key to any live session that heir names.
	Transfer(ctx context.Context, key string, vote []byte, heir Vote) error
	// Close resigns nothing. It ends the session at the store, so that everything still held under it is freed;
	// an attached session is left alone. Closing a session that the store no longer knows is no error.
	Close(ctx context.Context) error
}

// Observation is what one read of an election key showed.
type Observation struct {
	// Holder has the key; the zero Holder when nobody has.
	Holder Holder
	// Resigned says that the holder before this one is known to have given the key back by itself:
	// nobody can still believe in an earlier term. False when the store can't tell.
	Resigned bool
	// Earlier are sessions that held the key before, or may have, and of which nothing says that they believe no more: see [Backend.Lifetime]. To the session
	// that holds the key rule 9 says which must be there; to others they need not be told.
	Earlier []string
	// Delayed says that nobody holds the key and that the store does not give it
	// out yet (Consul's lock-delay). No watch reports the end of it.
	Delayed bool
	// Revision is where [Session.Watch] goes on from. It belongs to the backend.
	Revision uint64
}

// Holder is who has an election key.
type Holder struct {
	// Session is the id of the session that holds the key, "" when nobody does.
	Session string
	// Token is the fencing token of this holding.
	Token uint64
	// Value is what stands in the key: a vote, unless somebody else wrote it.
	Value []byte
}

// Traits are what [ClusterFactory.Explain] has to know of a store.
type Traits struct {
	// Store is the store's name, "Consul".
	Store string
	// TTL is what the store grants where session.ttl is asked for.
	TTL time.Duration
	// Linger is how much longer than its TTL the store may keep a session that is no longer renewed.
	Linger time.Duration
	// LockDelay is for how long nobody gets the key after the session of its holder has ended.
	LockDelay time.Duration
	// Notice is how soon the store notices that the process of a holder has died, and ends its session; 0 where only the TTL tells.
	Notice time.Duration
	// Polls says that nothing tells of changes: candidates find out when they read.
	Polls bool
	// RenewRequests, ReadRequests and CampaignRequests are how many requests it takes to renew a session, to read a key, and to stand for one that another holds.
	RenewRequests, ReadRequests, CampaignRequests int
	// WatchPeriod is how long one request of a watch lasts while nothing changes.
	WatchPeriod time.Duration
	// WatchBound is within what time a watch that hangs ends with an error; 0 where it may hang for as long as it is left to.
	WatchBound time.Duration
	// Assumes are clauses that say what "never two leaders" rests on at this store, beyond what every election assumes.
	Assumes []string
	// Notes are clauses that say what else can keep an election without a leader.
	Notes []string
	// Risks are clauses, each about one setting that makes an election at this store less safe, or less lively, than it could be.
	Risks []string
}

// The errors that this package and its backends report. Test for them with [errors.Is]; the store's own error stays
// in the chain.
var (
	// ErrInvalidConfig: a setting breaks a rule. The text names the field, the value and the rule. Final: Build fails.
	ErrInvalidConfig = errors.New("leadership: invalid config")
	// ErrSessionLost: the store no longer knows the session. Final for that session; the member makes a new one.
	ErrSessionLost = errors.New("leadership: session lost")
	// ErrDenied: the store refused a credential or a permission. Transient: it may be granted again.
	ErrDenied = errors.New("leadership: denied by the store")
	// ErrKeyLost: the leader's key was deleted, or belongs to another session.
	ErrKeyLost = errors.New("leadership: key lost")
	// ErrKeyConflict: the key holds data that is no vote and that nobody holds. It is not overwritten.
	ErrKeyConflict = errors.New("leadership: key holds somebody else's data")
	// ErrLeaseExpired: no proof of leadership arrived before the deadline of the last one.
	ErrLeaseExpired = errors.New("leadership: lease expired")
	// ErrResigned: the member gave its term up through Resign.
	ErrResigned = errors.New("leadership: resigned")
	// ErrNoCandidate: who is to lead next does not stand, or can't be given the key.
	ErrNoCandidate = errors.New("leadership: no such candidate")
	// ErrNotLeader: the member does not lead.
	ErrNotLeader = errors.New("leadership: not the leader")
	// ErrStoodDown: the member gave its term up through StandDown.
	ErrStoodDown = errors.New("leadership: stood down")
	// ErrUnhealthy: the member's health probe failed too often. The probe's last error is in the chain.
	ErrUnhealthy = errors.New("leadership: unhealthy")
	// ErrLeaseExpiring: the context of work ended lead.margin before the deadline, as no new proof of leadership had come.
	ErrLeaseExpiring = errors.New("leadership: lease about to expire")
	// ErrWorkOverran: work had not returned when lead.drain was over, and the key is given back nevertheless.
	ErrWorkOverran = errors.New("leadership: work has not returned in time")
	// ErrClosed: the member was closed, by Close or by the end of the context given to Build.
	ErrClosed = errors.New("leadership: member closed")
	// ErrMalformedVote: the value in the key is no vote.
	ErrMalformedVote = errors.New("leadership: malformed vote")
)

// InvalidConfig returns a [*ConfigError], which is an [ErrInvalidConfig]: it names the setting, its value and the rule that it breaks. It is
// for backends that check settings of their own.
func InvalidConfig(field string, value any, rule string) error {
	return &ConfigError{Field: field, Value: value, Rule: rule}
}
