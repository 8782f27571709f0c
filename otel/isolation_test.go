package leadershipotel_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/leadership-go/leadership"
	leadershipotel "github.com/leadership-go/leadership/otel"
	"github.com/leadership-go/leadership/sources/memory"
)

// stuck is a span processor that lets nobody go until it is released.
type stuck struct{ released chan struct{} }

func (s *stuck) OnStart(context.Context, sdktrace.ReadWriteSpan) { <-s.released }
func (s *stuck) OnEnd(sdktrace.ReadOnlySpan)                     { <-s.released }
func (s *stuck) Shutdown(context.Context) error                  { return nil }
func (s *stuck) ForceFlush(context.Context) error                { return nil }

// complaints are what OpenTelemetry's error handler was told.
type complaints struct {
	mu  sync.Mutex
	all []string
}

func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, err.Error())
}

func (c *complaints) containing(text string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.all {
		if strings.Contains(one, text) {
			n++
		}
	}
	return n
}

// handled collects what is reported during the test.
func handled(t *testing.T) *complaints {
	t.Helper()
	c := new(complaints)
	otel.SetErrorHandler(c)
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) })
	return c
}

func TestStuckProcessorHoldsNothingUp(t *testing.T) {
	bubble(t, "the term goes on and ends, metrics are counted, the next one leads, and Close takes a second at most", func(t *testing.T) {
		processor := &stuck{make(chan struct{})}
		release := sync.OnceFunc(func() { close(processor.released) })
		defer release()
		l := newLab(t, processor)
		a, b := l.member(t, "app", "a"), l.member(t, "app", "b")
		time.Sleep(30 * time.Minute)
		if !a.IsLeader() || a.Term().Token() != 1 {
			t.Fatal("the term has not lasted")
		}
		began := time.Now()
		if err := a.Resign(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !b.IsLeader() || time.Since(began) != 0 {
			t.Errorf("the other one leads: %v, after %v", b.IsLeader(), time.Since(began))
		}
		l.expect(t, 1, "leadership.transitions", "leadership.reason", "resigned", "leadership.instance", "a")
		_, _ = a.Close(), b.Close()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("two members closed within %v", took)
		}
	})
	bubble(t, "what is lost meanwhile is reported, and later terms are traced again", func(t *testing.T) {
		reports := handled(t)
		processor := &stuck{make(chan struct{})}
		release := sync.OnceFunc(func() { close(processor.released) })
		defer release()
		l := newLab(t, processor)
		f, _ := l.link("app", "a")
		m := l.build(t, f)
		time.Sleep(12 * time.Hour) // two calls each 7 s
		m2 := l.member(t, "other", "b")
		release()
		l.tracers.UnregisterSpanProcessor(processor)
		synctest.Wait()
		if reports.containing("measurements of services/app/leader are lost: "+leadership.ErrOverflow.Error()) != 1 {
			t.Errorf("reported: %q", reports.all)
		}
		if err := m.Resign(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n := len(of("a", l.spans("leadership.handover"))); n != 1 {
			t.Errorf("%d handovers after the loss", n)
		}
		if n := len(of("a", l.spans("leadership.campaign"))); n != 2 {
			t.Errorf("%d campaigns of two", n)
		}
		_, _ = m.Close(), m2.Close()
	})
}

var errPanics = errors.New("provider out of order")

// panicking panics in all that is called after the start.
type (
	panickingTracers struct{ tracenoop.TracerProvider }
	panickingTracer  struct{ tracenoop.Tracer }
	panickingMeters  struct{ metricnoop.MeterProvider }
	panickingMeter   struct{ metricnoop.Meter }
	panickingCounter struct{ metricnoop.Int64Counter }
	panickingTimes   struct{ metricnoop.Float64Histogram }
)

func (panickingTracers) Tracer(string, ...trace.TracerOption) trace.Tracer { return panickingTracer{} }

func (panickingTracer) Start(context.Context, string, ...trace.SpanStartOption) (context.Context, trace.Span) {
	panic(errPanics)
}

func (panickingMeters) Meter(string, ...metric.MeterOption) metric.Meter { return panickingMeter{} }

func (panickingMeter) Int64Counter(string, ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return panickingCounter{}, nil
}

func (panickingMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return panickingTimes{}, nil
}

func (panickingMeter) RegisterCallback(metric.Callback, ...metric.Observable) (metric.Registration, error) {
	panic(errPanics)
}

func (panickingCounter) Add(context.Context, int64, ...metric.AddOption) { panic(errPanics) }

func (panickingTimes) Record(context.Context, float64, ...metric.RecordOption) { panic(errPanics) }

func TestPanickingProvider(t *testing.T) {
	bubble(t, "members stand, lead, hand over and close as without one", func(t *testing.T) {
		reports := handled(t)
		store := memory.NewStore()
		tel := telemetry(t, leadershipotel.WithTracerProvider(panickingTracers{}), leadershipotel.WithMeterProvider(panickingMeters{}))
		build := func() *leadership.Member {
			m, err := tel.Build(t.Context(), memory.NewClusterFactory(store))
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return m
		}
		a, b := build(), build()
		time.Sleep(time.Hour)
		if !a.IsLeader() || a.Term().Token() != 1 {
			t.Error("the first one does not lead")
		}
		ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}}))
		if err := a.Confirm(ctx); err != nil {
			t.Error(err)
		}
		began := time.Now()
		_ = a.Close()
		synctest.Wait()
		if !b.IsLeader() || time.Since(began) != 0 {
			t.Errorf("the second one leads: %v, after %v", b.IsLeader(), time.Since(began))
		}
		_ = b.Close()
		if reports.containing("a provider panicked: "+errPanics.Error()) == 0 {
			t.Errorf("reported: %q", reports.all)
		}
	})
}

// refusing refuses an instrument.
type (
	refusingMeters struct{ metricnoop.MeterProvider }
	refusingMeter  struct{ metricnoop.Meter }
)

func (refusingMeters) Meter(string, ...metric.MeterOption) metric.Meter { return refusingMeter{} }

func (refusingMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return metricnoop.Float64Histogram{}, errPanics
}

func (refusingMeter) RegisterCallback(metric.Callback, ...metric.Observable) (metric.Registration, error) {
	return nil, errPanics
}

func TestRefusals(t *testing.T) {
	t.Run("New returns the error of an instrument", func(t *testing.T) {
		if tel, err := leadershipotel.New(leadershipotel.WithMeterProvider(refusingMeters{})); !errors.Is(err, errPanics) || tel != nil {
			t.Errorf("%v, %v", tel, err)
		}
	})
	t.Run("options may be nil, and so may providers: the global ones are taken", func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		before := otel.GetMeterProvider()
		otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
		defer otel.SetMeterProvider(before)
		l := newLab(t)
		l.reader, l.telemetry = reader, telemetry(t, nil, leadershipotel.WithMeterProvider(nil), leadershipotel.WithTracerProvider(nil))
		m := l.build(t, memory.NewClusterFactory(l.store))
		leads(t.Context(), m)
		_ = m.Close()
		l.expect(t, 1, "leadership.transitions", "leadership.edge", "elected.first")
	})
	t.Run("Build returns what the factory finds wrong, and leaves nothing", func(t *testing.T) {
		l := newLab(t)
		if _, err := l.telemetry.Build(t.Context(), nil); !errors.Is(err, leadership.ErrInvalidConfig) {
			t.Error(err)
		}
		f := memory.NewClusterFactory(nil).Configure(leadership.Config{Session: leadership.SessionConfig{TTL: -1}})
		if _, err := l.telemetry.Build(t.Context(), f); !errors.Is(err, leadership.ErrInvalidConfig) {
			t.Error(err)
		}
		if all := l.metrics(t); len(all) != 0 {
			t.Errorf("measured: %v", all)
		}
	})
}

func TestFactoryStaysAsItIs(t *testing.T) {
	bubble(t, "it builds many members, each measured once, and unmeasured ones", func(t *testing.T) {
		l := newLab(t)
		f := memory.NewClusterFactory(l.store).Configure(leadership.Config{ServiceID: "a"})
		first, second := l.build(t, f), l.build(t, f)
		bare, err := f.Configure(leadership.Config{ServiceID: "bare"}).Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		l.expect(t, 2, "leadership.store.operation.duration", "leadership.operation", "open", "leadership.instance", "a")
		for _, p := range points(l.metrics(t)["leadership.store.operation.duration"]) {
			if has(p.attributes, []string{"leadership.instance", "bare"}) {
				t.Errorf("measured: %v", p)
			}
		}
		_, _, _ = first.Close(), second.Close(), bare.Close()
	})
	bubble(t, "a context that has ended already closes the member at once", func(t *testing.T) {
		l := newLab(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		m, err := l.telemetry.Build(ctx, memory.NewClusterFactory(l.store))
		if err != nil {
			t.Fatal(err)
		}
		_ = m.Close()
		synctest.Wait()
		if all := points(l.metrics(t)["leadership.leading"]); len(all) != 0 {
			t.Errorf("left: %v", all)
		}
	})
}
