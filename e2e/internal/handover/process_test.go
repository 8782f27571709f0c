package handover

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

func TestStandRefusesBadOrders(t *testing.T) {
	for _, tc := range []struct{ name, order, want string }{
		{"no order", "{", "unexpected end"},
		{"no such kind", `{"Kind":"nobody"}`, `no kind "nobody"`},
		{"no such store", `{"Kind":"leadership","Stand":{"Store":"paper"}}`, `no store "paper"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := stand(tc.order, strings.NewReader(""), new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestProcess(t *testing.T) {
	t.Run("one that fails says why", func(t *testing.T) {
		p, err := launch(order{"nobody", contender.Options{ID: "a"}}, make(chan word, 1))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.left(t.Context()); err == nil || !strings.Contains(err.Error(), `a: exit status 1: candidate: contender: no kind "nobody"`) {
			t.Errorf("got %v", err)
		}
	})
	candidate := func(t *testing.T) *process {
		t.Helper()
		stand := contender.Options{Store: "etcd", Addrs: unreachable{}.Addrs(), Election: "x", ID: "a"}
		p, err := launch(order{contender.Leadership, stand}, make(chan word, 10))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	t.Run("one that is told to leave ends well", func(t *testing.T) {
		p := candidate(t)
		p.leave()
		if err := p.left(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("one that does not leave in time is ended", func(t *testing.T) {
		p := candidate(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.left(ctx); err == nil || !strings.Contains(err.Error(), "a does not end") {
			t.Errorf("got %v", err)
		}
		<-p.gone
	})
	t.Run("one that is killed is gone, and the instant is told", func(t *testing.T) {
		p := candidate(t)
		before := now()
		at, err := p.kill()
		if err != nil || at < before || at > now() {
			t.Errorf("killed at %v, error %v", at, err)
		}
		if p.err == nil {
			t.Error("it ended well")
		}
	})
}

// TestWords has a candidate lead, and another one wait and take over, in this process.
func TestWords(t *testing.T) {
	store, err := stores.All()[1].Start(t.Context(), stores.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	words := make(chan word, 100)
	members := make(map[string]*process)
	for _, id := range []string{"a", "b"} {
		p, err := launch(order{contender.Leadership, contender.Options{Store: store.Name(), Addrs: store.Addrs(), Election: "words", ID: id}}, words)
		if err != nil {
			t.Fatal(err)
		}
		members[id] = p
		text := wordLeads
		if id == "b" {
			text = wordWaits
		}
		if w, err := await(t.Context(), words, text, within); err != nil || w.process != p {
			t.Fatalf("%s: got %+v, %v", id, w, err)
		}
	}
	asked := now()
	members["a"].leave()
	var over, leads word
	for over.process == nil || leads.process == nil {
		select {
		case w := <-words:
			switch w.text {
			case wordOver:
				over = w
			case wordLeads:
				leads = w
			}
		case <-time.After(within):
			t.Fatal("no handover")
		}
	}
	if over.process != members["a"] || leads.process != members["b"] || over.at < asked || leads.at <= over.at || leads.at > now() {
		t.Errorf("asked at %v: %s over at %v, %s leads at %v", asked, over.process.id, over.at, leads.process.id, leads.at)
	}
	members["b"].leave()
	for id, p := range members {
		if err := p.left(t.Context()); err != nil {
			t.Error(id, err)
		}
	}
}

func TestAwait(t *testing.T) {
	words := make(chan word, 10)
	for i, text := range []string{wordWaits, wordOver, wordLeads} {
		words <- word{text: text, at: time.Duration(i)}
	}
	if w, err := await(t.Context(), words, wordLeads, within); err != nil || w.at != 2 {
		t.Errorf("got %+v, %v", w, err)
	}
	if _, err := await(t.Context(), words, wordLeads, time.Millisecond); err == nil || err.Error() != `no candidate says "leads" within 1ms` {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := await(ctx, words, wordLeads, within); err == nil || err.Error() != "enough" {
		t.Errorf("got %v", err)
	}
}
