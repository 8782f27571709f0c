package sourcetest_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
	"github.com/leadership-go/leadership/sources/sourcetest"
)

func TestSoundBackendPassesEveryCheck(t *testing.T) {
	for _, c := range sourcetest.Checks() {
		t.Run(c.Name, func(t *testing.T) {
			r := judge(t, c, func(stop <-chan struct{}) sourcetest.Harness {
				return (&rig{store: memory.NewStore(), stop: stop}).harness()
			})
			for _, f := range r.failed {
				t.Error(f)
			}
			if r.skipped {
				t.Error("skipped, although the harness has everything")
			}
		})
	}
}

func TestEveryDefectIsFound(t *testing.T) {
	for _, d := range defects() {
		t.Run(d.name, func(t *testing.T) {
			said := false
			found := make(map[string]bool)
			for _, c := range sourcetest.Checks() {
				r := judge(t, c, func(stop <-chan struct{}) sourcetest.Harness {
					r := &rig{store: memory.NewStore(), stop: stop}
					d.make(r)
					return r.harness()
				})
				for _, want := range d.finds {
					if strings.HasPrefix(c.Name, want) && len(r.failed) > 0 {
						found[want] = true
						said = said || strings.Contains(strings.Join(r.failed, "\n"), d.says)
					}
				}
				for _, f := range r.failed {
					t.Logf("%s: %s", c.Name, f)
				}
			}
			for _, want := range d.finds {
				if !found[want] {
					t.Errorf("the check %q did not fail", want)
				}
			}
			if !said {
				t.Errorf("none of these checks says %q", d.says)
			}
		})
	}
}

func TestMissingAbilitiesAreSkippedAndMissingHandsAreRefused(t *testing.T) {
	bare := func(stop <-chan struct{}) sourcetest.Harness {
		h := (&rig{store: memory.NewStore(), stop: stop}).harness()
		h.ConnectCut, h.ConnectDenied, h.Sessions, h.Candidates = nil, nil, nil, nil
		return h
	}
	skipped := 0
	for _, c := range sourcetest.Checks() {
		r := judge(t, c, bare)
		for _, f := range r.failed {
			t.Errorf("%s: %s", c.Name, f)
		}
		if r.skipped {
			skipped++
		}
	}
	if skipped != 3 {
		t.Errorf("%d checks were skipped without ConnectCut and ConnectDenied; want 3", skipped)
	}
	r := judge(t, sourcetest.Checks()[0], func(<-chan struct{}) sourcetest.Harness { return sourcetest.Harness{} })
	if len(r.failed) != 1 || !strings.Contains(r.failed[0], "Harness.TTL is required") {
		t.Errorf("an empty harness: %q", r.failed)
	}
}

func TestWhatAStoreCannotShowIsNotDemanded(t *testing.T) {
	poor := func(stop <-chan struct{}) sourcetest.Harness {
		r := &rig{store: memory.NewStore(), stop: stop}
		hide := func(o leadership.Observation, err error) (leadership.Observation, error) {
			o.Resigned = false
			return o, err
		}
		r.fault.observe = func(ctx context.Context, _ string, next func(context.Context) (leadership.Observation, error)) (leadership.Observation, error) {
			return hide(next(ctx))
		}
		r.fault.campaign = func(ctx context.Context, s leadership.Session, key string, value []byte) (leadership.Observation, error) {
			o, err := s.Campaign(ctx, key, value)
			if errors.Is(err, leadership.ErrKeyConflict) { // as if the data stood elsewhere
				r.store.DeleteKey(key)
				o, err = s.Campaign(ctx, key, value)
			}
			return hide(o, err)
		}
		h := r.harness()
		h.ResignHidden, h.ResignRemembered, h.NoConflict = true, false, true
		return h
	}
	for _, c := range sourcetest.Checks() {
		for _, f := range judge(t, c, poor).failed {
			t.Errorf("%s: %s", c.Name, f)
		}
	}
}
