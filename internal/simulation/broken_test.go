package simulation_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/simulation"
	"github.com/leadership-go/leadership/operators"
)

type (
	message = leadership.ElectionMessage
	stream  = leadership.Observable[message]
)

// broken is a store, or a stream, that breaks a rule, and what the referee says of it.
type broken struct {
	name   string
	want   string
	kinds  []simulation.Kind // the faults that it takes
	setup  func(*simulation.Setup)
	store  func(member int, b leadership.Backend) leadership.Backend // beyond the link
	outer  func(member int, b leadership.Backend) leadership.Backend // on this side
	stream func(*leadership.Member) stream
}

// TestTheHarnessCatches plays plans against what is broken on purpose. Each must fail, by the check that it is about, within some seeds.
func TestTheHarnessCatches(t *testing.T) {
	always := []simulation.Kind{simulation.LeaderCall, simulation.Listen}
	for _, c := range []broken{
		{
			name: "a store where two hold the key at once", want: "two leaders", kinds: always,
			store: func(i int, b leadership.Backend) leadership.Backend {
				return &twisted{Backend: b, twist: func(own string, o *leadership.Observation) {
					if i == 1 && own != "" && o.Holder.Session != own {
						o.Holder.Session, o.Resigned = own, true
						o.Holder.Token += 1000
					}
				}}
			},
		},
		{
			name: "a token that goes back", want: "comes after", kinds: []simulation.Kind{simulation.ResignCall, simulation.CloseCall},
			store: func(_ int, b leadership.Backend) leadership.Backend {
				return &twisted{Backend: b, twist: func(_ string, o *leadership.Observation) {
					if o.Holder.Session != "" {
						o.Holder.Token = 1_000_000 - o.Holder.Token
					}
				}}
			},
		},
		{
			name: "a token that two terms share", want: "over", kinds: []simulation.Kind{simulation.ResignCall, simulation.CloseCall},
			store: func(_ int, b leadership.Backend) leadership.Backend {
				return &twisted{Backend: b, twist: func(_ string, o *leadership.Observation) {
					if o.Holder.Session != "" {
						o.Holder.Token = 7
					}
				}}
			},
		},
		{
			name: "a session that ends before its TTL", want: "two leaders", kinds: []simulation.Kind{simulation.Cut, simulation.LoseRequests},
			setup: func(s *simulation.Setup) { s.Skew, s.Grace, s.Takeover = s.TTL/2, 0, 0 },
		},
		{
			name: "reads that stay what they were, and a watch that never returns", want: "two leaders", kinds: []simulation.Kind{simulation.DeleteKey},
			store: func(_ int, b leadership.Backend) leadership.Backend { return &stale{Backend: b} },
		},
		{
			name: "holders that an operator deposed are not named", want: "two leaders", kinds: []simulation.Kind{simulation.DeleteKey, simulation.Cut, simulation.CloseCall},
			setup: func(s *simulation.Setup) { s.Takeover, s.Delay = 0, 0 },
			store: func(_ int, b leadership.Backend) leadership.Backend {
				return &twisted{Backend: b, twist: func(_ string, o *leadership.Observation) { o.Earlier = nil }}
			},
		},
		{
			name: "a session that is not closed", want: "the store has", kinds: always,
			store: func(i int, b leadership.Backend) leadership.Backend { return &clinging{b, i} },
		},
		{
			name: "a key that is not given back", want: "after the leader was closed", kinds: always,
			store: func(i int, b leadership.Backend) leadership.Backend { return &clinging{b, i} },
		},
		{
			name: "a store that comes up for nobody again", want: "nobody leads", kinds: []simulation.Kind{simulation.CloseCall},
			store: func(_ int, b leadership.Backend) leadership.Backend { return &once{Backend: b} },
		},
		{
			name: "a store that does not look at contexts", want: "took", kinds: []simulation.Kind{simulation.CloseCall, simulation.LeaderCall},
			outer: func(_ int, b leadership.Backend) leadership.Backend { return &deaf{b} },
		},
		{
			name: "a stream that drops relegations for late subscribers", want: "relegation is missing", kinds: []simulation.Kind{simulation.Listen, simulation.ResignCall},
			stream: laterOnes(func(s stream) stream {
				return operators.Filter(s, func(m message) bool { return m.Status != leadership.StatusRelegation })
			}),
		},
		{
			name: "a stream that drops terms", want: "its stream has told of", kinds: always,
			stream: filtered(func(m message) bool {
				return m.Status != leadership.StatusElectedFirst && m.Status != leadership.StatusElected
			}),
		},
		{
			name: "a stream that says things twice", want: "is missing", kinds: always,
			stream: func(m *leadership.Member) stream {
				return operators.FlatMap(m.AsObservable(), func(m message) stream { return leadership.Just(m, m) })
			},
		},
		{
			name: "a stream that repeats to late subscribers what they have heard", want: "did not hear what was said", kinds: []simulation.Kind{simulation.Listen},
			stream: laterOnes(func(s stream) stream {
				return operators.FlatMap(s, func(m message) stream {
					if m.Status == leadership.StatusNotElected {
						return leadership.Just(m, m)
					}
					return leadership.Just(m)
				})
			}),
		},
		{
			name: "a stream that loses something for late subscribers", want: "did not hear what was said", kinds: []simulation.Kind{simulation.Listen},
			stream: laterOnes(func(s stream) stream {
				n := 0
				return operators.Filter(s, func(message) bool { n++; return n != 4 })
			}),
		},
		{
			name: "a stream that does not tell late subscribers the state", want: "did not hear what was said", kinds: []simulation.Kind{simulation.Listen},
			stream: laterOnes(func(s stream) stream { return operators.Skip(s, 1) }),
		},
		{
			name: "a stream that is slow for late subscribers", want: "10ms late", kinds: always,
			stream: laterOnes(func(s stream) stream { return operators.Delay(s, 10*time.Millisecond) }),
		},
		{
			name: "a stream that is slow for everybody", want: "its stream has told of", kinds: always,
			stream: func(m *leadership.Member) stream { return operators.Delay(m.AsObservable(), 20*time.Millisecond) },
		},
		{
			name: "a stream that does not complete", want: "subscription does not end", kinds: always,
			stream: func(m *leadership.Member) stream {
				return operators.Merge(m.AsObservable(), leadership.Never[message]())
			},
		},
		{
			name: "a goroutine that stays", want: "blocked goroutines remain", kinds: always,
			stream: func(m *leadership.Member) stream {
				go leak()
				return m.AsObservable()
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			menu := simulation.MemoryMenu()
			menu.Kinds, menu.MaxFaults, menu.Attached = c.kinds, 16, false
			if len(menu.Kinds) == 1 {
				menu.Kinds = append(menu.Kinds, simulation.LeaderCall)
			}
			var all []string
			for seed := range uint64(60) {
				p := menu.Draw(seed)
				if c.setup != nil {
					c.setup(&p.Setup)
				}
				err := inBubble(t, func() error {
					w := simulation.NewMemory(p)
					w.Break, w.BreakHere = c.store, c.outer
					_, err := simulation.Play(p, w, simulation.Options{Stream: c.stream})
					return err
				})
				if err == nil {
					continue
				}
				if strings.Contains(err.Error(), c.want) {
					t.Logf("seed %d: %v", seed, err)
					return
				}
				all = append(all, err.Error())
			}
			t.Errorf("nothing was said of %q, but %d other things: %.2000q", c.want, len(all), all)
		})
	}
}

func leak() { select {} }

func filtered(keep func(message) bool) func(*leadership.Member) stream {
	return func(m *leadership.Member) stream { return operators.Filter(m.AsObservable(), keep) }
}

// laterOnes breaks the stream for all but the first subscriber of each member.
func laterOnes(f func(stream) stream) func(*leadership.Member) stream {
	var known sync.Map
	return func(m *leadership.Member) stream {
		if _, later := known.LoadOrStore(m, true); later {
			return f(m.AsObservable())
		}
		return m.AsObservable()
	}
}

// twisted changes what reads show. own is the session that asks, "" where that is not known.
type twisted struct {
	leadership.Backend
	twist func(own string, o *leadership.Observation)

	mu  sync.Mutex
	own string
}

func (b *twisted) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	s, err := b.Backend.Open(ctx, ttl)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.own = s.ID()
	return &twistedSession{s, b}, nil
}

func (b *twisted) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	o, err := b.Backend.Observe(ctx, key)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.twist(b.own, &o)
	return o, err
}

type twistedSession struct {
	leadership.Session
	backend *twisted
}

func (s *twistedSession) Campaign(ctx context.Context, key string, value []byte) (leadership.Observation, error) {
	o, err := s.Session.Campaign(ctx, key, value)
	s.backend.twist(s.ID(), &o)
	return o, err
}

// stale shows the key ours for ever once it was.
type stale struct {
	leadership.Backend

	mu   sync.Mutex
	seen map[string]leadership.Observation
	own  string
}

func (b *stale) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	s, err := b.Backend.Open(ctx, ttl)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.own = s.ID()
	return &staleSession{s, b}, nil
}

func (b *stale) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	o, err := b.Backend.Observe(ctx, key)
	return b.keep(o), err
}

func (b *stale) keep(o leadership.Observation) leadership.Observation {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen == nil {
		b.seen = make(map[string]leadership.Observation)
	}
	if o.Holder.Session == b.own {
		b.seen[b.own] = o
	}
	if kept, ok := b.seen[b.own]; ok {
		return kept
	}
	return o
}

type staleSession struct {
	leadership.Session
	backend *stale
}

func (s *staleSession) Campaign(ctx context.Context, key string, value []byte) (leadership.Observation, error) {
	o, err := s.Session.Campaign(ctx, key, value)
	return s.backend.keep(o), err
}

func (s *staleSession) Watch(ctx context.Context, _ string, _ leadership.Observation) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// clinging gives nothing back, and says that it did.
type clinging struct {
	leadership.Backend
	member int
}

func (b *clinging) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	s, err := b.Backend.Open(ctx, ttl)
	return clingingSession{s}, err
}

type clingingSession struct{ leadership.Session }

func (clingingSession) Resign(context.Context, string, []byte) error { return nil }
func (clingingSession) Close(context.Context) error                  { return nil }

// once opens one session and no other.
type once struct {
	leadership.Backend
	used bool
}

var errNoMore = errors.New("no more sessions")

func (b *once) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	if b.used || ctx.Err() != nil {
		return nil, errNoMore
	}
	b.used = true
	s, err := b.Backend.Open(ctx, ttl)
	if err == nil && strings.HasSuffix(s.ID(), "-1") {
		return s, nil
	}
	return nil, errors.Join(errNoMore, err)
}

// deaf gives back slowly, whatever its context says.
type deaf struct{ leadership.Backend }

func (b *deaf) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	s, err := b.Backend.Open(ctx, ttl)
	return deafSession{s}, err
}

func (b *deaf) Observe(context.Context, string) (leadership.Observation, error) {
	time.Sleep(time.Minute)
	return leadership.Observation{}, errNoMore
}

type deafSession struct{ leadership.Session }

func (s deafSession) Close(ctx context.Context) error {
	time.Sleep(time.Minute)
	return s.Session.Close(ctx)
}
