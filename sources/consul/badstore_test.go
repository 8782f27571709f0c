package consul

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
)

// This file shows what members make of stores that misbehave, on virtual time.

const (
	memberTTL   = 10 * time.Second
	memberDrift = memberTTL / 20
	// badFor is how long a store misbehaves: longer than a term, and than what the store keeps of one.
	badFor = time.Minute
	// realTime is by how much a deadline may be told too early: in a bubble the boot clock is the real one, and shows the real time since the proof
	// where no virtual time has passed.
	realTime = time.Second
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// said is what a member has said. It is safe for concurrent use.
type said struct {
	mu   sync.Mutex
	list []leadership.ElectionMessage
}

func (s *said) add(m leadership.ElectionMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, m)
}

// of are the messages with a status.
func (s *said) of(status leadership.Status) []leadership.ElectionMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []leadership.ElectionMessage
	for _, m := range s.list {
		if m.Status == status {
			list = append(list, m)
		}
	}
	return list
}

// texts are those of the error messages.
func (s *said) texts() string {
	var b strings.Builder
	for _, m := range s.of(leadership.StatusError) {
		fmt.Fprintln(&b, m.Err)
	}
	return b.String()
}

// enter builds a member that is closed with the bubble.
func enter(t *testing.T, f *leadership.ClusterFactory) (*leadership.Member, *said) {
	t.Helper()
	m, err := f.Configure(leadership.Config{
		ServiceName: "app", ServiceID: "node",
		Session: leadership.SessionConfig{TTL: memberTTL, Drift: memberDrift},
	}).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := new(said)
	m.AsObservable().Subscribe(all.add)
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		synctest.Wait()
	})
	return m, all
}

// allocated is how many bytes the process has allocated so far. It only grows.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// The bounds of a bad store: how much memory one request or connection may cost, both ends together, and how many of them there may be in badFor.
const (
	mostMemory   = 32 << 20
	mostRequests = 400
)

// misbehaves checks a member whose store is bad from the start, and a leader whose store turns bad. turn makes it bad and good.
func misbehaves(t *testing.T, n *network, f *leadership.ClusterFactory, turn func(bad bool), text string) {
	t.Helper()
	turn(true)
	member, all := enter(t, f)
	suffers(t, n, all, text)
	if member.IsLeader() || len(all.of(leadership.StatusElectedFirst)) > 0 {
		t.Error("elected by a bad store")
	}
	turn(false)
	time.Sleep(badFor)
	synctest.Wait()
	elected := all.of(leadership.StatusElectedFirst)
	if !member.IsLeader() || len(elected) != 1 {
		t.Fatalf("the store works, and the member does not lead: %d terms\n%s", len(elected), all.texts())
	}

	deadline, before := member.Term().Deadline(), len(all.of(leadership.StatusError))
	if left := time.Until(deadline); left <= 0 || left > memberTTL-memberDrift {
		t.Errorf("it may believe for %v without a proof", left)
	}
	turn(true)
	time.Sleep(time.Until(deadline) - time.Nanosecond)
	synctest.Wait()
	if !member.IsLeader() {
		t.Error("relegated before the deadline, though nothing has said that the key is lost")
	}
	time.Sleep(realTime)
	if member.IsLeader() {
		t.Error("still believes after the deadline")
	}
	synctest.Wait()
	ends := all.of(leadership.StatusRelegation)
	if len(ends) != 1 || ends[0].Time.After(deadline.Add(realTime)) || !errors.Is(ends[0].Err, leadership.ErrLeaseExpired) {
		t.Fatalf("relegations %v; want one by %v", ends, deadline)
	}
	suffers(t, n, all, text)
	if len(all.of(leadership.StatusError)) == before {
		t.Error("the leader's store is bad, and no message says so")
	}
	turn(false)
	time.Sleep(badFor)
	synctest.Wait()
	elected = all.of(leadership.StatusElectedFirst)
	if !member.IsLeader() || len(elected) != 2 || elected[1].Term <= elected[0].Term {
		t.Errorf("the store works again: %v\n%s", elected, all.texts())
	}
}

// suffers lets a bad store be bad for a while.
func suffers(t *testing.T, n *network, all *said, text string) {
	t.Helper()
	memory, asked := allocated(), n.asked.Load()
	time.Sleep(badFor)
	synctest.Wait()
	memory, asked = allocated()-memory, n.asked.Load()-asked
	t.Logf("%d requests and connections, %d KiB for each", asked, memory/uint64(max(asked, 1))>>10)
	if asked == 0 || asked > mostRequests {
		t.Errorf("%d requests and connections within %v; want some, and at most %d", asked, badFor, mostRequests)
	}
	if each := memory / uint64(max(asked, 1)); each > mostMemory {
		t.Errorf("each request cost %d MiB", each>>20)
	}
	if !strings.Contains(all.texts(), text) {
		t.Errorf("no error message with the text %q:\n%s", text, all.texts())
	}
	for _, m := range all.of(leadership.StatusError) {
		if len(m.Err.Error()) > 20<<10 {
			t.Errorf("an error message of %d bytes", len(m.Err.Error()))
		}
	}
}

// stream writes n bytes, as far as they are taken.
func stream(w io.Writer, n int) {
	chunk := []byte(strings.Repeat("x", 64<<10))
	for ; n > 0; n -= len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// says is an agent that answers everything alike.
func says(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("X-Consul-Index", "7")
		w.Header().Set("X-Consul-Knownleader", "true")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestMembersAtBadStores(t *testing.T) {
	const json = "application/json"
	for _, c := range []struct {
		sentence string
		handler  http.HandlerFunc
		text     string
	}{
		{"answers that are cut off before their declared end", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `[{"ID":"`)
		}, "the answer can't be read: unexpected EOF"},
		{"JSON that is cut off", says(200, json, `[{"ID":"`), "the answer can't be read: unexpected EOF"},
		{"no JSON", says(200, json, "not here"), "the answer can't be read: invalid character 'o' in literal null"},
		{"a web page of some proxy", says(200, "text/html", "<html>log in first</html>"), "the answer can't be read: invalid character '<'"},
		{"JSON of another kind", says(200, json, `"yes"`), "the answer can't be read: json: cannot unmarshal"},
		{"JSON with other contents", says(200, json, `{"hello":"world"}`), "not an answer of Consul's"},
		{"nothing at all", says(200, json, ""), "the answer can't be read: EOF"},
		{"1 GiB declared", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(1<<30))
			_, _ = io.WriteString(w, `{"ID":"`)
		}, "the answer can't be read: unexpected EOF"},
		{"1 GiB streamed", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"ID":"`)
			stream(w, 1<<30)
		}, "the answer can't be read: more than 1048576 bytes"},
		{"1 GiB of refusal", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			stream(w, 1<<30)
		}, "502"},
		{"1 GiB of conflict", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
			stream(w, 1<<30)
		}, "409"},
		{"as many empty entries as an answer holds", says(200, json, "["+strings.Repeat("{},", maxAnswer/3-1)+"{}]"), "the answer can't be read: more than 10000 values"},
		{"as many numbers as an answer holds", says(200, json, "["+strings.Repeat("0,", maxAnswer/2-1)+"0]"), "the answer can't be read: more than 10000 values"},
		{"a header of 1 MiB", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Consul-Index", strings.Repeat("7", 1<<20))
		}, "server response headers exceeded"},
		{"answers of which a byte comes each second", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, " "); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
				pause(r, time.Second)
			}
		}, "context deadline exceeded"},
		{"no answers", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "context deadline exceeded"},
		{"too many requests", says(429, "text/plain", "Your IP is issuing too many concurrent connections"), "429 (Your IP is issuing"},
		{"an error of the server", says(500, "text/plain", "No cluster leader"), "500 (No cluster leader)"},
		{"no service", says(503, "text/plain", "upstream connect error"), "503 (upstream connect error)"},
		{"not found", says(404, "text/html", "404 page not found"), "404"},
		{"a denial", says(403, "text/plain", "Permission denied: anonymous token lacks permission 'session:write'"), leadership.ErrDenied.Error()},
		{"a redirect to itself", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.String(), http.StatusTemporaryRedirect)
		}, "redirects are not followed"},
		{"no HTTP", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, "+PONG\r\n")
				_ = conn.Close()
			}
		}, "malformed HTTP"},
		{"the end of each connection", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		}, "EOF"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				good := newStore()
				var bad atomic.Bool
				n := over(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if bad.Load() {
						_ = readAll(r)
						c.handler(w, r)
						return
					}
					good.ServeHTTP(w, r)
				}))
				misbehaves(t, n, n.factory(), func(on bool) {
					bad.Store(on)
					n.take(n.toServer) // what was asked before gets no answer
				}, c.text)
			})
		})
	}
}

// pause lets time pass, unless the client goes.
func pause(r *http.Request, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// A redirect must carry neither the token nor the member to another host.
func TestMembersAtStoresThatRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				good := newStore()
				var bad atomic.Bool
				n := over(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if bad.Load() {
						http.Redirect(w, r, "http://other.test:8500"+r.URL.RequestURI(), status)
						return
					}
					good.ServeHTTP(w, r)
				}))
				other := over(t, newStore())
				n.beside = map[string]*network{"other.test:8500": other}
				misbehaves(t, n, n.factory(WithToken("8d2c0f1a-0000-4000-8000-5ec4e7000000")), func(on bool) {
					bad.Store(on)
					n.take(n.toServer)
				}, "redirects are not followed")
				if asked := other.asked.Load(); asked > 0 {
					t.Errorf("the other host was asked %d times", asked)
				}
			})
		})
	}
}
