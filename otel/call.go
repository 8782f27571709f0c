package leadershipotel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// operation is a kind of call to the store.
type operation string

const (
	opOpen       operation = "open"
	opAttach     operation = "attach"
	opRenew      operation = "renew"
	opCampaign   operation = "campaign"
	opObserve    operation = "observe"
	opLifetime   operation = "lifetime"
	opCandidates operation = "candidates"
	opResign     operation = "resign"
	opTransfer   operation = "transfer"
	opClose      operation = "close"
)

// call is one call to the store.
type call struct {
	op           operation
	start, end   time.Time
	began, ended uint64 // its place among all begins and ends
	led          uint64 // when it began: the last term that the member has led, or leads
	err          error
	kind         string        // of err
	session      string        // opOpen, opAttach: the one that was made
	holder       string        // opCampaign, opObserve: the session that holds the key
	token        uint64        // and the token of its holding
	margin       time.Duration // opRenew: until the deadline, when it had succeeded
	leading      bool          // there was a deadline
	traced       bool          // it has a span already
}

// begin is called right before a call to the store.
func (m *measured) begin(op operation) *call {
	c := &call{op: op, began: m.order.Add(1)}
	if member := m.member.Load(); member != nil {
		c.led = member.Term().Token()
	}
	c.start = time.Now()
	return c
}

// end is called right after it. It never waits.
func (m *measured) end(ctx context.Context, c *call, err error) {
	c.end, c.err, c.kind = time.Now(), err, callKind(ctx, err)
	c.ended = m.order.Add(1)
	m.events.Next(event{call: c})
}

// marginLeft is the time until the deadline, and whether there is one.
func (m *measured) marginLeft() (time.Duration, bool) {
	member := m.member.Load()
	if member == nil {
		return 0, false
	}
	left := time.Until(member.Term().Deadline())
	return left, left > 0 // without a term, the deadline was long ago
}

// join makes c a part of the caller's own trace, if there is one: then c is not the member's, but made on the goroutine of who asked for it. The context
// that it returns is for the call; the function is to be called after [measured.end].
func (m *measured) join(ctx context.Context, c *call) (context.Context, func()) {
	if from := trace.SpanContextFromContext(ctx); !from.IsValid() || from.Equal(m.built) {
		return ctx, func() {}
	}
	within, span := m.startNow(ctx, c)
	if span == nil { // the tracer panicked
		return ctx, func() {}
	}
	c.traced = true
	return within, func() {
		guard(func() {
			c.judge(span)
			span.End()
		})
	}
}

// startNow begins the span of c at once.
func (m *measured) startNow(ctx context.Context, c *call) (context.Context, trace.Span) {
	defer contain()
	return m.tracer.Start(ctx, storeSpan(c.op), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(m.callAttributes(*c)...))
}
