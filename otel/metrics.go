package leadershipotel

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/leadership-go/leadership"
)

// The attributes. README.md says where each one stands, and with which values.
const (
	keyAttribute        = attribute.Key("leadership.key")
	serviceAttribute    = attribute.Key("leadership.service")
	instanceAttribute   = attribute.Key("leadership.instance")
	edgeAttribute       = attribute.Key("leadership.edge")
	reasonAttribute     = attribute.Key("leadership.reason")
	operationAttribute  = attribute.Key("leadership.operation")
	subscriberAttribute = attribute.Key("leadership.subscriber")
	outcomeAttribute    = attribute.Key("leadership.outcome")
	sessionAttribute    = attribute.Key("leadership.session")
	termAttribute       = attribute.Key("leadership.term")
	errorAttribute      = attribute.Key("error.type") // the general name of OpenTelemetry for it
)

// instruments are all that is measured.
type instruments struct {
	leading       metric.Int64ObservableUpDownCounter
	term          metric.Int64ObservableGauge
	margin        metric.Float64ObservableGauge
	coalesced     metric.Int64ObservableCounter
	transitions   metric.Int64Counter
	errors        metric.Int64Counter
	duration      metric.Float64Histogram
	renewalMargin metric.Float64Histogram
}

// newInstruments makes them. A unit of "1" would have Prometheus append _ratio.
func newInstruments(m metric.Meter) (i instruments, err error) {
	keep := func(failed error) { err = errors.Join(err, failed) }
	var e error
	i.leading, e = m.Int64ObservableUpDownCounter("leadership.leading", metric.WithUnit("{leader}"),
		metric.WithDescription("1 while the member leads, otherwise 0. At one instant the sum over all members of one key is at most 1; scrapes of several processes are not of one instant."))
	keep(e)
	i.term, e = m.Int64ObservableGauge("leadership.term", metric.WithUnit("{token}"),
		metric.WithDescription("Fencing token of the latest term that the member knows of, its own or another's."))
	keep(e)
	i.margin, e = m.Float64ObservableGauge("leadership.margin", metric.WithUnit("s"),
		metric.WithDescription("Time left until the term ends unless leadership is proved again. 0 while the member does not lead."))
	keep(e)
	i.coalesced, e = m.Int64ObservableCounter("leadership.messages.coalesced", metric.WithUnit("{message}"),
		metric.WithDescription("Messages that a later one replaced in the full mailbox of a named subscriber."))
	keep(e)
	i.transitions, e = m.Int64Counter("leadership.transitions", metric.WithUnit("{transition}"),
		metric.WithDescription("Terms that began or ended."))
	keep(e)
	i.errors, e = m.Int64Counter("leadership.errors", metric.WithUnit("{error}"),
		metric.WithDescription("Error messages of the member's stream. The same text is told once a vote period."))
	keep(e)
	i.duration, e = m.Float64Histogram("leadership.store.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of the calls to the store, renewals among them, watches not."),
		metric.WithExplicitBucketBoundaries(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
	keep(e)
	i.renewalMargin, e = m.Float64Histogram("leadership.renewal.margin", metric.WithUnit("s"),
		metric.WithDescription("Time that was left until the leader's deadline when a renewal was answered well."),
		metric.WithExplicitBucketBoundaries(0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 7.5, 10, 15, 20, 30, 60))
	keep(e)
	return i, err
}

// observables are the instruments that are asked for at collection.
func (i instruments) observables() []metric.Observable {
	return []metric.Observable{i.leading, i.term, i.margin, i.coalesced}
}

// counter makes metrics of events.
type counter struct {
	*measured

	common metric.MeasurementOption
}

// newCounter has the counters of rare things start at 0, so that the first of each shows as a rise.
func newCounter(m *measured) *counter {
	c := &counter{measured: m, common: metric.WithAttributes(m.attributes...)}
	guard(func() {
		c.transition(0, leadership.StatusElectedFirst)
		for _, r := range append(reasons(), kind{name: workFailed}) {
			c.transition(0, leadership.StatusRelegation, reasonAttribute.String(r.name))
		}
		for _, k := range append(errorKinds(), kind{name: workFailed}, kind{name: timeout}, kind{name: transient}) {
			if k.name != noCandidate { // of calls only
				c.failure(0, k.name)
			}
		}
	})
	return c
}

func (c *counter) transition(n int64, edge leadership.Status, more ...attribute.KeyValue) {
	c.transitions.Add(context.Background(), n, c.common, metric.WithAttributes(append(more, edgeAttribute.String(string(edge)))...))
}

func (c *counter) failure(n int64, kind string) {
	c.errors.Add(context.Background(), n, c.common, metric.WithAttributes(errorAttribute.String(kind)))
}

func (c *counter) takeCall(done call) {
	attributes := []attribute.KeyValue{operationAttribute.String(string(done.op))}
	if done.err != nil {
		attributes = append(attributes, errorAttribute.String(done.kind))
	}
	c.duration.Record(context.Background(), done.end.Sub(done.start).Seconds(), c.common, metric.WithAttributes(attributes...))
	if done.leading {
		c.renewalMargin.Record(context.Background(), done.margin.Seconds(), c.common)
	}
}

func (c *counter) takeMessage(m leadership.ElectionMessage) {
	switch m.Status {
	case leadership.StatusElectedFirst:
		c.transition(1, m.Status)
	case leadership.StatusRelegation:
		c.transition(1, m.Status, reasonAttribute.String(reasonOf(m.Err)))
	case leadership.StatusError:
		c.failure(1, messageKind(m))
	case leadership.StatusElected, leadership.StatusNotElected:
	}
}

func (c *counter) end() {}
