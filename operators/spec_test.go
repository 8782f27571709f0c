package operators_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
)

// stream is what the diagrams of package marble are about.
type stream = leadership.Observable[string]

// spec checks that op makes want of source, in virtual time, and that it leaves nothing behind when it is unsubscribed at
// any frame on the way.
func spec(t *testing.T, op func(stream) stream, source, want string) {
	t.Helper()
	frames, err := marble.Parse(want)
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	if len(frames) > 0 {
		last = frames[len(frames)-1].Frame
	}
	synctest.Test(t, func(t *testing.T) {
		r, sub := marble.Record(op(marble.Source(source)))
		time.Sleep(time.Duration(last+100) * marble.Frame)
		if got, _ := marble.Normal(want); got != r.Diagram() {
			t.Errorf("\n source %s\n   want %s\n    got %s", source, got, r.Diagram())
		}
		sub.Unsubscribe()
	})
	for cut := range last + 1 {
		synctest.Test(t, func(t *testing.T) {
			r, sub := marble.Record(op(marble.Source(source)))
			time.Sleep(time.Duration(cut)*marble.Frame + marble.Frame/2)
			sub.Unsubscribe()
			heard := r.Diagram()
			if before := upTo(frames, cut); heard != before {
				t.Errorf("\n source %s\n   want %s until frame %d\n    got %s", source, before, cut, heard)
			}
			time.Sleep(100 * marble.Frame)
			if now := r.Diagram(); now != heard {
				t.Errorf("unsubscribed in frame %d after %s, but heard %s", cut, heard, now)
			}
		})
	}
}

// upTo is the diagram of what has happened by the end of a frame.
func upTo(events []marble.Event, frame int) string {
	n := 0
	for n < len(events) && events[n].Frame <= frame {
		n++
	}
	return marble.Format(events[:n])
}
