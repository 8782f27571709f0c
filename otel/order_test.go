package leadershipotel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/leadership-go/leadership"
)

// history is what a member did, one thing a second.
type history struct {
	start  time.Time
	events []event
}

func (h *history) now() time.Time { return h.start.Add(time.Duration(len(h.events)) * time.Second) }

// call adds one that took a second, made when led was the last term.
func (h *history) call(op operation, led uint64, set func(c *call)) {
	c := call{op: op, led: led, start: h.now(), end: h.now().Add(time.Second), began: uint64(2*len(h.events) + 1), ended: uint64(2*len(h.events) + 2)}
	if set != nil {
		set(&c)
	}
	h.events = append(h.events, event{call: &c})
}

func (h *history) message(status leadership.Status, term uint64, err error) {
	h.events = append(h.events, event{message: &leadership.ElectionMessage{Status: status, Term: term, Err: err, Time: h.now()}})
}

func opens(session string) func(*call) { return func(c *call) { c.session = session } }

func holds(session string, token uint64) func(*call) {
	return func(c *call) { c.holder, c.token = session, token }
}

func fails(err error) func(*call) {
	return func(c *call) { c.err, c.kind = err, errorKind(err) }
}

// told are the spans that come of events: begin and end, name, and what tells them apart.
func told(t *testing.T, events []event) []string {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	tel, err := New(WithMeterProvider(noop.NewMeterProvider()), WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))))
	if err != nil {
		t.Fatal(err)
	}
	all := &tracer{measured: newMeasured(tel, leadership.Config{}, trace.SpanContext{})}
	for _, e := range events {
		if e.call != nil {
			all.takeCall(*e.call)
		} else {
			all.takeMessage(*e.message)
		}
	}
	all.end()
	var spans []string
	for _, s := range recorder.Ended() {
		text := fmt.Sprintf("%02d-%02d %s", s.StartTime().Unix(), s.EndTime().Unix(), strings.TrimPrefix(s.Name(), "leadership."))
		for _, a := range s.Attributes() {
			if a.Key == outcomeAttribute || a.Key == reasonAttribute || a.Key == termAttribute {
				text += " " + a.Value.String()
			}
		}
		if s.Parent().IsValid() {
			text += ", a child"
		}
		spans = append(spans, text)
	}
	slices.Sort(spans)
	return spans
}

func TestLateMessagesMakeTheSameSpans(t *testing.T) {
	h := &history{start: time.Unix(0, 0)}
	relegation, elected := leadership.StatusRelegation, leadership.StatusElectedFirst
	h.call(opOpen, 0, opens("s1"))
	h.call(opCampaign, 0, holds("s1", 1))
	h.message(elected, 1, nil)
	h.call(opRenew, 1, nil)
	h.message(relegation, 1, leadership.ErrResigned)
	h.call(opResign, 1, fails(errors.New("no quorum")))
	h.call(opClose, 1, nil)
	h.call(opOpen, 1, opens("s2"))
	h.call(opCampaign, 1, holds("other", 2))
	h.call(opRenew, 1, nil)
	h.call(opCampaign, 1, holds("s2", 3))
	h.call(opObserve, 1, holds("s2", 3))
	h.message(elected, 3, nil)
	h.message(relegation, 3, leadership.ErrSessionLost)
	h.call(opOpen, 3, opens("s3"))
	h.call(opCampaign, 3, holds("s3", 4))
	h.call(opLifetime, 3, nil)
	h.call(opObserve, 3, holds("other", 5))
	h.call(opCampaign, 3, holds("other", 5)) // the claim is lost
	h.call(opCampaign, 3, holds("s3", 6))
	h.message(elected, 6, nil)
	h.message(relegation, 6, leadership.ErrLeaseExpired)
	h.call(opResign, 6, fails(errors.New("no quorum")))
	h.call(opClose, 6, fails(errors.New("no quorum")))
	h.call(opOpen, 6, opens("s4")) // the handover is given up
	h.call(opCampaign, 6, holds("other", 7))
	h.call(opResign, 6, nil) // which is not of a term
	h.call(opClose, 6, nil)
	want := []string{
		"00-01 store.open, a child",
		"00-02 campaign elected 1",
		"01-02 store.campaign, a child",
		"04-07 handover returned resigned 1",
		"05-06 store.resign, a child",
		"06-07 store.close, a child",
		"10-11 store.campaign, a child",
		"10-12 campaign elected 3",
		"11-12 store.observe, a child",
		"13-13 handover returned session_lost 3",
		"14-15 store.open, a child",
		"14-18 campaign given_up 4",
		"15-16 store.campaign, a child",
		"16-17 store.lifetime, a child",
		"17-18 store.observe, a child",
		"19-20 campaign elected 6",
		"19-20 store.campaign, a child",
		"21-24 handover abandoned expired 6",
		"22-23 store.resign, a child",
		"23-24 store.close, a child",
	}
	if got := told(t, h.events); !slices.Equal(got, want) {
		t.Fatalf("in order:\n%q\nwant\n%q", got, want)
	}
	tried := 0
	for i, e := range h.events {
		if e.message == nil {
			continue
		}
		for later := i + 1; later < len(h.events); later++ {
			// A message is on its way for a moment only: never beyond the call that takes the key anew, nor past the next message.
			after := h.events[later]
			if after.message != nil || after.call.op == opCampaign && after.call.holder != "other" {
				break
			}
			events := slices.Insert(slices.Delete(slices.Clone(h.events), i, i+1), later, e)
			if got := told(t, events); !slices.Equal(got, want) {
				t.Errorf("%s of term %d after %s at %d:\n%q\nwant\n%q", e.message.Status, e.message.Term, after.call.op, later, got, want)
			}
			tried++
		}
	}
	if tried < 10 {
		t.Errorf("only %d orders were tried", tried)
	}
}

func TestVeryLateMessages(t *testing.T) {
	h := &history{start: time.Unix(0, 0)}
	h.call(opOpen, 0, opens("s1"))
	h.call(opCampaign, 0, holds("s1", 1))
	h.call(opResign, 1, nil)
	h.call(opOpen, 1, opens("s2"))
	h.call(opCampaign, 1, holds("s2", 3)) // the claim before must have been a term: otherwise there would be none of its token
	h.message(leadership.StatusElectedFirst, 1, nil)
	h.message(leadership.StatusRelegation, 1, leadership.ErrResigned)
	h.message(leadership.StatusElectedFirst, 3, nil)
	want := []string{
		"00-01 store.open, a child",
		"00-04 campaign elected 1",
		"01-02 store.campaign, a child",
		"02-03 store.resign, a child",
		"03-04 store.open, a child",
		"03-07 campaign elected 3",
		"04-05 store.campaign, a child",
		"06-06 handover returned resigned 1",
	}
	if got := told(t, h.events); !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestFlushWaitsForTheEndOfTheTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, err := New(WithMeterProvider(noop.NewMeterProvider()))
		if err != nil {
			t.Fatal(err)
		}
		m := newMeasured(tel, leadership.Config{}, trace.SpanContext{})
		f := &flush{led: 7, done: make(chan struct{}, consumers)}
		m.hear(leadership.ElectionMessage{Status: leadership.StatusRelegation, Term: 6, Err: leadership.ErrResigned})
		m.events.Next(event{flush: f})
		synctest.Wait()
		if n := len(f.done); n != 0 {
			t.Errorf("%d consumers did not wait", n)
		}
		m.hear(leadership.ElectionMessage{Status: leadership.StatusRelegation, Term: 7, Err: leadership.ErrResigned})
		synctest.Wait()
		if n := len(f.done); n != consumers {
			t.Errorf("%d of %d consumers have answered", n, consumers)
		}
	})
}
