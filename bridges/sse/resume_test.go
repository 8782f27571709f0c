package sse_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/leadership-go/leadership/bridges/sse"
)

// follower is a page: it reads a stream, is cut off now and then, and comes back with the last id.
type follower struct {
	rand     *rand.Rand
	progress chan<- struct{}
	base     int // the number of the event after which it began
	events   []int
	missed   int
	streams  int
	end      string // data of the end event
}

// follow reads until the answer is 204. A connection gets at most cutAfter events.
func (f *follower) follow(ctx context.Context, client *http.Client, url string, cutAfter int) error {
	for lastID := ""; ; {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		if lastID != "" {
			request.Header.Set("Last-Event-ID", lastID)
		}
		response, err := client.Do(request)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			continue // the server has cut it off
		case response.StatusCode == http.StatusNoContent:
			return response.Body.Close()
		}
		f.streams++
		s := newEventStream(response.Body)
		s.id, s.lastID = lastID, lastID
		err = f.read(s, f.rand.IntN(cutAfter+1))
		_ = response.Body.Close()
		if err != nil {
			return err
		}
		if lastID == "" && s.first != "" {
			_, number, _ := strings.Cut(s.first, "-")
			if f.base, err = strconv.Atoi(number); err != nil {
				return err
			}
		}
		lastID = s.lastID
	}
}

// read takes up to n events of one response.
func (f *follower) read(s *eventStream, n int) error {
	for range n {
		m, err := s.next()
		if err != nil {
			return nil //nolint:nilerr // it was cut off, as it is meant to be
		}
		if err := f.note(m); err != nil {
			return err
		}
		select {
		case f.progress <- struct{}{}:
		default:
		}
	}
	return nil
}

func (f *follower) note(m message) error {
	switch m.name {
	case "":
		n, err := strconv.Atoi(m.data)
		if err != nil || f.end != "" || !strings.HasSuffix(m.id, "-"+m.data) {
			return fmt.Errorf("got %+v after %v", m, f.events)
		}
		f.events = append(f.events, n)
	case "gap":
		var data struct{ Missed *int }
		if err := json.Unmarshal([]byte(m.data), &data); err != nil || data.Missed == nil || *data.Missed < 1 {
			return fmt.Errorf("got %+v: %w", m, err)
		}
		f.missed += *data.Missed
	case "end":
		if f.end != "" {
			return fmt.Errorf("got %+v after the end", m)
		}
		f.end = m.data
	default:
		return fmt.Errorf("got %+v", m)
	}
	return nil
}

// TestNothingIsLostOrDoubled cuts clients off at random, from both sides, while events come.
func TestNothingIsLostOrDoubled(t *testing.T) {
	const last, clients = 1500, 5
	for _, tt := range []struct {
		sentence string
		keep     int
		http2    bool
	}{
		{"HTTP/1.1, all is kept", last, false},
		{"HTTP/2, all is kept", last, true},
		{"HTTP/1.1, little is kept, and each gap is told", 16, false},
		{"HTTP/2, little is kept, and each gap is told", 16, true},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			chance := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }

			src := &source[int]{}
			server := httptest.NewUnstartedServer(newHandler(t, src.observable(), sse.Options[int]{Keep: tt.keep, Replay: tt.keep}))
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			if tt.http2 {
				server.EnableHTTP2 = true
				server.StartTLS()
			} else {
				server.Start()
			}
			defer server.Close()

			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			progress, done := make(chan struct{}, 1), make(chan struct{}, clients)
			followers := make([]*follower, clients)
			for i := range followers {
				followers[i] = &follower{rand: chance(uint64(i)), progress: progress}
				go func() {
					if err := followers[i].follow(ctx, server.Client(), server.URL, 150); err != nil {
						cancel(err)
					}
					done <- struct{}{}
				}()
			}
			burst := chance(clients)
			for n := 1; n <= last && ctx.Err() == nil; {
				until := min(last, n+burst.IntN(40))
				emit(src, n, until)
				n = until + 1
				if burst.IntN(8) == 0 {
					server.CloseClientConnections()
				}
				select {
				case <-progress: // somebody got something of it, or of what came before
				case <-ctx.Done():
				}
			}
			src.end(nil)
			for range followers {
				<-done
			}
			if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}

			for i, f := range followers {
				t.Logf("client %d: %d events after %d, %d missed, in %d streams", i, len(f.events), f.base, f.missed, f.streams)
				if f.base+len(f.events)+f.missed != last || f.end != `{"error":null}` {
					t.Errorf("client %d: that is not %d; end %s", i, last, f.end)
				}
				if tt.keep == last && (f.missed != 0 || f.base != 0) {
					t.Errorf("client %d missed %d", i, f.missed)
				}
				previous := f.base
				for _, n := range f.events {
					if n <= previous || tt.keep == last && n != previous+1 {
						t.Fatalf("client %d: %d came after %d", i, n, previous)
					}
					previous = n
				}
			}
		})
	}
}
