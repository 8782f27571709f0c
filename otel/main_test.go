package leadershipotel_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/leadership-go/leadership"
	leadershipotel "github.com/leadership-go/leadership/otel"
	"github.com/leadership-go/leadership/sources/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ttl = 15 * time.Second

// bubble runs test on virtual time. It fails if a goroutine is left that can't go on.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// lab is a store, and what is recorded of its members.
type lab struct {
	store     *memory.Store
	reader    *sdkmetric.ManualReader
	recorder  *tracetest.SpanRecorder
	tracers   *sdktrace.TracerProvider
	telemetry *leadershipotel.Telemetry
}

// newLab makes one whose spans go through all processors, too.
func newLab(t *testing.T, processors ...sdktrace.SpanProcessor) *lab {
	t.Helper()
	l := &lab{store: memory.NewStore(), reader: sdkmetric.NewManualReader(), recorder: tracetest.NewSpanRecorder()}
	l.tracers = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(l.recorder))
	for _, p := range processors {
		l.tracers.RegisterSpanProcessor(p)
	}
	l.telemetry = telemetry(t, leadershipotel.WithTracerProvider(l.tracers),
		leadershipotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(l.reader))))
	return l
}

func telemetry(t *testing.T, opts ...leadershipotel.Option) *leadershipotel.Telemetry {
	t.Helper()
	tel, err := leadershipotel.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return tel
}

// link makes a factory whose one member reaches the store by the link that it returns.
func (l *lab) link(service, id string) (*leadership.ClusterFactory, *memory.Backend) {
	b := l.store.Backend()
	return leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) { return b, nil }).
		Configure(leadership.Config{ServiceName: service, ServiceID: id}), b
}

func (l *lab) build(t *testing.T, f *leadership.ClusterFactory) *leadership.Member {
	t.Helper()
	m, err := l.telemetry.Build(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// member builds one and waits until it stands.
func (l *lab) member(t *testing.T, service, id string) *leadership.Member {
	t.Helper()
	f, _ := l.link(service, id)
	m := l.build(t, f)
	synctest.Wait()
	return m
}

func key(service string) string { return "services/" + service + "/leader" }

// metrics collects, by name.
func (l *lab) metrics(t *testing.T) map[string]metricdata.Metrics {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := l.reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	found := make(map[string]metricdata.Metrics)
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			found[m.Name] = m
		}
	}
	return found
}

// point is one data point, whatever its kind: for a histogram the count, and the sum beside it.
type point struct {
	attributes attribute.Set
	value, sum float64
}

func points(m metricdata.Metrics) (found []point) {
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			found = append(found, point{attributes: p.Attributes, value: float64(p.Value)})
		}
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			found = append(found, point{attributes: p.Attributes, value: float64(p.Value)})
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			found = append(found, point{attributes: p.Attributes, value: p.Value})
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			found = append(found, point{attributes: p.Attributes, value: float64(p.Count), sum: p.Sum})
		}
	}
	return found
}

// value is the one data point of the metric name that has all of these attributes, pairs of key and value.
func (l *lab) value(t *testing.T, name string, pairs ...string) point {
	t.Helper()
	all := points(l.metrics(t)[name])
	matching := slices.DeleteFunc(slices.Clone(all), func(p point) bool { return !has(p.attributes, pairs) })
	if len(matching) != 1 {
		t.Fatalf("%s has %d points with %q, not 1; all: %v", name, len(matching), pairs, all)
	}
	return matching[0]
}

func (l *lab) expect(t *testing.T, want float64, name string, pairs ...string) {
	t.Helper()
	if got := l.value(t, name, pairs...).value; got != want {
		t.Errorf("%s %q is %v, want %v", name, pairs, got, want)
	}
}

// has reports whether a set has all pairs; an empty value stands for an attribute that must be missing.
func has(set attribute.Set, pairs []string) bool {
	for pair := range slices.Chunk(pairs, 2) {
		v, ok := set.Value(attribute.Key(pair[0]))
		if ok != (pair[1] != "") || ok && v.String() != pair[1] {
			return false
		}
	}
	return true
}

// spans are those that have ended, of one name.
func (l *lab) spans(name string) []sdktrace.ReadOnlySpan {
	return slices.DeleteFunc(l.recorder.Ended(), func(s sdktrace.ReadOnlySpan) bool { return s.Name() != name })
}

// span is the only one of its name.
func (l *lab) span(t *testing.T, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	all := l.spans(name)
	if len(all) != 1 {
		t.Fatalf("%d spans %s, not 1", len(all), name)
	}
	return all[0]
}

// children are the names of the spans below s, by their begin.
func (l *lab) children(s sdktrace.ReadOnlySpan) (names []string) {
	below := slices.DeleteFunc(l.recorder.Ended(), func(c sdktrace.ReadOnlySpan) bool {
		return c.Parent().SpanID() != s.SpanContext().SpanID() || c.SpanContext().TraceID() != s.SpanContext().TraceID()
	})
	slices.SortStableFunc(below, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	for _, c := range below {
		names = append(names, c.Name())
	}
	return names
}

func attributesOf(s sdktrace.ReadOnlySpan) attribute.Set { return attribute.NewSet(s.Attributes()...) }

// fault is a layer that has something else renew, and something happen before a transfer.
type fault struct {
	leadership.Backend
	renew    atomic.Pointer[func(ctx context.Context) error]
	transfer func(heir leadership.Vote)
}

func (f *fault) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	s, err := f.Backend.Open(ctx, ttl)
	if err != nil {
		return nil, err
	}
	return &faulty{s, f}, nil
}

type faulty struct {
	leadership.Session
	fault *fault
}

func (s *faulty) Renew(ctx context.Context) error {
	if renew := s.fault.renew.Load(); renew != nil {
		return (*renew)(ctx)
	}
	return s.Session.Renew(ctx)
}

func (s *faulty) Transfer(ctx context.Context, key string, vote []byte, heir leadership.Vote) error {
	if s.fault.transfer != nil {
		s.fault.transfer(heir)
	}
	return s.Session.Transfer(ctx, key, vote, heir)
}

// within puts the fault around the backend.
func (f *fault) within(_ leadership.Config, b leadership.Backend) leadership.Backend {
	f.Backend = b
	return f
}
