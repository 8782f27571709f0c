package e2e_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// Tests in sources/consul and sources/etcd put members before all kinds of bad stores, on virtual time. These here do so once with all that is real:
// time, connections, and the watcher of etcd's client.

// front stands before a server. What becomes of connections may change while members run.
type front struct {
	net.Listener
	target string

	mu   sync.Mutex
	way  func(net.Conn)
	open []net.Conn
	all  sync.WaitGroup
}

// newFront carries everything to target at first.
func newFront(t *testing.T, target string) *front {
	t.Helper()
	f := &front{Listener: must(new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"))(t), target: target}
	f.way = f.carry
	f.all.Go(func() {
		for {
			c, err := f.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.open = append(f.open, c)
			way := f.way
			f.mu.Unlock()
			f.all.Go(func() {
				defer c.Close() //nolint:errcheck // a test's
				way(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = f.Close()
		f.turn(f.carry)
		f.all.Wait()
	})
	return f
}

// turn ends all connections and has way take those to come.
func (f *front) turn(way func(net.Conn)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.way = way
	for _, c := range f.open {
		_ = c.Close()
	}
	f.open = nil
}

func (f *front) carry(c net.Conn) {
	out, err := net.Dial("tcp", f.target) //nolint:noctx // ends with the test's server
	if err != nil {
		return
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(c, out)
		_ = c.Close()
	}()
	_, _ = io.Copy(out, c)
	_ = out.Close()
	<-back
}

// blurt answers everything with text and the end of the connection.
func blurt(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = c.Read(make([]byte, 64<<10))
		_, _ = io.WriteString(c, text)
	}
}

func TestBadStoresBeforeRealOnes(t *testing.T) {
	for _, starter := range stores.All() {
		t.Run(starter.Name, func(t *testing.T) {
			t.Parallel()
			s := startStore(t, starter, stores.Options{})
			for _, c := range []struct {
				sentence string
				way      func(net.Conn)
			}{
				{"garbage", blurt(strings.Repeat("\xde\xad\xbe\xef", 10_000))},
				{"a web server", blurt("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>no</html>")},
				{"the end of each connection", func(net.Conn) {}},
				{"silence", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }},
				{"an endless answer", func(c net.Conn) {
					blurt("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n[")(c)
					for {
						if _, err := io.WriteString(c, strings.Repeat(" ", 64<<10)); err != nil {
							return
						}
					}
				}},
			} {
				t.Run(c.sentence, func(t *testing.T) {
					t.Parallel()
					f := newFront(t, s.Addrs()[0])
					member := enter(t, s.Factory(f.Addr().String()), newElection(shortTTL), "node-1")
					first := member.await(t, leadership.StatusElectedFirst)
					member.awaitProof(t)
					term := member.Term()
					f.turn(c.way)
					member.await(t, leadership.StatusError)
					deadline := term.Deadline() // nothing moves it any more
					time.Sleep(time.Until(deadline) + time.Millisecond)
					if term.Valid() || member.IsLeader() {
						t.Error("it believes after its deadline")
					}
					ended := member.await(t, leadership.StatusRelegation)
					if !errors.Is(ended.Err, leadership.ErrLeaseExpired) || ended.Time.Sub(deadline) > 5*time.Second {
						t.Errorf("relegated %v after the deadline with %v", ended.Time.Sub(deadline), ended.Err)
					}
					f.turn(f.carry)
					if again := member.await(t, leadership.StatusElectedFirst); again.Term <= first.Term {
						t.Errorf("the next term has the token %d after %d", again.Term, first.Term)
					}
				})
			}
		})
	}
}
