package marble_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, diagram string
		want          []marble.Event
	}{
		{"nothing", "", nil},
		{"silence", "---", nil},
		{"a value in its frame", "--a", []marble.Event{{2, 'a'}}},
		{"a group is one frame", "-(ab)c", []marble.Event{{1, 'a'}, {1, 'b'}, {2, 'c'}}},
		{"completion", "a-|", []marble.Event{{0, 'a'}, {2, '|'}}},
		{"an error in a group", "(a#)", []marble.Event{{0, 'a'}, {0, '#'}}},
		{"silence after the terminal", "|--", []marble.Event{{0, '|'}}},
		{"blanks count for nothing", " - a ( b | ) ", []marble.Event{{1, 'a'}, {2, 'b'}, {2, '|'}}},
		{"any letter or digit", "ä7", []marble.Event{{0, 'ä'}, {1, '7'}}},
		{"an empty group is a frame", "()a", []marble.Event{{1, 'a'}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := marble.Parse(tt.diagram)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%q: got %v, %v, want %v", tt.diagram, got, err, tt.want)
			}
		})
	}
	for _, bad := range []string{"(", "a)", "((a))", "(-)", "|a", "||", "#|", "(|a)", "a^", "\x00", strings.Repeat("-", 100_001)} {
		if got, err := marble.Parse(bad); !errors.Is(err, marble.ErrSyntax) {
			t.Errorf("%.20q gives %v, %v", bad, got, err)
		}
	}
}

func TestPlayAndRecord(t *testing.T) {
	for _, diagram := range []string{"-a-b--(cd|)", "#", "(ab)-c--#", "", "-a", strings.Repeat("-", 50_000) + "a"} {
		synctest.Test(t, func(t *testing.T) {
			r, sub := marble.Record(marble.Source(diagram))
			time.Sleep(60_000 * marble.Frame)
			synctest.Wait()
			if got := r.Diagram(); got != diagram {
				t.Errorf("%.40q is recorded as %.40q", diagram, got)
			}
			if failed := strings.Contains(diagram, "#"); failed != errors.Is(r.Err(), marble.ErrMarble) {
				t.Errorf("%q failed with %v", diagram, r.Err())
			}
			sub.Unsubscribe()
		})
	}
	t.Run("where a value and a timer fall into one frame, the value is first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			timer := time.NewTimer(5 * marble.Frame)
			defer timer.Stop()
			_, sub := marble.Record(marble.Source("-----a"), leadership.OnComplete(func() {}))
			defer sub.Unsubscribe()
			r, second := marble.Record(marble.Source("-----a"))
			defer second.Unsubscribe()
			<-timer.C
			if got := r.Diagram(); got != "-----a" {
				t.Errorf("when the timer fired, only %q was heard", got)
			}
		})
	})
	t.Run("values that are not one character are shown", func(t *testing.T) {
		r, sub := marble.Record(leadership.Just("a", "long"))
		<-sub.Done()
		if got := r.Diagram(); got != `(a|) "long"` {
			t.Errorf("got %s", got)
		}
	})
	t.Run("a diagram that is none fails", func(t *testing.T) {
		if err := marble.Source("((").ForEach(t.Context(), nil); !errors.Is(err, marble.ErrSyntax) {
			t.Errorf("ended with %v", err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "-a-b-|", "(ab|)", "-#", "(", " a b", "a)", "()"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, diagram string) {
		events, err := marble.Parse(diagram)
		if err != nil {
			if !errors.Is(err, marble.ErrSyntax) || events != nil {
				t.Fatalf("%q: %v, %v", diagram, events, err)
			}
			return
		}
		for i, e := range events {
			if i > 0 && (e.Frame < events[i-1].Frame || events[i-1].Terminal()) {
				t.Fatalf("%q: %v out of order", diagram, events)
			}
		}
		shortest := marble.Format(events)
		again, err := marble.Parse(shortest)
		if err != nil || !slices.Equal(events, again) {
			t.Fatalf("%q is written as %q, which reads %v, %v instead of %v", diagram, shortest, again, err, events)
		}
	})
}
