package rx_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reactivex/rxgo/v2"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/rx"
)

func TestTo(t *testing.T) {
	var counted source[int]
	for name, c := range map[string]struct {
		obs  leadership.Observable[int]
		want []string
	}{
		"values, then the channel is closed":               {leadership.Just(1, 2), []string{"1", "2", "|"}},
		"the zero Observable":                              {leadership.Observable[int]{}, []string{"|"}},
		"the error is the last item":                       {counted.emitting(0, fail, 1, 2), []string{"1", "2", "#broken", "|"}},
		"an error alone":                                   {leadership.Throw[int](errBroken), []string{"#broken", "|"}},
		"a source that takes its time":                     {counted.emitting(time.Minute, complete, 1, 2), []string{"1", "2", "|"}},
		"a source that delivers within Subscribe and ends": {leadership.FromSlice([]int{1}), []string{"1", "|"}},
	} {
		bubble(t, name, func(t *testing.T) {
			o := rx.To(c.obs)
			for range 2 { // a second Observe sees the same
				if got := all(o.Observe()); !slices.Equal(got, c.want) {
					t.Errorf("saw %q, want %q", got, c.want)
				}
			}
		})
	}
	bubble(t, "a panic at the source is an error", func(t *testing.T) {
		items := rx.To(leadership.New(func(*leadership.Scope, leadership.Observer[int]) { panic("oh") })).Observe()
		var caught *leadership.PanicError
		if item := <-items; !errors.As(item.E, &caught) || caught.Value != "oh" {
			t.Errorf("got %v", item)
		}
		if _, open := <-items; open {
			t.Error("not closed")
		}
	})
	bubble(t, "nobody observes, nothing is subscribed", func(t *testing.T) {
		var s source[int]
		_ = rx.To(s.emitting(0, stay, 1)).Filter(func(any) bool { return true })
		synctest.Wait()
		if n := s.total.Load(); n != 0 {
			t.Errorf("%d subscriptions", n)
		}
	})
}

func TestToEndsWithItsContexts(t *testing.T) {
	bubble(t, "rxgo's: closed without an error, and released", func(t *testing.T) {
		var s source[int]
		ctx, cancel := context.WithCancel(t.Context())
		items := rx.To(s.emitting(0, stay, 1, 2)).Filter(func(any) bool { return true }).Map(identity).Observe(rxgo.WithContext(ctx))
		if item := <-items; item.V != 1 {
			t.Errorf("got %v", item)
		}
		cancel()
		synctest.Wait()
		if n := s.active.Load(); n != 0 {
			t.Errorf("%d subscriptions are left", n)
		}
		for item := range items {
			if item.Error() {
				t.Errorf("got %v", item)
			}
		}
	})
	bubble(t, "rxgo's, ended before it began", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got := all(rx.To(leadership.Never[int]()).Observe(rxgo.WithContext(ctx))); !slices.Equal(got, []string{"|"}) {
			t.Errorf("saw %q", got)
		}
	})
	bubble(t, "the subscription's: its cause is an error, not a completion", func(t *testing.T) {
		var s source[int]
		ctx, cancel := context.WithCancelCause(t.Context())
		items := rx.To(s.emitting(0, stay, 1), leadership.WithContext(ctx)).Observe()
		if item := <-items; item.V != 1 {
			t.Errorf("got %v", item)
		}
		cancel(errors.New("enough"))
		if got := all(items); !slices.Equal(got, []string{"#enough", "|"}) || s.active.Load() != 0 {
			t.Errorf("saw %q", got)
		}
	})
	bubble(t, "the subscription's, ended before it began", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errBroken)
		got := all(rx.To(leadership.Never[int](), leadership.WithContext(ctx)).Observe())
		if !slices.Equal(got, []string{"#broken", "|"}) {
			t.Errorf("saw %q", got)
		}
	})
	bubble(t, "the subscription's, and nobody reads: nothing is left after a second", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		items := rx.To(leadership.Just(1, 2), leadership.WithContext(ctx)).Observe()
		synctest.Wait()
		cancel()
		time.Sleep(time.Second)
		synctest.Wait()
		if got := all(items); !slices.Equal(got, []string{"|"}) {
			t.Errorf("saw %q", got)
		}
	})
	bubble(t, "an error waits for its reader as long as there may be one", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		items := rx.To(leadership.Throw[int](errBroken), leadership.WithContext(ctx)).Observe()
		time.Sleep(time.Hour)
		if got := all(items); !slices.Equal(got, []string{"#broken", "|"}) {
			t.Errorf("saw %q", got)
		}
	})
	bubble(t, "an error that nobody reads goes with rxgo's context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		rx.To(leadership.Throw[int](errBroken)).Observe(rxgo.WithContext(ctx))
		synctest.Wait()
		cancel()
	})
}

// list is an error that can't be compared, as some libraries have.
type list []string

func (list) Error() string { return "list" }

func (list) Is(target error) bool { return target == errBroken }

func TestToAdmitsWhatRxgoCanCarry(t *testing.T) {
	t.Run("a nil interface is an error", func(t *testing.T) {
		item := <-rx.To(leadership.Just[error](nil)).Observe()
		if !errors.Is(item.E, rx.ErrValue) || item.E.Error() != "rx: value that rxgo cannot carry: nil error" {
			t.Errorf("got %v", item)
		}
	})
	t.Run("a value that can't be compared is an error, and the last", func(t *testing.T) {
		got := all(rx.To(leadership.Just[any](1, []int{2}, 3)).Observe())
		want := []string{"1", "#rx: value that rxgo cannot carry: this []int holds something that can't be compared", "|"}
		if !slices.Equal(got, want) {
			t.Errorf("saw %q", got)
		}
	})
	t.Run("an error is a value as any other, and so is a nil pointer", func(t *testing.T) {
		if item := <-rx.To(leadership.Just(errBroken)).Observe(); item.Error() || item.V != any(errBroken) {
			t.Errorf("got %v", item)
		}
		items := rx.To(leadership.Just[*int](nil)).Observe()
		if item := <-items; item.Error() || item.V != (*int)(nil) {
			t.Errorf("got %v", item)
		}
		<-items
	})
	t.Run("a message with an error that can't be compared passes, its error wrapped", func(t *testing.T) {
		message := leadership.ElectionMessage{Status: leadership.StatusError, Err: list{"a"}}
		var seen []leadership.ElectionMessage
		for item := range rx.To(leadership.Just(message, message)).DistinctUntilChanged(identity).Observe() {
			seen = append(seen, item.V.(leadership.ElectionMessage))
		}
		if len(seen) == 0 || !errors.Is(seen[0].Err, errBroken) || seen[0].Err.Error() != "list" {
			t.Errorf("got %v", seen)
		}
	})
	t.Run("other messages pass as they are", func(t *testing.T) {
		message := leadership.ElectionMessage{Status: leadership.StatusError, Err: errBroken, Term: 3, Vote: &leadership.Vote{}}
		if item := <-rx.To(leadership.Just(message)).Observe(); item.V != message {
			t.Errorf("got %v", item)
		}
	})
}
