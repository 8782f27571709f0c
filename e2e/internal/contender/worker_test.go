package contender

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

func TestWorkerNotesWhatMustNotBe(t *testing.T) {
	m, err := memory.NewClusterFactory(memory.NewStore()).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var term leadership.Term
	_ = m.Lead(t.Context(), func(ctx context.Context, now leadership.Term) error {
		term = now
		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		w := new(worker)
		var working sync.WaitGroup
		for range 2 {
			working.Go(func() { _ = w.work(ctx, now) })
		}
		working.Wait()
		if err := w.end(); err == nil || !strings.Contains(err.Error(), "2 runs of work at once") {
			t.Errorf("two runs at once: %v", err)
		}
		go func() { _ = m.Close() }()
		return nil
	})
	w := new(worker)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_ = w.work(ctx, term)
	if err := w.end(); err == nil || !strings.Contains(err.Error(), "outlives term") {
		t.Errorf("a context that outlives its term: %v", err)
	}
}

func TestWorkOfAMemberIsFine(t *testing.T) {
	store := memory.NewStore()
	m, err := memory.NewClusterFactory(store).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := startWorker(m)
	for w.running.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := m.Resign(t.Context()); err != nil {
		t.Error(err)
	}
	if n := w.running.Load(); n > 0 {
		t.Errorf("%d run after Resign", n)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := w.end(); err != nil {
		t.Error(err)
	}
}
