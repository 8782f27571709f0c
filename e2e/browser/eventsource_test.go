//go:build chromium

package browser

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/bridges/sse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a stream of numbers that a test makes by hand. The handler has them when a call returns.
type source struct{ out leadership.Observer[int] }

func (s *source) emit(first, last int) {
	for n := first; n <= last; n++ {
		s.out.Next(n)
	}
}

// handler serves a source. It is closed at the end of the test.
func handler(t *testing.T, opts sse.Options[int]) (*source, *sse.Handler[int]) {
	t.Helper()
	s := &source{}
	opts.Retry = 20 * time.Millisecond
	h, err := sse.NewHandler(leadership.Create(func(_ *leadership.Scope, out leadership.Observer[int]) { s.out = out }), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, h
}

// messages are the events from first to last as a page sees them.
func messages(first, last int) (all []string) {
	for n := first; n <= last; n++ {
		all = append(all, fmt.Sprintf("message %d %d", n, n))
	}
	return all
}

func TestEventSource(t *testing.T) {
	browser := chromium(t)

	t.Run("each event comes once and in order, however often the connection is cut", func(t *testing.T) {
		src, h := handler(t, sse.Options[int]{})
		s := newSite(t, h)
		p := open(t, browser, s)
		const cuts, each = 20, 25
		for i := range cuts {
			// Some come before the cut, some may be on their way, and some come while the page is away.
			first := i*each + 1
			if i%3 == 0 {
				src.emit(first, first+9)
				p.until(t, fmt.Sprintf("seen.length === %d", first+9))
			} else {
				src.emit(first, first+9)
			}
			s.cut(t, i%2 == 0)
			src.emit(first+10, first+each-1)
			p.until(t, fmt.Sprintf("seen.length >= %d", first+each-1))
			p.until(t, fmt.Sprintf("opened > %d", i+1))
		}
		src.emit(cuts*each+1, cuts*each+1)
		p.until(t, fmt.Sprintf("seen.length >= %d", cuts*each+1))
		p.saw(t, messages(1, cuts*each+1)...)
		if opened, lost := p.number(t, "opened"), p.number(t, "lost"); opened != cuts+1 || lost != cuts {
			t.Errorf("the page connected %d times and lost the connection %d times, with %d cuts", opened, lost, cuts)
		}
	})

	t.Run("a page that was cut off before the first event misses none", func(t *testing.T) {
		src, h := handler(t, sse.Options[int]{})
		s := newSite(t, h)
		p := open(t, browser, s)
		release := s.hold()
		s.cut(t, true)
		src.emit(1, 5)
		release()
		p.until(t, "seen.length >= 5")
		p.saw(t, messages(1, 5)...)
	})

	t.Run("a page that was away for more than is kept hears of the gap", func(t *testing.T) {
		src, h := handler(t, sse.Options[int]{Keep: 8})
		s := newSite(t, h)
		p := open(t, browser, s)
		src.emit(1, 5)
		p.until(t, "seen.length === 5")
		release := s.hold()
		s.cut(t, false)
		src.emit(6, 30)
		release()
		p.until(t, "seen.length >= 14")
		want := append(messages(1, 5), `gap 22 {"missed":17}`)
		p.saw(t, append(want, messages(23, 30)...)...)
	})

	t.Run("after the end the page does not come back", func(t *testing.T) {
		for _, tt := range []struct {
			sentence string
			err      error
			data     string
		}{
			{"of a completion", nil, `{"error":null}`},
			{"of a failure", errors.New("broken"), `{"error":"broken"}`},
		} {
			t.Run(tt.sentence, func(t *testing.T) {
				src, h := handler(t, sse.Options[int]{})
				s := newSite(t, h)
				p := open(t, browser, s)
				src.emit(1, 2)
				p.until(t, "seen.length === 2")
				if tt.err == nil {
					src.out.Complete()
				} else {
					src.out.Error(tt.err)
				}
				p.until(t, "gone")
				p.saw(t, append(messages(1, 2), "end 3 "+tt.data)...)
				if state, closed := p.number(t, "events.readyState"), p.number(t, "EventSource.CLOSED"); state != closed {
					t.Errorf("the state is %d, not %d, CLOSED", state, closed)
				}
				answers := s.answered(t, 2)
				if len(answers) != 2 || answers[0].status != http.StatusOK || answers[1].status != http.StatusNoContent {
					t.Errorf("the answers are %+v", answers)
				}
			})
		}
	})

	t.Run("a page survives a handler that was closed, and goes on at the next", func(t *testing.T) {
		first, h := handler(t, sse.Options[int]{})
		s := newSite(t, h)
		p := open(t, browser, s)
		first.emit(1, 2)
		p.until(t, "seen.length === 2")
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		s.answered(t, 4) // it has come back to the closed one, more than once

		second, next := handler(t, sse.Options[int]{})
		second.emit(1, 7)
		var answer http.Handler = next
		s.handler.Store(&answer)
		p.until(t, "seen.length >= 4")
		second.emit(8, 8)
		p.until(t, "seen.length >= 5")
		p.saw(t, "message 1 1", "message 2 2", `gap 6 {"missed":null}`, "message 7 7", "message 8 8")
		if p.number(t, "Number(gone)") != 0 {
			t.Error("the page has given up")
		}
	})
}
