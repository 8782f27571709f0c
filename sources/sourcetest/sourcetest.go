// Package sourcetest is the conformance suite of [leadership.Backend]: every rule of the contract as a check that runs against a
// real store. A backend is good when [Run] passes:
//
//	func TestConformance(t *testing.T) {
//		sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
//			server := startServer(t)
//			return sourcetest.Harness{
//				TTL:            time.Second,
//				ExpiresWithin:  3 * time.Second,
//				Connect:        func(context.Context) (leadership.Backend, error) { return mystore.New(server.Addr()) },
//				DestroySession: server.DestroySession,
//				DeleteKey:      server.DeleteKey,
//				Overwrite:      server.Put,
//			}
//		})
//	}
//
// The checks wait for events, not for time to pass; only what is about time itself (a session that is kept alive, one that expires) takes
// a few TTLs. A store that lives in the process can run under virtual time: [RunInBubble].
package sourcetest

import (
	"context"
	"crypto/rand"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
)

// Harness is one store as the checks see it: ways to connect, and an operator's hands. Connect, TTL, DestroySession, DeleteKey and
// Overwrite are required, the zero value of every other field means its default. The functions must be
// safe for concurrent use.
type Harness struct {
	// TTL is the shortest TTL that the store grants. Checks that let a session expire use it; the others open their
	// sessions for 30 s or more, so that a slow machine ends none.
	TTL time.Duration
	// ExpiresWithin bounds how long after its last renewal a session of TTL may live on, and so how long a waiter must
	// wait at most: 2×TTL and a little for Consul, TTL and a few seconds for etcd. Default 2×TTL.
	ExpiresWithin time.Duration
	// Prompt bounds whatever has to happen at once: each call, the wake-up of a watch, the return after a context ended. It is a bound for
	// failure, nothing waits for it otherwise. Default 5 s.
	Prompt time.Duration
	// LostAttempts is how often a candidate campaigns in vain in the check for leaked sessions. Default 1000.
	LostAttempts int

	// Connect makes a Backend of its own on the store, as another process would. Each check closes what it connects.
	Connect func(ctx context.Context) (leadership.Backend, error)
	// Key returns a key that was never used at this store. Default: "sourcetest/" and a random text.
	// Checks also use the key with "x" and with "/x" appended.
	Key func() string

	// DestroySession ends a session as an operator would: Consul's session destroy, etcd's lease revoke.
	DestroySession func(ctx context.Context, id string) error
	// DeleteKey removes the key by which the holder holds key, or the data that stands in key when nobody holds it. Keys of
	// other candidates may go with it, those of other elections must not. A missing key is no error.
	DeleteKey func(ctx context.Context, key string) error
	// Overwrite writes value where the holder's vote stands, or where it would stand when nobody holds the key.
	// It is a plain write that knows nothing of sessions.
	Overwrite func(ctx context.Context, key string, value []byte) error

	// Sessions counts the live sessions at the store, without the backend under test. Checks compare it with the count at their
	// start. Nil: checks about leaked sessions ask [leadership.Backend.Lifetime] about the sessions they know.
	Sessions func(ctx context.Context) (int, error)
	// Candidates counts the sessions that hold or stand for key at the store, without the backend under test: 0 or 1 for
	// Consul, the keys below the prefix for etcd. Nil: those checks rely on Observe.
	Candidates func(ctx context.Context, key string) (int, error)

	// ConnectDenied makes a Backend that works until deny is called; from then on the store refuses its
	// credential. Nil: the checks about refusals are skipped.
	ConnectDenied func(ctx context.Context) (b leadership.Backend, deny func(), err error)
	// ConnectCut makes a Backend that works until cut is called; from then on its link carries
	// nothing more, either way, and no connection is closed. Nil: the checks about dead links are skipped.
	ConnectCut func(ctx context.Context) (b leadership.Backend, cut func(), err error)

	// ResignHidden says that the store can't show that a holder resigned: [leadership.Observation.Resigned] is never true.
	ResignHidden bool
	// ResignRemembered says that a key that nobody holds goes on to show that its last holder resigned, to whoever comes
	// later. False: only the waiters of that moment must be told.
	ResignRemembered bool
	// WaitersHidden says that [leadership.Backend.Candidates] can't list sessions that these checks open: it goes by more than the store shows.
	WaitersHidden bool
	// NoConflict says that votes never share a key with other data, so that [leadership.ErrKeyConflict] can't arise.
	NoConflict bool
}

// withDefaults fills what was left at zero and reports the required fields that are missing.
func (h Harness) withDefaults(t T) Harness {
	t.Helper()
	for _, f := range []struct {
		name    string
		missing bool
	}{
		{"TTL", h.TTL <= 0},
		{"Connect", h.Connect == nil},
		{"DestroySession", h.DestroySession == nil},
		{"DeleteKey", h.DeleteKey == nil},
		{"Overwrite", h.Overwrite == nil},
	} {
		if f.missing {
			t.Fatalf("sourcetest: Harness.%s is required", f.name)
		}
	}
	if h.ExpiresWithin == 0 {
		h.ExpiresWithin = 2 * h.TTL
	}
	if h.Prompt == 0 {
		h.Prompt = 5 * time.Second
	}
	if h.LostAttempts == 0 {
		h.LostAttempts = 1000
	}
	if h.Key == nil {
		h.Key = func() string { return "sourcetest/" + rand.Text() }
	}
	return h
}

// T is the part of [testing.T] that checks use, so that a check can be run and its verdict read without failing a test.
type T interface {
	Helper()
	// Context ends when the check is over, before the functions given to Cleanup run.
	Context() context.Context
	Cleanup(f func())
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	// Fatalf must end the calling goroutine, as runtime.Goexit does.
	Fatalf(format string, args ...any)
	// Skipf must end the calling goroutine, as runtime.Goexit does.
	Skipf(format string, args ...any)
}

// Check is one rule of the contract.
type Check struct {
	// Name is the rule as a sentence.
	Name string
	// Func fails t when the store of h breaks the rule.
	Func func(t T, h Harness)
}

// Run runs every check as a subtest, one after the other, each against a harness of its own. Harnesses may share one server.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	t.Helper()
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) { c.Func(t, newHarness(t)) })
	}
}

// RunInBubble is [Run] under virtual time: each check and its harness run in a [synctest] bubble of their own. It is for stores
// that live in the process; real connections don't work there.
func RunInBubble(t *testing.T, newHarness func(t *testing.T) Harness) {
	t.Helper()
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.Func(t, newHarness(t)) })
		})
	}
}
