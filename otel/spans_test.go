package leadershipotel_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// lasted is how long a span took.
func lasted(s sdktrace.ReadOnlySpan) time.Duration { return s.EndTime().Sub(s.StartTime()) }

// is checks the attributes of a span, pairs of key and value.
func is(t *testing.T, s sdktrace.ReadOnlySpan, pairs ...string) {
	t.Helper()
	if !has(attributesOf(s), pairs) {
		t.Errorf("%s has %v, not %q", s.Name(), s.Attributes(), pairs)
	}
}

func hasChildren(t *testing.T, l *lab, s sdktrace.ReadOnlySpan, want ...string) {
	t.Helper()
	if got := l.children(s); !slices.Equal(got, want) {
		t.Errorf("%s has the children %q, want %q", s.Name(), got, want)
	}
}

// of are the spans of one instance.
func of(id string, spans []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	return slices.DeleteFunc(spans, func(s sdktrace.ReadOnlySpan) bool {
		return !has(attributesOf(s), []string{"leadership.instance", id})
	})
}

func TestCampaignSpan(t *testing.T) {
	bubble(t, "who starts alone: from the making of the session to elected.first", func(t *testing.T) {
		l := newLab(t)
		began := time.Now()
		m := l.member(t, "app", "a")
		s := l.span(t, "leadership.campaign")
		is(t, s, "leadership.outcome", "elected", "leadership.key", "services/app/leader", "leadership.service", "app", "leadership.instance", "a",
			"leadership.term", "1", "leadership.session", l.store.Holder(key("app")).Session)
		if s.Parent().IsValid() || !s.StartTime().Equal(began) || s.Status().Code != codes.Unset || s.SpanKind() != trace.SpanKindInternal {
			t.Errorf("parent %v, since %v, status %v, kind %v", s.Parent(), s.StartTime(), s.Status(), s.SpanKind())
		}
		if got := l.children(s); len(got) < 2 || got[0] != "leadership.store.open" || !slices.Contains(got, "leadership.store.campaign") {
			t.Errorf("the children are %q", got)
		}
		_ = m.Close()
	})
	bubble(t, "who waited for an hour: from the call that took the key", func(t *testing.T) {
		l := newLab(t)
		a := l.member(t, "app", "a")
		b := l.member(t, "app", "b")
		time.Sleep(time.Hour)
		if n := len(l.spans("leadership.campaign")); n != 1 {
			t.Fatalf("%d campaigns while one waits, not 1", n)
		}
		_ = a.Close()
		synctest.Wait()
		s := of("b", l.spans("leadership.campaign"))
		if len(s) != 1 || lasted(s[0]) != 0 {
			t.Fatalf("%d campaigns, %v", len(s), s)
		}
		if got := l.children(s[0]); len(got) == 0 || got[0] != "leadership.store.campaign" || slices.Contains(got, "leadership.store.open") {
			t.Errorf("the children are %q", got)
		}
		_ = b.Close()
	})
	bubble(t, "who has to wait for a predecessor that may still believe: until then, with the calls made meanwhile", func(t *testing.T) {
		l := newLab(t)
		f, link := l.link("app", "a")
		a := l.build(t, f)
		synctest.Wait()
		b := l.member(t, "app", "b")
		time.Sleep(time.Minute)
		link.Disconnect()
		l.store.DeleteKey(key("app"))
		time.Sleep(time.Minute)
		link.Reconnect()
		s := of("b", l.spans("leadership.campaign"))
		if len(s) != 1 {
			t.Fatalf("%d campaigns of b", len(s))
		}
		if d := lasted(s[0]); d < 5*time.Second || d > ttl {
			t.Errorf("the wait for the other session shows as %v", d)
		}
		if got := l.children(s[0]); !slices.Contains(got, "leadership.store.lifetime") || !slices.Contains(got, "leadership.store.renew") {
			t.Errorf("the children are %q", got)
		}
		is(t, s[0], "leadership.outcome", "elected")
		_, _ = a.Close(), b.Close()
	})
	bubble(t, "one that is closed before it believes has given up", func(t *testing.T) {
		l := newLab(t)
		f, link := l.link("app", "a")
		a := l.build(t, f)
		synctest.Wait()
		b := l.member(t, "app", "b")
		link.Disconnect()
		l.store.DeleteKey(key("app"))
		time.Sleep(time.Second)
		ctx, request := l.tracers.Tracer("test").Start(t.Context(), "request")
		if _, err := b.Leader(ctx); err != nil {
			t.Error(err)
		}
		request.End()
		time.Sleep(2 * time.Second)
		_ = b.Close()
		s := of("b", l.spans("leadership.campaign"))
		if len(s) != 1 || lasted(s[0]) != 3*time.Second {
			t.Fatalf("%d campaigns: %v", len(s), s)
		}
		is(t, s[0], "leadership.outcome", "given_up")
		if n := len(of("b", l.spans("leadership.handover"))); n != 0 {
			t.Errorf("%d handovers of who never led", n)
		}
		hasChildren(t, l, l.span(t, "request"), "leadership.store.observe")
		if got := l.children(s[0]); slices.Contains(got, "leadership.store.observe") {
			t.Errorf("what the request asked is among the children, %q", got)
		}
		link.Reconnect()
		_ = a.Close()
	})
	bubble(t, "one that loses the key before it believes has given up at that moment, and its next one is another", func(t *testing.T) {
		l := newLab(t)
		f, link := l.link("app", "a")
		a := l.build(t, f)
		synctest.Wait()
		b := l.member(t, "app", "b")
		link.Disconnect()
		l.store.DeleteKey(key("app"))
		time.Sleep(3 * time.Second)
		l.store.DeleteKey(key("app"))
		time.Sleep(time.Minute)
		s := of("b", l.spans("leadership.campaign"))
		if len(s) != 2 || lasted(s[0]) != 3*time.Second {
			t.Fatalf("%d campaigns: %v", len(s), s)
		}
		is(t, s[0], "leadership.outcome", "given_up")
		is(t, s[1], "leadership.outcome", "elected")
		link.Reconnect()
		_, _ = a.Close(), b.Close()
	})
	bubble(t, "a session that was given is attached", func(t *testing.T) {
		l := newLab(t)
		given, err := l.store.Backend().Open(t.Context(), ttl)
		if err != nil {
			t.Fatal(err)
		}
		f, _ := l.link("app", "a")
		m := l.build(t, f.Session(given.ID(), ttl))
		time.Sleep(time.Minute)
		s := l.span(t, "leadership.campaign")
		is(t, s, "leadership.session", given.ID())
		if got := l.children(s); got[0] != "leadership.store.attach" {
			t.Errorf("the children are %q", got)
		}
		_ = m.Close()
		is(t, l.span(t, "leadership.handover"), "leadership.outcome", "returned", "leadership.reason", "closed")
	})
}

func TestHandoverSpan(t *testing.T) {
	bubble(t, "Resign: until the store has confirmed it, which is no error", func(t *testing.T) {
		l := newLab(t)
		m := l.member(t, "app", "a")
		if err := m.Resign(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s := l.span(t, "leadership.handover")
		is(t, s, "leadership.outcome", "returned", "leadership.reason", "resigned", "leadership.term", "1", "leadership.instance", "a")
		hasChildren(t, l, s, "leadership.store.resign")
		if s.Status().Code != codes.Unset || s.Parent().IsValid() {
			t.Errorf("status %v, parent %v", s.Status(), s.Parent())
		}
		_ = m.Close()
	})
	bubble(t, "TransferTo: until the store has confirmed that, and what it asks before and after is the caller's", func(t *testing.T) {
		l := newLab(t)
		a, b := l.member(t, "app", "a"), l.member(t, "app", "b")
		ctx, request := l.tracers.Tracer("test").Start(t.Context(), "request")
		if err := a.TransferTo(ctx, "b"); err != nil {
			t.Fatal(err)
		}
		request.End()
		synctest.Wait()
		s := l.span(t, "leadership.handover")
		is(t, s, "leadership.outcome", "returned", "leadership.reason", "resigned", "leadership.instance", "a")
		hasChildren(t, l, s, "leadership.store.transfer")
		hasChildren(t, l, l.span(t, "request"), "leadership.store.candidates", "leadership.store.observe")
		is(t, of("b", l.spans("leadership.campaign"))[0], "leadership.outcome", "elected")
		_, _ = a.Close(), b.Close()
	})
	bubble(t, "TransferTo somebody who goes away at the last moment: until the key was given to whoever waits", func(t *testing.T) {
		l := newLab(t)
		var hook fault
		hook.transfer = func(heir leadership.Vote) { l.store.DestroySession(heir.SessionID) }
		f, _ := l.link("app", "a")
		a := l.build(t, f.Wrap(hook.within))
		synctest.Wait()
		b := l.member(t, "app", "b")
		if err := a.TransferTo(t.Context(), "b"); !errors.Is(err, leadership.ErrNoCandidate) {
			t.Error(err)
		}
		synctest.Wait()
		s := of("a", l.spans("leadership.handover"))
		if len(s) != 1 {
			t.Fatalf("%d handovers", len(s))
		}
		hasChildren(t, l, s[0], "leadership.store.transfer", "leadership.store.resign")
		is(t, s[0], "leadership.outcome", "returned")
		is(t, l.span(t, "leadership.store.transfer"), "error.type", "no_candidate")
		_, _ = a.Close(), b.Close()
	})
	bubble(t, "Close hands all over before it returns", func(t *testing.T) {
		l := newLab(t)
		for i := range 100 {
			m := l.member(t, "app", "a")
			_ = m.Close()
			all := l.spans("leadership.handover")
			if len(all) != i+1 {
				t.Fatalf("%d handovers after Close number %d", len(all), i+1)
			}
			is(t, all[i], "leadership.reason", "closed", "leadership.outcome", "returned")
			l.expect(t, float64(i+1), "leadership.transitions", "leadership.reason", "closed")
		}
	})
	bubble(t, "Close of who is cut off: given up with it, as an error", func(t *testing.T) {
		l := newLab(t)
		f, link := l.link("app", "a")
		m := l.build(t, f)
		time.Sleep(time.Second)
		link.Disconnect()
		if err := m.Close(); err == nil {
			t.Error("Close over a link that is cut succeeded")
		}
		s := l.span(t, "leadership.handover")
		is(t, s, "leadership.outcome", "abandoned", "leadership.reason", "closed")
		if s.Status().Code != codes.Error || lasted(s) == 0 {
			t.Errorf("status %v, took %v", s.Status(), lasted(s))
		}
	})
	bubble(t, "a store that answers late, after the second try", func(t *testing.T) {
		l := newLab(t)
		f, link := l.link("app", "a")
		m := l.build(t, f)
		time.Sleep(time.Second)
		link.Disconnect()
		lost := make(chan error, 1)
		go func() { lost <- m.Resign(context.Background()) }()
		time.Sleep(5 * time.Second)
		if n := len(l.spans("leadership.handover")); n != 0 {
			t.Fatalf("%d handovers before the end of the first", n)
		}
		link.Reconnect()
		time.Sleep(2 * time.Second)
		if err := <-lost; err == nil {
			t.Error("Resign over a link that is cut succeeded")
		}
		s := l.span(t, "leadership.handover")
		if d := lasted(s); d < 5*time.Second || d > 7*time.Second {
			t.Errorf("took %v", d)
		}
		is(t, s, "leadership.outcome", "returned", "leadership.reason", "resigned")
		if got := l.children(s); len(got) < 3 || got[0] != "leadership.store.resign" || got[1] != "leadership.store.close" {
			t.Errorf("the children are %q", got)
		}
		_ = m.Close()
	})
	bubble(t, "a link that stays cut: given up when the session must be over, as an error", func(t *testing.T) {
		l := newLab(t)
		f, link := l.link("app", "a")
		m := l.build(t, f)
		time.Sleep(time.Second)
		link.Disconnect()
		time.Sleep(2 * time.Minute)
		s := l.span(t, "leadership.handover")
		is(t, s, "leadership.outcome", "abandoned", "leadership.reason", "expired")
		if s.Status().Code != codes.Error || s.Status().Description == "" {
			t.Errorf("status %v", s.Status())
		}
		if d := lasted(s); d < 2*ttl || d > 3*ttl {
			t.Errorf("took %v", d)
		}
		link.Reconnect()
		time.Sleep(time.Minute)
		_ = m.Close()
		if n := len(l.spans("leadership.handover")); n != 2 {
			t.Errorf("%d handovers of two terms", n)
		}
	})
	bubble(t, "a session that is destroyed leaves nothing to give back: an error without length", func(t *testing.T) {
		l := newLab(t)
		m := l.member(t, "app", "a")
		time.Sleep(time.Second)
		l.store.DestroySession(l.store.Holder(key("app")).Session)
		time.Sleep(time.Minute)
		s := l.span(t, "leadership.handover")
		is(t, s, "leadership.outcome", "returned", "leadership.reason", "session_lost")
		if lasted(s) != 0 || s.Status().Code != codes.Error {
			t.Errorf("took %v, status %v", lasted(s), s.Status())
		}
		hasChildren(t, l, s)
		_ = m.Close()
	})
	bubble(t, "a key that is deleted is an error", func(t *testing.T) {
		l := newLab(t)
		m := l.member(t, "app", "a")
		time.Sleep(time.Second)
		l.store.DeleteKey(key("app"))
		time.Sleep(time.Minute)
		s := l.span(t, "leadership.handover")
		is(t, s, "leadership.outcome", "returned", "leadership.reason", "key_lost")
		if s.Status().Code != codes.Error {
			t.Errorf("status %v", s.Status())
		}
		_ = m.Close()
	})
	bubble(t, "each of many terms has one campaign and one handover", func(t *testing.T) {
		const terms = 50
		l := newLab(t)
		m := l.member(t, "app", "a")
		for i := range terms {
			switch i % 3 {
			case 0:
				_ = m.Resign(t.Context())
			case 1:
				l.store.DestroySession(l.store.Holder(key("app")).Session)
			case 2:
				l.store.DeleteKey(key("app"))
			}
			time.Sleep(time.Minute)
		}
		_ = m.Close()
		var tokens []int64
		for _, name := range []string{"leadership.campaign", "leadership.handover"} {
			spans := l.spans(name)
			if len(spans) != terms+1 {
				t.Errorf("%d spans %s of %d terms", len(spans), name, terms+1)
			}
			tokens = tokens[:0]
			for _, s := range spans {
				set := attributesOf(s)
				v, _ := set.Value("leadership.term")
				tokens = append(tokens, v.AsInt64())
			}
			if !slices.IsSorted(tokens) || len(slices.Compact(tokens)) != terms+1 {
				t.Errorf("%s of the terms %v", name, tokens)
			}
		}
	})
}

func TestNothingElseIsTraced(t *testing.T) {
	bubble(t, "hours of renewals and watches have no span", func(t *testing.T) {
		l := newLab(t)
		a, b := l.member(t, "app", "a"), l.member(t, "app", "b")
		before := len(l.recorder.Ended())
		time.Sleep(2 * time.Hour)
		if after := len(l.recorder.Ended()); after != before {
			t.Errorf("%d spans, %d two hours later", before, after)
		}
		if open := len(l.recorder.Started()) - len(l.recorder.Ended()); open != 0 {
			t.Errorf("%d spans are open", open)
		}
		_, _ = a.Close(), b.Close()
	})
}

func TestQuestionsOfACallerAreInItsTrace(t *testing.T) {
	bubble(t, "Confirm and Leader are children of the caller's span, and what the member does itself is not", func(t *testing.T) {
		l := newLab(t)
		starting, start := l.tracers.Tracer("test").Start(t.Context(), "starting")
		f, link := l.link("app", "a")
		m, err := l.telemetry.Build(starting, f)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		start.End()
		ctx, span := l.tracers.Tracer("test").Start(t.Context(), "request")
		if err := m.Confirm(ctx); err != nil {
			t.Error(err)
		}
		link.Deny(true)
		if _, err := m.Leader(ctx); !errors.Is(err, leadership.ErrDenied) {
			t.Error(err)
		}
		link.Deny(false)
		span.End()
		request := l.span(t, "request")
		hasChildren(t, l, request, "leadership.store.observe", "leadership.store.observe")
		below := slices.DeleteFunc(l.recorder.Ended(), func(s sdktrace.ReadOnlySpan) bool { return s.Parent().SpanID() != request.SpanContext().SpanID() })
		if below[0].Status().Code != codes.Unset || below[1].Status().Code != codes.Error {
			t.Errorf("status %v and %v", below[0].Status(), below[1].Status())
		}
		is(t, below[0], "leadership.operation", "observe", "error.type", "")
		is(t, below[1], "leadership.operation", "observe", "error.type", "denied")
		hasChildren(t, l, l.span(t, "starting"))
		if err := m.Confirm(t.Context()); err != nil {
			t.Error(err)
		}
		_ = m.Close()
	})
	bubble(t, "the span reaches the store's client", func(t *testing.T) {
		l := newLab(t)
		seen := make(chan trace.SpanContext, 100)
		m := l.build(t, memory.NewClusterFactory(l.store).Wrap(func(_ leadership.Config, b leadership.Backend) leadership.Backend {
			return &spy{b, seen}
		}))
		time.Sleep(time.Second)
		ctx, span := l.tracers.Tracer("test").Start(t.Context(), "request")
		for len(seen) > 0 {
			<-seen
		}
		_ = m.Confirm(ctx)
		got := <-seen
		span.End()
		if got.TraceID() != span.SpanContext().TraceID() || got.SpanID() == span.SpanContext().SpanID() {
			t.Errorf("the store saw %v of %v", got, span.SpanContext())
		}
		_ = m.Close()
	})
}

// spy tells which span Observe was called with.
type spy struct {
	leadership.Backend
	seen chan<- trace.SpanContext
}

func (s *spy) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	select {
	case s.seen <- trace.SpanContextFromContext(ctx):
	default:
	}
	return s.Backend.Observe(ctx, key)
}
