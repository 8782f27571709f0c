package leadershipotel

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/leadership-go/leadership"
)

// scope names the instrumentation to OpenTelemetry.
const scope = "github.com/leadership-go/leadership/otel"

// Telemetry measures and traces members. It is safe for concurrent use; one is enough for a process. Make one with [New].
type Telemetry struct {
	meter  metric.Meter
	tracer trace.Tracer
	instruments

	mu      sync.Mutex
	members map[*leadership.Member]*measured // until they are closed
}

// Option sets up a [Telemetry].
type Option func(*settings)

type settings struct {
	meters  metric.MeterProvider
	tracers trace.TracerProvider
}

// WithMeterProvider sets where metrics go. Default, also for nil: the global provider of package otel.
func WithMeterProvider(p metric.MeterProvider) Option {
	return func(s *settings) { s.meters = p }
}

// WithTracerProvider sets where spans go. Default, also for nil: the global provider of package otel.
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(s *settings) { s.tracers = p }
}

// New makes a Telemetry. It returns an error where the provider refuses an instrument.
func New(opts ...Option) (*Telemetry, error) {
	var s settings
	for _, opt := range opts {
		if opt != nil {
			opt(&s)
		}
	}
	if s.meters == nil {
		s.meters = otel.GetMeterProvider()
	}
	if s.tracers == nil {
		s.tracers = otel.GetTracerProvider()
	}
	t := &Telemetry{
		meter:   s.meters.Meter(scope),
		tracer:  s.tracers.Tracer(scope),
		members: make(map[*leadership.Member]*measured),
	}
	var err error
	if t.instruments, err = newInstruments(t.meter); err != nil {
		return nil, fmt.Errorf("leadershipotel: %w", err)
	}
	return t, nil
}

// Build builds a member, as [leadership.ClusterFactory.Build] does, and measures it until it is closed. f stays as it is, and may build further
// members. The calls to the store are measured outside the layers that f has.
func (t *Telemetry) Build(ctx context.Context, f *leadership.ClusterFactory) (*leadership.Member, error) {
	if f == nil {
		return nil, leadership.InvalidConfig("factory", "nil", "must not be nil")
	}
	var m *measured
	wrapped := *f
	member, err := wrapped.Wrap(func(cfg leadership.Config, within leadership.Backend) leadership.Backend {
		m = newMeasured(t, cfg, trace.SpanContextFromContext(ctx)) //nolint:contextcheck // measuring outlives ctx, as the member does
		return &backend{Backend: within, measured: m}
	}).Build(ctx)
	if err != nil {
		return nil, err
	}
	m.follow(member)
	return member, nil
}

// Subscriber counts what is coalesced in the mailbox of the subscription that it is given to as an option, under name:
//
//	member.AsObservable().Subscribe(handle, telemetry.Subscriber(member, "cache"))
//
// A name stands for a subscriber in the code, not for one of its subscriptions: these are added up. member must have been built by this
// Telemetry and not be closed; otherwise nothing is counted, which is reported to [otel.Handle].
func (t *Telemetry) Subscriber(member *leadership.Member, name string) leadership.SubscribeOption {
	return func(s *leadership.Subscription) {
		t.mu.Lock()
		m := t.members[member]
		t.mu.Unlock()
		if m == nil {
			report(fmt.Errorf("leadershipotel: subscriber %q belongs to no member that is measured", name))
			return
		}
		m.subscribers.add(name, s)
	}
}

func (t *Telemetry) add(member *leadership.Member, m *measured) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.members[member] = m
}

func (t *Telemetry) remove(member *leadership.Member) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.members, member)
}

// report tells OpenTelemetry's error handler what went wrong with the measurements.
func report(err error) { otel.Handle(err) }

// guard calls what belongs to a provider. A panic of it is reported, and ends nothing.
func guard(call func()) {
	defer contain()
	call()
}

// contain is deferred where a panic is to end nothing.
func contain() {
	if v := recover(); v != nil {
		report(fmt.Errorf("leadershipotel: a provider panicked: %v\n%s", v, debug.Stack()))
	}
}
