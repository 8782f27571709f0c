package consul

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// backend implements [leadership.Backend].
type backend struct {
	settings
	client      *api.Client
	transport   *http.Transport // nil for a client that was given
	credentials *credentials
	check       *sessionCheck // nil without one
	roll        *roll         // of the keys that are surveyed

	mu       sync.Mutex
	holdings map[place]holding
	ours     string        // a session that we opened or adopted, "" before the first
	outlive  time.Duration // for how long a holder of ours may believe after its session has ended
}

// place is a session's standing in a key.
type place struct{ session, key string }

// holding is what a session remembers about a key from when it got it.
type holding struct {
	token       uint64
	createIndex uint64
	lockIndex   uint64
	resigned    bool
	earlier     []string
}

func newBackend(agent leadership.ConsulConfig, s settings) (leadership.Backend, error) {
	tokens, err := newCredentials(s)
	if err != nil {
		return nil, err
	}
	s.token = "" // from here on it is in the credentials alone: a backend may be printed
	b := &backend{settings: s, client: s.client, credentials: tokens, check: newSessionCheck(s), roll: newRoll(), holdings: make(map[place]holding)}
	if b.client == nil {
		if b.client, b.transport, err = newClient(agent, s); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Open creates a session at the store.
func (b *backend) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	if err := b.checkTTL("session TTL", ttl); err != nil {
		return nil, err
	}
	id, err := b.openSession(ctx, ttl)
	if err != nil {
		return nil, err
	}
	if b.checked() {
		b.mayOutlive(ttl)
	}
	return b.newSession(id, ttl, false), nil
}

// Attach adopts a session. Its TTL is what the store says, or the caller where the store has none. A session that may end before, having
// checks or no TTL, is believed in for no longer than its lock-delay: from its end on only that keeps the key from others.
func (b *backend) Attach(ctx context.Context, id string, ttl time.Duration) (leadership.Session, error) {
	entry, err := b.renewSession(ctx, id)
	if err != nil {
		return nil, err
	}
	granted, err := sessionTTL(entry)
	if err != nil {
		return nil, err
	}
	bounded := granted == 0 || hasChecks(entry)
	if granted == 0 {
		granted = ttl
	}
	if bounded {
		granted = min(granted, entry.LockDelay)
	}
	if granted <= 0 {
		return nil, leadership.InvalidConfig("session TTL", ttl, "must be positive")
	}
	if bounded {
		b.mayOutlive(granted)
	}
	return b.newSession(id, granted, true), nil
}

func (b *backend) newSession(id string, ttl time.Duration, attached bool) *session {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ours = id
	return &session{backend: b, id: id, ttl: ttl, attached: attached, signs: make(map[string]sign), chances: make(map[string]*chance), traces: make(map[string]bool), dead: make(map[string][]*api.KVPair), listed: make(map[string]bool), nexts: make(map[string]next)}
}

// Observe reads the key through the cluster's leader, which asks a quorum first.
func (b *backend) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	state, err := b.readKey(ctx, key)
	if err != nil {
		return leadership.Observation{}, err
	}
	return b.observation(state), nil
}

// Lifetime answers with the whole TTL of a session that lives, because Consul does not tell when it was renewed. For one
// without a TTL it is the lock-delay: what its maker thought a holder needs to notice the end.
//
// Where checks end sessions, that a session is gone says nothing about its holder, who may believe for one TTL after it. The lock-delay keeps the key for as long,
// but not that of a key which an operator had deleted before, and it may be lost when Consul changes its leader. So the answer is our own TTL then, as all members of an
// election have one. After a lock-delay that much is over at the same time.
func (b *backend) Lifetime(ctx context.Context, id string) (time.Duration, error) {
	entry, err := b.sessionInfo(ctx, id, true)
	if err != nil {
		return 0, err
	}
	after := b.outlives()
	if entry == nil {
		return after, nil
	}
	ttl, err := sessionTTL(entry)
	switch {
	case err != nil:
		return 0, err
	case ttl == 0:
		return max(entry.LockDelay, leastLockDelay), nil
	case after > 0 && hasChecks(entry):
		return max(after, min(ttl, entry.LockDelay)), nil
	}
	return ttl, nil
}

// hasChecks says whether a check can end the session.
func hasChecks(entry *api.SessionEntry) bool {
	return len(entry.NodeChecks)+len(entry.ServiceChecks)+len(entry.Checks) > 0
}

// mayOutlive notes that a session of ours may end while its holder goes on to believe for up to ttl.
func (b *backend) mayOutlive(ttl time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outlive = max(b.outlive, ttl)
}

// outlives is the longest such time noted, 0 for none.
func (b *backend) outlives() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.outlive
}

// Traits are those of Consul, whose servers end a session up to twice its TTL after the last renewal.
func (b *backend) Traits(cfg leadership.Config) leadership.Traits {
	ttl := cfg.Session.TTL
	t := leadership.Traits{
		Store:            "Consul",
		TTL:              ttl,
		Linger:           2*b.storedTTL(ttl) - ttl,
		LockDelay:        b.delay(ttl),
		RenewRequests:    1,
		ReadRequests:     1,
		CampaignRequests: 2,
		WatchPeriod:      watchWait,
		WatchBound:       watchWait + watchWait/16 + watchGrace,
		Notes:            []string{"a change of Consul's own leader gives every session twice its TTL again"},
	}
	if b.checked() {
		t.Assumes = append(t.Assumes, "a successor saw the leader lose the key, or Consul's servers have kept the lock-delay")
		t.Notes = append(t.Notes, "a check that fails ends a session at once: after a crash that it notices the key is free with the end of the lock-delay")
	}
	if b.checked() && ttl < usualMinTTL {
		t.Risks = append(t.Risks, fmt.Sprintf("session.ttl %v may be shorter than an election of Consul's own servers: a leader's term ends then", ttl))
	}
	if b.check != nil {
		t.Notice = b.check.notices()
		if b.check.ttl {
			t.RenewRequests++
		}
	}
	return t
}

// Close removes the session check and closes idle connections. A client that was given stays as it is.
func (b *backend) Close() error {
	err := b.removeCheck()
	if b.transport != nil {
		b.transport.CloseIdleConnections()
	}
	return err
}

// observation is what a key's state means to an election.
func (b *backend) observation(state keyState) leadership.Observation {
	o := leadership.Observation{Revision: state.index}
	switch entry := state.entry; {
	case entry == nil:
	case entry.Session != "":
		o.Holder = leadership.Holder{Session: entry.Session, Token: entry.ModifyIndex, Value: entry.Value}
		if h, ok := b.recall(entry); ok {
			o.Holder.Token, o.Resigned, o.Earlier = h.token, h.resigned, slices.Clone(h.earlier)
		}
	default:
		vote, err := leadership.ParseVote(entry.Value)
		switch {
		case err != nil:
		case vote.SessionID == "":
			o.Resigned = true
		default: // a kept key, whose session has ended
			o.Earlier = []string{vote.SessionID}
		}
	}
	return o
}

// recall returns what is remembered of the holding that entry shows, if it still is that one. A plain write to a held
// key sets LockIndex to 0 and moves ModifyIndex; a new holding has another CreateIndex or LockIndex.
//
// Two of our sessions' holdings can't be mistaken for each other even where an operator's writes make these equal: only our own
// Campaign takes the key, or a transfer to it, and Campaign forgets the old holding before it asks for a new one.
func (b *backend) recall(entry *api.KVPair) (holding, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h, ok := b.holdings[place{entry.Session, entry.Key}]
	return h, ok && h.shownBy(entry)
}

// shownBy says whether entry still is the holding.
func (h *holding) shownBy(entry *api.KVPair) bool {
	return h != nil && h.createIndex == entry.CreateIndex && h.token <= entry.ModifyIndex &&
		(entry.LockIndex == h.lockIndex || entry.LockIndex == 0)
}

// remember notes a holding. Of two calls the one with the higher token wins, whatever their order.
func (b *backend) remember(p place, h holding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.holdings[p].token < h.token {
		b.holdings[p] = h
	}
}

// holding is the one that is remembered, or nil.
func (b *backend) holding(p place) *holding {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h, ok := b.holdings[p]; ok {
		return &h
	}
	return nil
}

func (b *backend) forget(p place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.holdings, p)
}

// forgetSession forgets all holdings of a session.
func (b *backend) forgetSession(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for p := range b.holdings {
		if p.session == id {
			delete(b.holdings, p)
		}
	}
}

// own is the id of a session of ours, live or not.
func (b *backend) own() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ours
}

// sessionTTL is what the store granted a session, 0 when it has none.
func sessionTTL(entry *api.SessionEntry) (time.Duration, error) {
	if entry.TTL == "" {
		return 0, nil
	}
	ttl, err := time.ParseDuration(entry.TTL)
	if err != nil || ttl < 0 || ttl > maxTTL { // what the error of ParseDuration says is the TTL again, of any length
		return 0, fmt.Errorf("consul: session %s: %w: %.50q", entry.ID, errTTL, entry.TTL)
	}
	return ttl, nil
}

// errTTL: a session's TTL at the store makes no sense.
var errTTL = errors.New("negative TTL, one that Consul does not grant, or none at all")
