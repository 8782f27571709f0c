package marble

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
)

// Source is a cold stream that plays a diagram from the moment of each subscription, on a goroutine of its own. A diagram that is none makes
// a stream that fails with [ErrSyntax].
func Source(diagram string) leadership.Observable[string] {
	events, err := Parse(diagram)
	if err != nil {
		return leadership.Throw[string](err)
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[string]) {
		s.Go(func() { play(s, events, out) })
	})
}

func play(s *leadership.Scope, events []Event, out leadership.Observer[string]) {
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for _, e := range events {
		timer.Reset(time.Until(start.Add(time.Duration(e.Frame) * (Frame - hair))))
		select {
		case <-timer.C:
		case <-s.Context().Done():
		}
		if s.Ended() {
			return
		}
		switch e.Mark {
		case '|':
			out.Complete()
		case '#':
			out.Error(ErrMarble)
		default:
			out.Next(string(e.Mark))
		}
	}
}

// Recorder notes what a stream says and when.
type Recorder struct {
	start time.Time

	mu     sync.Mutex
	events []Event
	odd    []string
	err    error
}

// Record subscribes to o from now on.
func Record(o leadership.Observable[string], opts ...leadership.SubscribeOption) (*Recorder, *leadership.Subscription) {
	r := &Recorder{start: time.Now()}
	sub := o.Subscribe(r.value, append([]leadership.SubscribeOption{
		leadership.OnError(func(err error) { r.note('#', err) }),
		leadership.OnComplete(func() { r.note('|', nil) }),
	}, opts...)...)
	return r, sub
}

func (r *Recorder) value(v string) {
	runes := []rune(v)
	if len(runes) != 1 {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.odd = append(r.odd, v)
		return
	}
	r.note(runes[0], nil)
}

func (r *Recorder) note(mark rune, err error) {
	frame := int((time.Since(r.start) + Frame/2) / Frame)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, Event{frame, mark})
	r.err = errors.Join(r.err, err)
}

// Diagram is what was heard so far. Values that are not one character follow in quotes.
func (r *Recorder) Diagram() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	said := []string{Format(r.events)}
	for _, v := range r.odd {
		said = append(said, strconv.Quote(v))
	}
	return strings.Join(said, " ")
}

// Err is what # stands for in the diagram.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Normal is a diagram as [Recorder.Diagram] would write it.
func Normal(diagram string) (string, error) {
	events, err := Parse(diagram)
	return Format(events), err
}
