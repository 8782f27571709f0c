package leadership_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// labour is the work of one candidate: what it is told, and when it returns.
type labour struct {
	mu      sync.Mutex
	begun   []leadership.Term
	causes  []error // why its contexts ended
	valid   []bool  // whether the term held when they did
	running int
	linger  time.Duration // it returns that long after its context has ended
	result  error         // if it is set, it returns at once, with that
	lead    error         // what Lead returned
	over    bool
}

// leads has c lead work until ctx ends.
func leads(ctx context.Context, c candidate, l *labour) *labour {
	go func() {
		err := c.Lead(ctx, l.work)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lead, l.over = err, true
	}()
	synctest.Wait()
	return l
}

func (l *labour) work(ctx context.Context, t leadership.Term) error {
	l.mu.Lock()
	l.begun = append(l.begun, t)
	l.running++
	result, linger := l.result, l.linger
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.running--
		l.mu.Unlock()
	}()
	if result != nil {
		return result
	}
	<-ctx.Done()
	l.mu.Lock()
	l.causes, l.valid = append(l.causes, context.Cause(ctx)), append(l.valid, t.Valid())
	l.mu.Unlock()
	time.Sleep(linger)
	return ctx.Err()
}

// state is how often work has begun, how much of it runs, and the last cause for which it was stopped.
func (l *labour) state() (begun, running int, cause error, valid bool) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.causes); n > 0 {
		cause, valid = l.causes[n-1], l.valid[n-1]
	}
	return len(l.begun), l.running, cause, valid
}

func (l *labour) expect(t *testing.T, begun, running int) {
	t.Helper()
	if b, r, _, _ := l.state(); b != begun || r != running {
		t.Fatalf("begun %d times, %d run; want %d and %d", b, r, begun, running)
	}
}

// ended is what Lead returned.
func (l *labour) ended(t *testing.T, want error) {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over || !errors.Is(l.lead, want) {
		t.Errorf("Lead has returned %v, %v; want %v", l.over, l.lead, want)
	}
}

const leaderKey = "services/cluster-app/leader"

func TestLead(t *testing.T) {
	bubble(t, "work runs in each term, and in no other's", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		wa, wb := leads(t.Context(), a, &labour{}), leads(t.Context(), b, &labour{})
		wa.expect(t, 1, 1)
		wb.expect(t, 0, 0)
		for i := range 3 {
			if err := a.Resign(t.Context()); err != nil {
				t.Fatal(err)
			}
			wa.expect(t, i+1, 0)
			wb.expect(t, i+1, 1)
			time.Sleep(11 * time.Second)
			if err := b.Resign(t.Context()); err != nil {
				t.Fatal(err)
			}
			wa.expect(t, i+2, 1)
			wb.expect(t, i+1, 0)
			time.Sleep(11 * time.Second)
		}
		if !slices.IsSortedFunc(wa.begun, func(x, y leadership.Term) int { return int(x.Token()) - int(y.Token()) }) {
			t.Error("the tokens do not grow")
		}
	})
	bubble(t, "failure 25: Resign stops the work first, under a term that still holds, and gives the key back once it has returned", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		wa := leads(t.Context(), a, &labour{linger: 3 * time.Second})
		a.log.news()
		start := time.Now()
		done := make(chan error, 1)
		go func() { done <- a.Resign(t.Context()) }()
		time.Sleep(2999 * time.Millisecond)
		if _, running, cause, valid := wa.state(); running != 1 || !errors.Is(cause, leadership.ErrResigned) || !valid || !a.IsLeader() || b.IsLeader() {
			t.Errorf("%d run, stopped for %v, valid %v; a leads %v, b %v", running, cause, valid, a.IsLeader(), b.IsLeader())
		}
		a.log.expect(t)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
		wa.expect(t, 1, 0)
		a.log.expect(t, relegated...)
		synctest.Wait()
		if !b.IsLeader() {
			t.Error("nobody followed")
		}
	})
	bubble(t, "Close waits for the work, and ends Lead", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		wa := leads(t.Context(), a, &labour{linger: time.Second})
		start := time.Now()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v", took)
		}
		if _, _, cause, _ := wa.state(); !errors.Is(cause, leadership.ErrClosed) {
			t.Errorf("stopped for %v", cause)
		}
		wa.ended(t, leadership.ErrClosed)
		if !b.IsLeader() {
			t.Error("nobody followed")
		}
		if err := a.Lead(t.Context(), wa.work); !errors.Is(err, leadership.ErrClosed) {
			t.Errorf("Lead of a closed member: %v", err)
		}
	})
	bubble(t, "work that does not return keeps the key no longer than the drain time, and the member out of the election until it has", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		wa := leads(t.Context(), a, &labour{linger: time.Minute})
		a.log.news()
		start := time.Now()
		if err := a.Resign(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
		a.log.expect(t, "error", "notelected", "relegation", "notelected") // the last one names b
		if err := a.log.last(t, leadership.StatusError).Err; !errors.Is(err, leadership.ErrWorkOverran) {
			t.Errorf("told %v", err)
		}
		synctest.Wait()
		if !b.IsLeader() {
			t.Error("nobody followed")
		}
		time.Sleep(54 * time.Second)
		if got := store.Candidates(leaderKey); len(got) != 1 {
			t.Errorf("candidates %v", got)
		}
		time.Sleep(12 * time.Second)
		if got := store.Candidates(leaderKey); len(got) != 2 {
			t.Errorf("candidates %v", got)
		}
		wa.expect(t, 1, 0)
	})
	bubble(t, "Close with work that does not return takes the drain time", func(t *testing.T, store *memory.Store) {
		a := joinWith(t, store, leadership.Config{Lead: leadership.LeadConfig{Drain: 2 * time.Second}})
		leads(t.Context(), a, &labour{linger: time.Minute}).expect(t, 1, 1)
		start := time.Now()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 2*time.Second || len(store.Sessions()) != 0 {
			t.Errorf("it took %v and left %v", took, store.Sessions())
		}
		time.Sleep(time.Minute)
	})
	bubble(t, "on a dead link the work is stopped a margin before the deadline", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		wa := leads(t.Context(), a, &labour{})
		a.link.Disconnect()
		time.Sleep(time.Until(a.Term().Deadline()) - 1510*time.Millisecond)
		wa.expect(t, 1, 1)
		time.Sleep(20 * time.Millisecond)
		if _, running, cause, valid := wa.state(); running != 0 || !errors.Is(cause, leadership.ErrLeaseExpiring) || !valid {
			t.Errorf("%d run, stopped for %v, valid %v", running, cause, valid)
		}
	})
	bubble(t, "where a proof comes after all, the work is run again in the same term", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		wa := leads(t.Context(), a, &labour{})
		a.link.Disconnect()
		time.Sleep(time.Until(a.Term().Deadline()) - time.Second)
		wa.expect(t, 1, 0)
		a.link.Reconnect()
		time.Sleep(999 * time.Millisecond)
		wa.expect(t, 2, 1)
		if !a.IsLeader() || wa.begun[0] != wa.begun[1] {
			t.Errorf("leads %v, terms %d and %d", a.IsLeader(), wa.begun[0].Token(), wa.begun[1].Token())
		}
	})
	bubble(t, "failure 25: after the deadline the key is kept until the work has returned, for the drain time at most", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		leads(t.Context(), a, &labour{linger: 4 * time.Second})
		deadline := a.Term().Deadline()
		a.link.Disconnect()
		time.Sleep(time.Until(deadline) + 100*time.Millisecond) // the work returns 2.4 s later
		a.link.Reconnect()
		time.Sleep(2 * time.Second)
		if a.IsLeader() || b.IsLeader() {
			t.Errorf("a leads %v, b %v", a.IsLeader(), b.IsLeader())
		}
		time.Sleep(501 * time.Millisecond)
		if !b.IsLeader() {
			t.Error("nobody followed")
		}
	})
	bubble(t, "a term that is lost ends the context of the work for the same cause", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		wa := leads(t.Context(), a, &labour{})
		store.DeleteKey(leaderKey)
		if _, running, cause, valid := wa.state(); running != 0 || !errors.Is(cause, leadership.ErrKeyLost) || valid {
			t.Errorf("%d run, stopped for %v, valid %v", running, cause, valid)
		}
		time.Sleep(time.Minute)
		wa.expect(t, 2, 1)
	})
	bubble(t, "Lead returns when its context ends, and the member leads on", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		ctx, cancel := context.WithCancelCause(t.Context())
		wa := leads(ctx, a, &labour{})
		cause := errors.New("enough")
		cancel(cause)
		wa.ended(t, cause)
		if !a.IsLeader() {
			t.Error("it leads no more")
		}
		b := join(t, store, "b")
		wb := leads(ctx, b, &labour{})
		wb.ended(t, cause)
		wb.expect(t, 0, 0)
	})
	bubble(t, "work that returns nil is done for this term", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		var n atomic.Int64
		go func() {
			_ = a.Lead(t.Context(), func(context.Context, leadership.Term) error { n.Add(1); return nil })
		}()
		time.Sleep(time.Hour)
		if n.Load() != 1 || !a.IsLeader() {
			t.Errorf("%d times, leads %v", n.Load(), a.IsLeader())
		}
		if err := a.Resign(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if n.Load() != 2 {
			t.Errorf("%d times", n.Load())
		}
	})
	bubble(t, "Resign within the work does not wait for itself", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		start := time.Now()
		go func() {
			_ = a.Lead(t.Context(), func(ctx context.Context, _ leadership.Term) error {
				if err := a.Resign(ctx); !errors.Is(err, leadership.ErrResigned) {
					t.Errorf("Resign returned %v", err)
				}
				return nil
			})
		}()
		synctest.Wait()
		if a.IsLeader() || !b.IsLeader() || time.Since(start) != 0 {
			t.Errorf("a leads %v, b %v, after %v", a.IsLeader(), b.IsLeader(), time.Since(start))
		}
	})
	bubble(t, "several works of a member run side by side, and all are waited for", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		quick, slow := leads(t.Context(), a, &labour{linger: time.Second}), leads(t.Context(), a, &labour{linger: 2 * time.Second})
		quick.expect(t, 1, 1)
		slow.expect(t, 1, 1)
		start := time.Now()
		if err := a.Resign(t.Context()); err != nil || time.Since(start) != 2*time.Second {
			t.Errorf("%v, after %v", err, time.Since(start))
		}
	})
}

func TestLeadOfWorkThatFails(t *testing.T) {
	failure := errors.New("no disk")
	for _, c := range []struct {
		name string
		work func(context.Context, leadership.Term) error
		told func(error) bool
	}{
		{"an error", func(context.Context, leadership.Term) error { return failure }, func(err error) bool { return errors.Is(err, failure) }},
		{"a panic", func(context.Context, leadership.Term) error { panic("oops") }, func(err error) bool {
			p, ok := errors.AsType[*leadership.PanicError](err)
			return ok && p.Value == "oops" && len(p.Stack) > 0
		}},
		{"Goexit", func(context.Context, leadership.Term) error { runtime.Goexit(); return nil }, func(err error) bool {
			_, ok := errors.AsType[*leadership.PanicError](err)
			return ok
		}},
		{"an error of another context", func(context.Context, leadership.Term) error { return context.DeadlineExceeded }, func(err error) bool {
			return errors.Is(err, context.DeadlineExceeded)
		}},
	} {
		bubble(t, c.name+" is told, and gives the term up", func(t *testing.T, store *memory.Store) {
			a, b := join(t, store, "a"), join(t, store, "b")
			a.log.news()
			go func() { _ = a.Lead(t.Context(), c.work) }()
			a.log.expect(t, "error", "notelected", "relegation")
			if msg := a.log.last(t, leadership.StatusError); !c.told(msg.Err) || msg.Term == 0 {
				t.Errorf("told %v of term %d", msg.Err, msg.Term)
			}
			if err := a.log.last(t, leadership.StatusRelegation).Err; !errors.Is(err, leadership.ErrResigned) || !c.told(err) {
				t.Errorf("relegated for %v", err)
			}
			synctest.Wait()
			if !b.IsLeader() {
				t.Error("nobody followed")
			}
		})
		bubble(t, c.name+" is told, and the term is kept if so set", func(t *testing.T, store *memory.Store) {
			a := joinWith(t, store, leadership.Config{Lead: leadership.LeadConfig{OnFailure: leadership.FailureKeep}})
			a.log.news()
			go func() { _ = a.Lead(t.Context(), c.work) }()
			a.log.expect(t, "error")
			time.Sleep(time.Second)
			if !a.IsLeader() {
				t.Error("it leads no more")
			}
		})
	}
}
