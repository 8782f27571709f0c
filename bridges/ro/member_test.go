package robridge_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
	robridge "github.com/leadership-go/leadership/bridges/ro"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/sources/memory"
)

type message = leadership.ElectionMessage

func member(t *testing.T, store *memory.Store, id string) *leadership.Member {
	t.Helper()
	m, err := memory.NewClusterFactory(store).Configure(leadership.Config{ServiceID: id}).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func isEdge(m message) bool {
	return m.Status == leadership.StatusElectedFirst || m.Status == leadership.StatusRelegation
}

func statusOf(m message) string { return string(m.Status) }

func TestElectionThroughRoAndBack(t *testing.T) {
	bubble(t, "Filter and Map of ro stand in the middle of a pipeline of ours", func(t *testing.T) {
		store := memory.NewStore()
		first := member(t, store, "node-1")
		synctest.Wait()
		second := member(t, store, "node-2")
		var a, b trace
		traced(&a, operators.Map(robridge.Pipe(first.AsObservable(), func(o ro.Observable[message]) ro.Observable[string] {
			return ro.Pipe2(o, ro.Filter(isEdge), ro.Map(statusOf))
		}), strings.ToUpper))
		ro.Pipe2(robridge.To(second.AsObservable()), ro.Filter(isEdge), ro.Map(statusOf)).Subscribe(observer[string](&b))
		time.Sleep(10 * time.Second)
		a.is(t, "ELECTED.FIRST")
		if err := first.Resign(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		a.is(t, "ELECTED.FIRST", "RELEGATION")
		b.is(t, "elected.first")
		_, _ = first.Close(), second.Close()
		synctest.Wait()
		a.is(t, "ELECTED.FIRST", "RELEGATION", "|")
		b.is(t, "elected.first", "relegation", "|")
	})
	bubble(t, "a late subscriber first gets the current state", func(t *testing.T) {
		m := member(t, nil, "node-1")
		time.Sleep(time.Hour)
		var piped, there trace
		traced(&piped, robridge.Pipe(m.AsObservable(), func(o ro.Observable[message]) ro.Observable[string] {
			return ro.Pipe2(o, ro.Map(statusOf), ro.Take[string](2))
		}))
		ro.Pipe2(robridge.To(m.AsObservable()), ro.Map(statusOf), ro.Take[string](2)).Subscribe(observer[string](&there))
		synctest.Wait()
		piped.is(t, "elected", "elected.first", "|")
		there.is(t, "elected", "elected.first", "|")
		_ = m.Close()
	})
}

func TestStalledRoHoldsNobodyUp(t *testing.T) {
	bubble(t, "others beside one that never returns get all, and that one gets the overflow", func(t *testing.T) {
		const terms = 100
		m := member(t, nil, "node-1")
		synctest.Wait()
		stuck := make(chan struct{})
		stalled := func(message) bool {
			<-stuck
			return true
		}
		var there trace
		ro.Filter(stalled)(robridge.To(m.AsObservable(), leadership.Mailbox(8))).Subscribe(ro.OnError[message](func(err error) { there.add(err.Error()) }))
		piped := robridge.Pipe(m.AsObservable(), ro.Filter(stalled)).Subscribe(nil, leadership.Mailbox(8))
		behind := robridge.Pipe(m.AsObservable(), ro.Filter(isEdge)).Subscribe(func(message) { <-stuck }, leadership.Mailbox(8))
		counts := make([]map[string]int, 50)
		for i := range counts {
			counts[i] = make(map[string]int)
			ro.Pipe2(robridge.To(m.AsObservable()), ro.Filter(isEdge), ro.Map(statusOf)).Subscribe(ro.OnNext(func(status string) { counts[i][status]++ }))
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
		synctest.Wait()
		for i, n := range counts {
			if n["elected.first"] != terms+1 || n["relegation"] != terms+1 {
				t.Errorf("%d saw %v, not %d terms", i, n, terms+1)
			}
		}
		close(stuck)
		<-piped.Done()
		<-behind.Done()
		synctest.Wait()
		there.is(t, leadership.ErrOverflow.Error())
		if !errors.Is(piped.Err(), leadership.ErrOverflow) || !errors.Is(behind.Err(), leadership.ErrOverflow) {
			t.Errorf("ended by %v and %v", piped.Err(), behind.Err())
		}
	})
	bubble(t, "what was coalesced before a chain is counted at its subscriber", func(t *testing.T) {
		m := member(t, nil, "node-1")
		block := make(chan struct{})
		sub := robridge.Pipe(m.AsObservable(), ro.Map(statusOf)).Subscribe(func(string) { <-block }, leadership.Mailbox(4))
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

func TestTheLibraryDoesNotLinkRo(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{.ImportPath}}", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(name, "github.com/samber") {
			t.Errorf("the library links %s", name)
		}
	}
}
