package rx_test

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reactivex/rxgo/v2"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/rx"
	"github.com/leadership-go/leadership/sources/memory"
)

func member(t *testing.T, store *memory.Store, id string) *leadership.Member {
	t.Helper()
	m, err := memory.NewClusterFactory(store).Configure(leadership.Config{ServiceID: id}).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func isEdge(v any) bool {
	status := v.(leadership.ElectionMessage).Status
	return status == leadership.StatusElectedFirst || status == leadership.StatusRelegation
}

func statusOf(_ context.Context, v any) (any, error) {
	return string(v.(leadership.ElectionMessage).Status), nil
}

func TestElectionThroughRxgoAndBack(t *testing.T) {
	bubble(t, "Filter, Map and Debounce stand in the middle of a typed pipeline", func(t *testing.T) {
		store := memory.NewStore()
		first := member(t, store, "node-1")
		synctest.Wait()
		second := member(t, store, "node-2")
		statuses := rx.Pipe[string](first.AsObservable(), func(o rxgo.Observable) rxgo.Observable {
			return o.Filter(isEdge).Map(statusOf).Debounce(rxgo.WithDuration(time.Second))
		})
		var a, b trace
		traced(&a, operators.Map(statuses, strings.ToUpper))
		traced(&b, rx.Pipe[leadership.ElectionMessage](second.AsObservable(), func(o rxgo.Observable) rxgo.Observable { return o.Filter(isEdge) }))
		time.Sleep(10 * time.Second)
		a.is(t, "ELECTED.FIRST")
		if err := first.Resign(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		a.is(t, "ELECTED.FIRST", "RELEGATION")
		if seen := b.all(); len(seen) != 1 || !strings.Contains(seen[0], "elected.first") || !second.IsLeader() {
			t.Errorf("the second one saw %q", seen)
		}
		_, _ = first.Close(), second.Close()
		synctest.Wait()
		a.is(t, "ELECTED.FIRST", "RELEGATION", "|")
	})
	bubble(t, "a late subscriber first gets the current state, through a chain and without", func(t *testing.T) {
		m := member(t, nil, "node-1")
		time.Sleep(time.Hour + time.Second) // not at the instant of a vote, which may come before or after
		var r trace
		piped := rx.Pipe[string](m.AsObservable(), func(o rxgo.Observable) rxgo.Observable { return o.Map(statusOf).Take(2) })
		ctx, cancel := context.WithCancel(t.Context())
		items := rx.To(m.AsObservable()).Map(statusOf).Observe(rxgo.WithContext(ctx))
		traced(&r, piped)
		for _, want := range []string{"elected", "elected.first"} {
			if item := <-items; item.V != want {
				t.Errorf("got %v, want %s", item, want)
			}
		}
		synctest.Wait()
		r.is(t, "elected", "elected.first")
		cancel()
		_ = m.Close()
	})
}

func TestStalledRxgoHoldsNobodyUp(t *testing.T) {
	bubble(t, "50 subscribers beside one that never reads get all, and that one gets the overflow", func(t *testing.T) {
		const terms = 100
		m := member(t, nil, "node-1")
		synctest.Wait()
		stalled := rx.To(m.AsObservable(), leadership.Mailbox(8)).Filter(func(any) bool { return true }).Observe()
		stuck := make(chan struct{})
		inFilter := rx.Pipe[leadership.ElectionMessage](m.AsObservable(), func(o rxgo.Observable) rxgo.Observable {
			return o.Filter(func(any) bool {
				<-stuck
				return true
			})
		}).Subscribe(nil, leadership.Mailbox(8))
		counts := make([]map[string]int, 50)
		var reading sync.WaitGroup
		for i := range counts {
			counts[i] = make(map[string]int)
			items := rx.To(m.AsObservable()).Filter(isEdge).Map(statusOf).Observe()
			reading.Go(func() {
				for item := range items {
					counts[i][item.V.(string)]++
				}
			})
		}
		synctest.Wait()
		for range terms {
			if !m.IsLeader() {
				t.Fatal("does not lead")
			}
			began := time.Now()
			if err := m.Resign(t.Context()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != 0 {
				t.Fatalf("Resign took %v", took)
			}
			for !m.IsLeader() {
				time.Sleep(time.Second)
			}
			synctest.Wait()
		}
		_ = m.Close()
		reading.Wait()
		for i, n := range counts {
			if n["elected.first"] != terms+1 || n["relegation"] != terms+1 {
				t.Errorf("%d saw %v, not %d terms", i, n, terms+1)
			}
		}
		var last rxgo.Item
		for item := range stalled {
			if last.Error() {
				t.Errorf("%v after the error", item)
			}
			last = item
		}
		if !errors.Is(last.E, leadership.ErrOverflow) {
			t.Errorf("the last item is %v", last)
		}
		close(stuck)
		<-inFilter.Done()
		if !errors.Is(inFilter.Err(), leadership.ErrOverflow) {
			t.Errorf("ended by %v", inFilter.Err())
		}
	})
	bubble(t, "what was coalesced before a chain is counted at its subscriber", func(t *testing.T) {
		m := member(t, nil, "node-1")
		block := make(chan struct{})
		sub := rx.Pipe[leadership.ElectionMessage](m.AsObservable(), func(o rxgo.Observable) rxgo.Observable { return o }).
			Subscribe(func(leadership.ElectionMessage) { <-block }, leadership.Mailbox(4))
		time.Sleep(time.Hour)
		if sub.Coalesced() == 0 || sub.Err() != nil {
			t.Errorf("%d coalesced, %v", sub.Coalesced(), sub.Err())
		}
		close(block)
		_ = m.Close()
		<-sub.Done()
		if sub.Err() != nil {
			t.Errorf("ended by %v", sub.Err())
		}
	})
}

func TestOnlyThisPackageLinksRxgo(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{.ImportPath}}", "..", "../config", "../operators", "../sources/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		if strings.Contains(name, "reactivex") || strings.Contains(name, "stretchr") || strings.HasSuffix(name, "leadership/rx") {
			t.Errorf("the library links %s", name)
		}
	}
}
