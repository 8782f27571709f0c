package leadershipotel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/leadership-go/leadership"
)

// The spans. Those of calls to the store are storeSpan and the operation.
const (
	campaignSpan = "leadership.campaign"
	handoverSpan = "leadership.handover"
)

func storeSpan(op operation) string { return "leadership.store." + string(op) }

// How a campaign ends, and a handover.
const (
	elected   = "elected"   // a term began
	givenUp   = "given_up"  // none did
	returned  = "returned"  // the store has confirmed that the key is free of this member
	abandoned = "abandoned" // it has not: the key comes free with the end of the session
)

// tracer makes spans of events, once each is known to its end: nothing is left open.
type tracer struct {
	*measured

	session  string    // the latest that was made
	own      bool      // not attached
	opened   *call     // it was made by that, and was not stood with yet
	claim    *claim    // the key was taken, and what became of that is not known yet
	taken    uint64    // token of the latest claim
	handover *handover // a term ended, and what became of the key is not known yet
	handed   uint64    // token of the latest term of which it is
}

// claim is a holding of the key that may become a term.
type claim struct {
	token uint64
	since uint64    // place of the end of the call that took the key
	lost  time.Time // the key was seen not to be ours
	calls []call
}

// handover is the end of a term. One of relegation and calls may be there before the other.
type handover struct {
	token      uint64
	relegation *leadership.ElectionMessage
	calls      []call
	returned   time.Time
	abandoned  time.Time
}

// over reports whether it is known what became of the key.
func (h *handover) over() bool { return !h.returned.IsZero() || !h.abandoned.IsZero() }

func (t *tracer) takeCall(c call) {
	t.settle(c)
	switch c.op {
	case opOpen, opAttach:
		if c.err == nil {
			t.session, t.own, t.opened = c.session, c.op == opOpen, &c
		}
	case opCampaign, opObserve:
		t.read(c)
	case opResign, opTransfer, opClose:
		t.release(c)
	case opRenew, opLifetime:
		t.belongs(c)
	case opCandidates: // which somebody asked for
	}
}

// settle draws conclusions from what a member only calls when it neither holds nor claims the key.
func (t *tracer) settle(c call) {
	anew := c.op == opOpen || c.op == opAttach || c.op == opCampaign
	if t.claim != nil && (anew || c.op == opResign) && c.began > t.claim.since && c.led < t.claim.token {
		t.tellCampaign(givenUp, c.start)
	}
	if !anew || c.led <= t.handed {
		return
	}
	if h := t.handoverOf(c.led); !h.over() {
		h.abandoned = c.start
		t.tellHandover()
	}
}

// belongs makes c a part of the campaign that is under way, if there is one.
func (t *tracer) belongs(c call) {
	if t.claim != nil {
		t.claim.calls = append(t.claim.calls, c)
	}
}

// read looks at who holds the key.
func (t *tracer) read(c call) {
	mine := c.err == nil && c.holder != "" && c.holder == t.session
	if mine && c.token > t.taken {
		if t.claim != nil {
			t.tellCampaign(elected, c.start)
		}
		t.claim, t.taken = &claim{token: c.token, since: c.ended}, c.token
		if t.opened != nil && c.op == opCampaign {
			t.belongs(*t.opened)
		}
	}
	t.belongs(c)
	if t.claim != nil && c.err == nil && !mine && t.claim.lost.IsZero() {
		t.claim.lost = c.end
	}
	if c.err == nil && c.op == opCampaign {
		t.opened = nil
	}
}

// release looks at how the key was given back. What was only claimed is not told about.
func (t *tracer) release(c call) {
	if c.led <= t.handed {
		return
	}
	h := t.handoverOf(c.led)
	if h.over() {
		return
	}
	h.calls = append(h.calls, c)
	if (c.err == nil || c.kind == sessionLost) && (c.op != opClose || t.own) {
		h.returned = c.end
		t.tellHandover()
	}
}

// handoverOf is the handover of the term token, begun if need be.
func (t *tracer) handoverOf(token uint64) *handover {
	if t.handover == nil || t.handover.token != token {
		t.handover = &handover{token: token}
	}
	return t.handover
}

func (t *tracer) takeMessage(m leadership.ElectionMessage) {
	switch m.Status {
	case leadership.StatusElectedFirst:
		if t.claim != nil && t.claim.token == m.Term {
			t.tellCampaign(elected, m.Time)
		}
	case leadership.StatusRelegation:
		if m.Term <= t.handed {
			return
		}
		h := t.handoverOf(m.Term)
		h.relegation = &m
		if reasonOf(m.Err) == sessionLost { // and the key with it
			h.returned = m.Time
		}
		t.tellHandover()
	case leadership.StatusElected, leadership.StatusNotElected, leadership.StatusError:
	}
}

// end tells what is left.
func (t *tracer) end() {
	now := time.Now()
	if t.claim != nil {
		t.tellCampaign(givenUp, now)
	}
	if h := t.handover; h != nil && !h.over() {
		h.abandoned = now
		t.tellHandover()
	}
}

// tellCampaign makes the span of a campaign that ended at end.
func (t *tracer) tellCampaign(outcome string, end time.Time) {
	c := t.claim
	t.claim = nil
	if outcome == givenUp && !c.lost.IsZero() {
		end = c.lost
	}
	t.tell(campaignSpan, c.calls[0].start, end, c.calls, func(trace.Span) {}, outcomeAttribute.String(outcome),
		termAttribute.Int64(int64(c.token)), sessionAttribute.String(t.session)) //nolint:gosec // tokens are counts
}

// tellHandover makes the span of a handover, once all about it is known.
func (t *tracer) tellHandover() {
	h := t.handover
	if h.relegation == nil || !h.over() {
		return
	}
	t.handover, t.handed = nil, h.token
	outcome, end := returned, h.returned
	if end.IsZero() {
		outcome, end = abandoned, h.abandoned
	}
	reason := reasonOf(h.relegation.Err)
	t.tell(handoverSpan, h.relegation.Time, end, h.calls, func(span trace.Span) {
		if outcome == abandoned || !meant(reason) {
			span.SetStatus(codes.Error, h.relegation.Err.Error())
		}
	}, outcomeAttribute.String(outcome), reasonAttribute.String(reason), termAttribute.Int64(int64(h.token))) //nolint:gosec // tokens are counts
}

// meant reports whether a term that ended for reason was given up by whoever runs the member.
func meant(reason string) bool { return reason == resigned || reason == stoodDown || reason == closed }

// tell makes a span, in a trace of its own, and those of the calls that began within it below.
func (t *tracer) tell(name string, start, end time.Time, calls []call, judge func(trace.Span), more ...attribute.KeyValue) {
	if end.Before(start) {
		end = start
	}
	ctx, span := t.tracer.Start(context.Background(), name, trace.WithTimestamp(start),
		trace.WithAttributes(t.attributes...), trace.WithAttributes(more...))
	for _, c := range calls {
		if !c.traced && !c.start.After(end) {
			t.tellCall(ctx, c)
		}
	}
	judge(span)
	span.End(trace.WithTimestamp(end))
}

func (t *tracer) tellCall(ctx context.Context, c call) {
	_, span := t.tracer.Start(ctx, storeSpan(c.op), trace.WithTimestamp(c.start), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(t.callAttributes(c)...))
	c.judge(span)
	span.End(trace.WithTimestamp(c.end))
}

// callAttributes are those of the span of c that are known when it begins.
func (m *measured) callAttributes(c call) []attribute.KeyValue {
	return append(append([]attribute.KeyValue(nil), m.attributes...), operationAttribute.String(string(c.op)))
}

// judge says in its span how c ended.
func (c call) judge(span trace.Span) {
	if c.err == nil {
		return
	}
	span.SetAttributes(errorAttribute.String(c.kind))
	if c.kind != cancelled {
		span.SetStatus(codes.Error, c.err.Error())
	}
}
