package leadership_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

func TestPreempt(t *testing.T) {
	const wait = 30 * time.Second
	rank := func(t *testing.T, store *memory.Store, id string, priority int, layers ...leadership.Layer) candidate {
		t.Helper()
		return stand(t, store, ranked(id, priority, wait), nil, layers...)
	}
	bubble(t, "a leader makes way once a better candidate has stood for long enough, and not before", func(t *testing.T, store *memory.Store) {
		low := rank(t, store, "low", 1)
		time.Sleep(7 * time.Second)
		high := rank(t, store, "high", 3)
		time.Sleep(wait)
		onlyLeads(t, "it has just stood for long enough", low, high)
		time.Sleep(2 * 10 * time.Second) // two looks
		onlyLeads(t, "it has stood for longer", high, low)
		if err := low.log.last(t, leadership.StatusRelegation).Err; !errors.Is(err, leadership.ErrResigned) {
			t.Errorf("relegated for %v", err)
		}
		time.Sleep(time.Hour)
		onlyLeads(t, "and it stays", high, low)
		high.log.news()
		if got := holders(t, store); got != "high low" {
			t.Errorf("stand: %s", got)
		}
	})
	bubble(t, "an equal candidate is not better", func(t *testing.T, store *memory.Store) {
		a, b := rank(t, store, "a", 1), rank(t, store, "b", 1)
		time.Sleep(time.Hour)
		onlyLeads(t, "after an hour", a, b)
	})
	bubble(t, "who is not to preempt does not", func(t *testing.T, store *memory.Store) {
		low, high := enrol(t, store, "low", 1), rank(t, store, "high", 3)
		time.Sleep(time.Hour)
		onlyLeads(t, "the setting of the leader counts", low, high)
	})
	bubble(t, "a candidate that comes and goes does not move the leader", func(t *testing.T, store *memory.Store) {
		low := rank(t, store, "low", 1)
		low.log.news()
		for range 100 {
			high := rank(t, store, "high", 3)
			time.Sleep(wait - time.Second)
			_ = high.Close()
			time.Sleep(time.Millisecond)
		}
		for _, status := range low.log.news() {
			if status != "elected" {
				t.Errorf("it told %s", status)
			}
		}
		steady := rank(t, store, "steady", 2)
		time.Sleep(wait + 20*time.Second)
		onlyLeads(t, "one that stays does", steady, low)
	})
	bubble(t, "who is to lead is the one that is best then", func(t *testing.T, store *memory.Store) {
		low, middle := rank(t, store, "low", 1), rank(t, store, "middle", 2)
		time.Sleep(25 * time.Second)
		high := rank(t, store, "high", 3)
		time.Sleep(wait)
		onlyLeads(t, "the best one has stood for less", low, middle, high)
		time.Sleep(20 * time.Second)
		onlyLeads(t, "it has stood for longer", high, low, middle)
	})
	bubble(t, "who made way stands again at once, so that it is there when the other one goes", func(t *testing.T, store *memory.Store) {
		low, high := rank(t, store, "low", 1), rank(t, store, "high", 3)
		for !high.IsLeader() {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond)
		if got := holders(t, store); got != "high low" {
			t.Errorf("stand: %s", got)
		}
		_ = high.Close()
		onlyLeads(t, "high has closed", low, high)
	})
	bubble(t, "work returns first", func(t *testing.T, store *memory.Store) {
		low := rank(t, store, "low", 1)
		returned := make(chan time.Time, 1)
		go func() {
			_ = low.Lead(t.Context(), func(ctx context.Context, _ leadership.Term) error {
				<-ctx.Done()
				time.Sleep(2 * time.Second)
				select {
				case returned <- time.Now():
				default:
				}
				return nil
			})
		}()
		synctest.Wait()
		high := rank(t, store, "high", 3)
		at := <-returned
		synctest.Wait()
		onlyLeads(t, "the work has returned", high, low)
		if first := high.log.last(t, leadership.StatusElectedFirst).Time; first.Before(at) {
			t.Errorf("high was elected at %v, and the work returned at %v", first, at)
		}
	})
	bubble(t, "what fails is tried again, and told to nobody", func(t *testing.T, store *memory.Store) {
		n := 0
		h := &hurdle{}
		h.candidates = func(ctx context.Context) error {
			if n++; n%2 == 0 {
				return hang(ctx)
			}
			return nil
		}
		low := rank(t, store, "low", 1, h.over)
		high := rank(t, store, "high", 3)
		time.Sleep(2*wait + 20*time.Second)
		onlyLeads(t, "every other look failed", high, low)
		for _, m := range low.log.messages {
			if m.Status == leadership.StatusError {
				t.Errorf("it told %v", m.Err)
			}
		}
	})
	bubble(t, "TransferTo is carried out as it was asked for, while work returns", func(t *testing.T, store *memory.Store) {
		low := stand(t, store, ranked("low", 1, 2*time.Second), nil)
		go func() {
			_ = low.Lead(t.Context(), func(ctx context.Context, _ leadership.Term) error {
				<-ctx.Done()
				time.Sleep(4 * time.Second)
				return nil
			})
		}()
		synctest.Wait()
		plain, high := join(t, store, "plain"), join(t, store, "high")
		_ = high.Close()
		time.Sleep(time.Second)
		result := make(chan error, 1)
		go func() { result <- low.TransferTo(t.Context(), "plain") }()
		synctest.Wait()
		better := enrol(t, store, "better", 9)
		if err := <-result; err != nil {
			t.Error(err)
		}
		onlyLeads(t, "it was asked for before", plain, low, better)
	})
	bubble(t, "nothing is looked for by who does not lead, and after Close", func(t *testing.T, store *memory.Store) {
		h := new(hurdle)
		low := rank(t, store, "low", 1)
		other := rank(t, store, "other", 1, h.over)
		time.Sleep(time.Hour + 5*time.Second) // in between two looks
		if n := h.calls.Load(); n != 0 {
			t.Errorf("asked %d times", n)
		}
		_ = low.Close()
		time.Sleep(time.Minute + time.Second)
		if n := h.calls.Load(); n != 1+6 {
			t.Errorf("asked %d times: once when it came to hold the key, and every 10 s", n)
		}
		_ = other.Close()
		time.Sleep(time.Hour)
		if n := h.calls.Load(); n > 1+6+1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestBuildRefusesPreemptWithoutAStrategy(t *testing.T) {
	cfg := leadership.Config{Election: leadership.ElectionConfig{Preempt: time.Second}}
	_, err := memory.NewClusterFactory(nil).Configure(cfg).Build(t.Context())
	want := `leadership: invalid config: election.preempt 1s must be 0 where election.strategy is "arrival": nobody is better`
	if !errors.Is(err, leadership.ErrInvalidConfig) || err.Error() != want {
		t.Errorf("got %v", err)
	}
	m, err := memory.NewClusterFactory(nil).Configure(cfg).Strategy(leadership.ByVersion).Logger(slog.New(slog.DiscardHandler)).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = m.Close()
}
