package streams

import (
	"strings"
	"testing"
	"time"
	"unsafe"
)

func TestPipelinesComeToTheSameResult(t *testing.T) {
	if size := unsafe.Sizeof(Record{}); size != 96 {
		t.Errorf("a record has %d bytes", size)
	}
	t.Run("numbers", func(t *testing.T) { sameResult(t, Numbers(10_000)) })
	t.Run("records", func(t *testing.T) { sameResult(t, Records(10_000)) })
	t.Run("no values", func(t *testing.T) { sameResult(t, Numbers(0)) })
}

func sameResult[T comparable](t *testing.T, w Work[T]) {
	want := w.Expected()
	for _, p := range Pipelines[T]() {
		for range 2 { // no state is left from the first subscription
			if got, err := p.Run(w); err != nil || got != want {
				t.Errorf("%s: %+v, %v, expected %+v", p.Name, got, err, want)
			}
		}
	}
}

// What Expected gives is written down once, lest all be wrong alike.
func TestTheWorkIsWhatItSays(t *testing.T) {
	// Of 0 1 2 3 4 5 6 6 8 9 10 11 12 13 14 14 the multiples of 7 and the second 6 are left out.
	want := Result{Count: 12, Sum: 3 * (1 + 2 + 3 + 4 + 5 + 6 + 8 + 9 + 10 + 11 + 12 + 13)}
	if got := Numbers(16).Expected(); got != want {
		t.Errorf("%+v, expected %+v", got, want)
	}
	if got := Records(16).Expected(); got != want {
		t.Errorf("%+v of records, expected %+v", got, want)
	}
}

func TestHotSourcesReachEverySubscriber(t *testing.T) {
	for _, h := range Hots() {
		t.Run(h.Name, func(t *testing.T) {
			for _, f := range []FanOut{
				{Subscribers: 1, Burst: 1, Bursts: 100},
				{Subscribers: 1, Burst: buffer, Bursts: 10},
				{Subscribers: 20, Burst: buffer, Bursts: 3},
			} {
				if _, err := h.Run(f); err != nil {
					t.Errorf("%+v: %v", f, err)
				}
			}
		})
	}
}

// A result that is not checked measures nothing.
func TestALossIsTold(t *testing.T) {
	lossy := Hot{"lossy", func(next []func(int)) (func(int), func() error) {
		emit := func(v int) {
			for i, f := range next {
				if i == 1 && v == 3 {
					v = 4 // it comes as another
				}
				f(v)
			}
		}
		return emit, func() error { return nil }
	}}
	if _, err := lossy.Run(FanOut{Subscribers: 2, Burst: 4, Bursts: 1}); err == nil || !strings.Contains(err.Error(), "subscriber 1") {
		t.Errorf("got %v", err)
	}
}

func TestOnlyTheSlowOneIsSlow(t *testing.T) {
	const events, sleep = 20, 10 * time.Millisecond
	for _, h := range Hots() {
		took, err := h.RunWithSlowOne(10, events, sleep)
		if err != nil {
			t.Error(err)
		}
		decoupled := h.Name != Ro && h.Name != Rxgo
		if decoupled == (took > events*sleep/2) {
			t.Errorf("%s: the others waited %v", h.Name, took)
		}
	}
}

func TestAnIdleSubscriberIsMemoryOnly(t *testing.T) {
	for _, h := range Hots() {
		idle, err := h.Idle(1000)
		if err != nil {
			t.Error(err)
		}
		want := 1.0
		if h.Name == Ours || h.Name == Ro {
			want = 0
		}
		if idle.Goroutines < want || idle.Goroutines > want+0.01 || idle.Bytes < 100 {
			t.Errorf("%s: %+v", h.Name, idle)
		}
	}
}
