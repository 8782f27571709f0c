package handover

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// TestAtStores measures a little of everything at real servers. How long things take is not judged here.
func TestAtStores(t *testing.T) {
	for _, starter := range stores.All() {
		t.Run(starter.Name, func(t *testing.T) {
			t.Parallel()
			store, err := starter.Start(t.Context(), stores.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			})

			t.Run("each handover of each kind is measured", func(t *testing.T) {
				t.Parallel()
				kinds := []string{contender.Leadership, contender.Peer(store.Name())}
				took, _, err := Resignations(t.Context(), store, kinds, Options{Rounds: 3, Elections: 2})
				if err != nil {
					t.Fatal(err)
				}
				for _, kind := range kinds {
					if len(took[kind]) != 6 || took[kind].Min() <= 0 {
						t.Errorf("%s: %v", kind, took[kind])
					}
				}
			})

			t.Run("each restart of the leader is measured, and none leads too early", func(t *testing.T) {
				t.Parallel()
				gaps, err := Rolling(t.Context(), store, 4)
				if err != nil {
					t.Fatal(err)
				}
				if len(gaps) != 4 || gaps.Min() <= 0 {
					t.Errorf("gaps %v", gaps)
				}
			})

			t.Run("each crash is measured: the successor comes when the session is over", func(t *testing.T) {
				t.Parallel()
				const ttl = 3 * time.Second
				took, err := Crashes(t.Context(), store, []Crash{
					{Name: "ours", Kind: contender.Leadership, TTL: ttl, Renewal: time.Second, Within: time.Minute},
				}, 2)
				if err != nil {
					t.Fatal(err)
				}
				if len(took["ours"]) != 2 || took["ours"].Min() < ttl/2 { // renewed less than half of its TTL before
					t.Errorf("took %v", took)
				}
			})

			t.Run("that nobody leads in time is told", func(t *testing.T) {
				t.Parallel()
				crash := Crash{Name: "ours", Kind: contender.Leadership, TTL: 10 * time.Second, Within: time.Millisecond}
				if took, err := crash.one(t.Context(), store, "late", 0); err == nil || !strings.Contains(err.Error(), "nobody leads 1ms after a crash") {
					t.Errorf("took %v, error %v", took, err)
				}
			})
		})
	}
}

func TestAnUnknownKindIsRefused(t *testing.T) {
	store := unreachable{}
	if _, _, err := Resignations(t.Context(), store, []string{"nobody"}, Options{Rounds: 1, Elections: 1}); err == nil || !strings.Contains(err.Error(), `no kind "nobody"`) {
		t.Errorf("handover: %v", err)
	}
	if _, err := Crashes(t.Context(), store, []Crash{{Name: "x", Kind: "nobody"}}, 1); err == nil || !strings.Contains(err.Error(), `no kind "nobody"`) {
		t.Errorf("crash: %v", err)
	}
}

// unreachable is a store without servers.
type unreachable struct{ stores.Store }

func (unreachable) Name() string    { return "etcd" }
func (unreachable) Addrs() []string { return []string{"127.0.0.1:1"} }

func TestPairExpectsTheOtherOne(t *testing.T) {
	p := newPair()
	at := time.Now()
	p.led <- elected{1, at}
	if got, err := p.next(t.Context(), 1); err != nil || !got.Equal(at) {
		t.Errorf("got %v, %v", got, err)
	}
	p.led <- elected{0, at}
	if _, err := p.next(t.Context(), 1); err == nil || err.Error() != "candidate 0 leads, and 1 was to" {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.next(ctx, 1); err == nil || !strings.HasPrefix(err.Error(), "nobody leads: ") {
		t.Errorf("got %v", err)
	}
}
