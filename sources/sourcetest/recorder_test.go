package sourcetest_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/leadership-go/leadership/sources/sourcetest"
)

// recorder is a T that writes down what fails, and fails nothing itself.
type recorder struct {
	*testing.T // for what is not overridden

	ctx     func() context.Context
	mu      sync.Mutex
	failed  []string
	skipped bool
	cleanup []func()
}

func (r *recorder) Context() context.Context { return r.ctx() }

func (r *recorder) Logf(string, ...any) {}

func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanup = append(r.cleanup, f)
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Skipf(string, ...any) {
	r.mu.Lock()
	r.skipped = true
	r.mu.Unlock()
	runtime.Goexit()
}

// inGoroutine runs f, which may end its goroutine, and waits for it.
func inGoroutine(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// judge runs one check in a bubble against the harness and returns what failed.
func judge(t *testing.T, c sourcetest.Check, newHarness func(stop <-chan struct{}) sourcetest.Harness) (r *recorder) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		stop := make(chan struct{})
		r = &recorder{T: t, ctx: func() context.Context { return ctx }}
		inGoroutine(func() { c.Func(r, newHarness(stop)) })
		cancel()
		for _, f := range slices.Backward(r.cleanup) {
			inGoroutine(f)
		}
		close(stop) // lets go of the calls of a broken backend that still hang
	})
	return r
}
