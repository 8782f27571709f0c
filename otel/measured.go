package leadershipotel

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/leadership-go/leadership"
)

// measured is one member that is measured. What it does and what its calls to the store show comes together in one line of events, which the
// counter and the tracer each take from a mailbox of their own.
//
// In that line an event may stand late, but never before what it follows from: a call's record is put there before the member hears of its
// end, and a message comes by way of a subscription.
type measured struct {
	*Telemetry

	key         string
	attributes  []attribute.KeyValue // of all metrics and spans
	built       trace.SpanContext    // of the context given to Build, which the member's own calls carry
	events      *leadership.Subject[event]
	order       atomic.Uint64 // numbers the begins and ends of calls
	member      atomic.Pointer[leadership.Member]
	known       atomic.Uint64 // the latest term that a message told of
	subscribers subscribers
}

// event is one of these: the end of a call to the store, a message of the member, or a request to say when all before it is taken in.
type event struct {
	call    *call
	message *leadership.ElectionMessage
	flush   *flush
}

// flush asks the consumers to answer once they have taken in all that came before, and the end of the term led.
type flush struct {
	led  uint64
	done chan struct{}
}

// consumer takes events, one at a time.
type consumer interface {
	takeCall(c call)
	takeMessage(m leadership.ElectionMessage)
	// end is called when the member has left the election: no more calls come.
	end()
}

const (
	// mailbox is how many events may wait for a consumer.
	mailbox = 1024
	// consumers is how many there are: the counter and the tracer.
	consumers = 2
	// flushLimit bounds how long Close waits for them.
	flushLimit = time.Second
)

func newMeasured(t *Telemetry, cfg leadership.Config, built trace.SpanContext) *measured {
	m := &measured{
		Telemetry: t,
		key:       cfg.Key(),
		attributes: []attribute.KeyValue{
			keyAttribute.String(cfg.Key()), serviceAttribute.String(cfg.ServiceName), instanceAttribute.String(cfg.ServiceID),
		},
		built:  built,
		events: leadership.NewSubject[event](),
	}
	m.consume(func() consumer { return newCounter(m) })
	m.consume(func() consumer { return &tracer{measured: m} })
	return m
}

// consume hands all events to a consumer. One that was stuck for too long misses some, and is replaced then.
func (m *measured) consume(fresh func() consumer) {
	c := fresh()
	var (
		relegated uint64
		waiting   *flush
	)
	m.events.AsObservable().Subscribe(func(e event) {
		guard(func() {
			switch {
			case e.call != nil:
				c.takeCall(*e.call)
			case e.message != nil:
				c.takeMessage(*e.message)
			}
		})
		switch {
		case e.flush != nil:
			waiting = e.flush
		case e.message != nil && e.message.Status == leadership.StatusRelegation:
			relegated = max(relegated, e.message.Term)
		}
		if waiting != nil && relegated >= waiting.led {
			guard(c.end)
			waiting.done <- struct{}{}
			waiting = nil
		}
	}, leadership.Mailbox(mailbox), leadership.OnError(func(err error) {
		report(fmt.Errorf("leadershipotel: measurements of %s are lost: %w", m.key, err))
		m.consume(fresh)
	}))
}

// follow listens to the member, until it is closed, and has it asked at each collection.
func (m *measured) follow(member *leadership.Member) {
	m.member.Store(member)
	m.add(member, m)
	var registration metric.Registration
	guard(func() {
		var err error
		registration, err = m.meter.RegisterCallback(m.collect, m.observables()...)
		if err != nil {
			report(fmt.Errorf("leadershipotel: %w", err))
		}
	})
	end := func() {
		m.remove(member)
		if registration == nil {
			return
		}
		guard(func() {
			if err := registration.Unregister(); err != nil {
				report(fmt.Errorf("leadershipotel: %w", err))
			}
		})
	}
	member.AsObservable().Subscribe(m.hear, leadership.OnComplete(end), leadership.OnError(func(error) { end() }))
}

// hear passes a message on.
func (m *measured) hear(msg leadership.ElectionMessage) {
	if msg.Term > m.known.Load() { // one message at a time: nobody else writes
		m.known.Store(msg.Term)
	}
	switch msg.Status {
	case leadership.StatusElectedFirst, leadership.StatusRelegation, leadership.StatusError:
		m.events.Next(event{message: &msg})
	case leadership.StatusElected, leadership.StatusNotElected:
	}
}

// collect asks the member how it stands.
func (m *measured) collect(_ context.Context, o metric.Observer) error {
	term := m.member.Load().Term()
	token, leading, margin := m.known.Load(), int64(0), 0.0
	if term.Valid() {
		token = max(token, term.Token())
		leading, margin = 1, max(time.Until(term.Deadline()).Seconds(), 0)
	}
	common := metric.WithAttributes(m.attributes...)
	o.ObserveInt64(m.leading, leading, common)
	o.ObserveInt64(m.term, int64(min(token, math.MaxInt64)), common)
	o.ObserveFloat64(m.margin, margin, common)
	for name, n := range m.subscribers.coalesced() {
		o.ObserveInt64(m.coalesced, int64(min(n, math.MaxInt64)), common, metric.WithAttributes(subscriberAttribute.String(name)))
	}
	return nil
}

// flush waits until all that has happened is handed over, for flushLimit at most.
func (m *measured) flush() {
	f := &flush{done: make(chan struct{}, consumers)}
	if member := m.member.Load(); member != nil {
		f.led = member.Term().Token()
	}
	m.events.Next(event{flush: f})
	limit := time.NewTimer(flushLimit)
	defer limit.Stop()
	for range consumers {
		select {
		case <-f.done:
		case <-limit.C:
			return
		}
	}
}
