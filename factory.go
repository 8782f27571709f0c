package leadership

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

// Mode says against whom a member stands.
type Mode string

const (
	// ModeSingle is for a service that runs once: its member always leads, without a store. Its tokens start at 1 in each process.
	ModeSingle Mode = "single"
	// ModeMulti is for a service that runs several times: its members elect one leader at a store.
	ModeMulti Mode = "multi"
)

// Connect makes a backend for the settings of an election, which are complete and checked, but for the store's own rules:
// Connect checks these, with [InvalidConfig]. It does not wait for the store.
type Connect func(Config) (Backend, error)

// Layer puts something of its own around a backend: measurements, faults for a test. cfg is complete and checked. What it returns has to keep
// the rules of [Backend], as the one within does.
type Layer func(cfg Config, within Backend) Backend

// ClusterFactory builds members. Its methods set what to build and return the factory itself, so that they chain; none of them
// checks anything: Build does. A factory may build many members. It is not safe for concurrent use while it is being set.
type ClusterFactory struct {
	connect    Connect
	mode       Mode
	config     *Config
	debug      bool
	logger     *slog.Logger
	attach     bool
	sessionID  string
	sessionTTL time.Duration
	probe      HealthProbe
	strategy   Strategy
	layers     []Layer
}

// NewClusterFactory returns a factory whose members stand at the store that connect reaches. It is for who writes a source; the
// packages under sources each have one of their own.
func NewClusterFactory(connect Connect) *ClusterFactory {
	return &ClusterFactory{connect: connect, mode: ModeMulti}
}

// Mode sets the mode. Default [ModeMulti].
func (f *ClusterFactory) Mode(m Mode) *ClusterFactory { f.mode = m; return f }

// Configure sets the settings. Default: all of [Config]'s defaults.
func (f *ClusterFactory) Configure(c Config) *ClusterFactory { f.config = &c; return f }

// Debug has the members log what they do: every renewal, vote, watch return and change of state. Default false: nothing is logged.
func (f *ClusterFactory) Debug(on bool) *ClusterFactory { f.debug = on; return f }

// Logger sets where Debug logs to, at [slog.LevelDebug]. Default: text to standard error. The handler is called from a goroutine of its
// own: one that is slow or stuck holds up no election, and of more than a thousand waiting records the oldest are left out. The warnings of Build about risky
// settings (see [Explanation]) go there as well, from within Build; without a Logger they go to [slog.Default].
func (f *ClusterFactory) Logger(l *slog.Logger) *ClusterFactory { f.logger = l; return f }

// Session has the member stand with the session id that somebody else made at the store with ttl, instead of one of its own.
// The member renews it, and does not close it. Once the store no longer knows it, the member goes on with a session of its own.
// It overrides session.ttl, and may stand before or after Configure. Use a session for one member of an election only: two that share it
// would both hold the key. What its maker keeps renewing comes free only when the member gives it back.
func (f *ClusterFactory) Session(id string, ttl time.Duration) *ClusterFactory {
	f.attach, f.sessionID, f.sessionTTL = true, id, ttl
	return f
}

// Health has the members ask probe, every health.interval, whether they are fit to lead. Who is not does not stand, and gives up the term that it has:
// see [HealthConfig]. probe is called by one goroutine at a time for each member, and must return when its context ends. A panic of it is a failure. Default nil: every
// member is taken for fit.
func (f *ClusterFactory) Health(probe HealthProbe) *ClusterFactory { f.probe = probe; return f }

// Strategy has the members go by s instead of what election.strategy names: see [Strategy]. Default nil: what the setting says.
func (f *ClusterFactory) Strategy(s Strategy) *ClusterFactory { f.strategy = s; return f }

// chosen is the strategy to go by; nil for the store's own order, and in single mode.
func (f *ClusterFactory) chosen(cfg Config) Strategy {
	switch {
	case f.mode == ModeSingle:
		return nil
	case f.strategy != nil:
		return f.strategy
	}
	named, _ := cfg.Election.Strategy.strategy() // cfg is checked
	return named
}

// Wrap puts layer around the backend of each member, in either mode; the layer of a later call lies outside.
func (f *ClusterFactory) Wrap(layer Layer) *ClusterFactory {
	f.layers = append(slices.Clip(f.layers), layer) // a copy of f may have the same ones
	return f
}

// Build checks all settings and starts a member, which stands for election until Close or the end of ctx. It does not wait
// for the store: one that cannot be reached shows as error messages, while candidacy goes on.
// Every error wraps [ErrInvalidConfig] or comes from the source, and nothing is left running then.
func (f *ClusterFactory) Build(ctx context.Context) (*Member, error) {
	cfg, backend, err := f.prepare()
	if err != nil {
		return nil, err
	}
	traits := backend.Traits(cfg)
	f.warn(ctx, cfg, traits)
	values := context.WithoutCancel(ctx)
	log := newJournal(values, f.debug, f.logger, cfg)
	log.write(string(f.mode) + " mode active")
	if f.config == nil {
		log.write("Configuration not specified - default used")
	}
	m := &Member{
		key:       cfg.Key(),
		config:    &cfg,
		backend:   backend,
		rules:     newRules(cfg, traits),
		strategy:  f.chosen(cfg),
		sessionID: f.sessionID,
		clock:     newClock(),
		log:       log,
		values:    values,
		feed:      newFeed(mailboxSize, replaceable),
		done:      make(chan struct{}),
	}
	m.begin(ctx, newState(m.rules, f.attach, rand.Uint64()), f.probe)
	return m, nil
}

// newRules are the rules of a member at a store with these traits. cfg is complete and checked.
func newRules(cfg Config, traits Traits) rules {
	return rules{
		ttl: cfg.Session.TTL, refresh: cfg.Session.Refresh, drift: cfg.Session.Drift,
		frequency: cfg.Election.Frequency, reread: traits.reread(cfg), delay: cfg.Election.Delay, takeover: cfg.Election.TakeoverDelay,
		drain: cfg.Lead.Drain, keep: traits.TTL + traits.Linger,
		service: cfg.ServiceName, instance: cfg.ServiceID,
	}
}

// prepare checks all settings and makes the backend.
func (f *ClusterFactory) prepare() (Config, Backend, error) {
	var cfg Config
	if f.config != nil {
		cfg = *f.config
	}
	if f.attach {
		if f.sessionID == "" {
			return Config{}, nil, InvalidConfig("session id", `""`, "must not be empty")
		}
		if f.sessionTTL <= 0 {
			return Config{}, nil, InvalidConfig("session ttl", f.sessionTTL, "must be positive")
		}
		cfg.Session.TTL = f.sessionTTL
	}
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return Config{}, nil, err
	}
	if cfg.Election.Preempt > 0 && cfg.Election.Strategy == StrategyArrival && f.strategy == nil {
		return Config{}, nil, InvalidConfig("election.preempt", cfg.Election.Preempt, `must be 0 where election.strategy is "arrival": nobody is better`)
	}
	connect := f.connect
	switch f.mode {
	case ModeMulti:
	case ModeSingle:
		connect = connectSolo
	default:
		return Config{}, nil, InvalidConfig("mode", fmt.Sprintf("%q", f.mode), `must be "single" or "multi"`)
	}
	if connect == nil {
		return Config{}, nil, InvalidConfig("connect", "nil", "must be given in mode multi")
	}
	if slices.ContainsFunc(f.layers, func(l Layer) bool { return l == nil }) {
		return Config{}, nil, InvalidConfig("layer", "nil", "must not be nil")
	}
	backend, err := connect(cfg)
	if err != nil {
		return Config{}, nil, err
	}
	for _, layer := range f.layers {
		backend = layer(cfg, backend)
	}
	return cfg, backend, nil
}

// defaultLogger is where Debug logs to if nothing else is said.
func defaultLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
