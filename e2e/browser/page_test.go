//go:build chromium

package browser

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience bounds everything that is waited for.
const patience = 2 * time.Minute

// document is the page: it collects what its EventSource hears.
const document = `<!DOCTYPE html>
<meta charset="utf-8">
<script>
	const seen = []; // each event: its type, id and data
	let opened = 0, lost = 0, gone = false;
	let waiting = [];
	const changed = () => { for (const look of waiting.splice(0)) look(); };
	// until resolves when the condition holds.
	const until = (condition) => new Promise((resolve) => {
		const look = () => { if (condition()) resolve(true); else waiting.push(look); };
		look();
	});
	const events = new EventSource("/events");
	for (const type of ["message", "gap", "end", "invalid"])
		events.addEventListener(type, (e) => { seen.push(type + " " + e.lastEventId + " " + e.data); changed(); });
	events.onopen = () => { opened++; changed(); };
	events.onerror = () => {
		if (events.readyState === EventSource.CLOSED) gone = true; else lost++;
		changed();
	};
</script>`

// chromium starts a browser that lives as long as the test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("no Chromium in PATH: install it, or leave out the build tag chromium")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("headless", true),
		chromedp.Flag("no-sandbox", os.Geteuid() == 0), // which root can't have
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
	)
	t.Cleanup(stop)
	ctx, cancelBrowser := chromedp.NewContext(ctx, chromedp.WithErrorf(t.Logf))
	t.Cleanup(cancelBrowser)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// page is a page with document in a tab of its own.
type page struct {
	ctx context.Context //nolint:containedctx // how chromedp names a tab
}

func open(t *testing.T, browser context.Context, s *site) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate(s.url)); err != nil {
		t.Fatal(err)
	}
	p := &page{ctx}
	p.until(t, "opened > 0")
	return p
}

// until waits until a condition of the page holds.
func (p *page) until(t *testing.T, condition string) {
	t.Helper()
	script := fmt.Sprintf("until(() => %s)", condition)
	ctx, cancel := context.WithTimeout(p.ctx, patience/4)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise)); err != nil {
		state, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("JSON.stringify({opened, lost, gone, state: events.readyState, seen})"))
		t.Fatalf("until %s: %v; the page has %s", condition, err, state)
	}
}

func (p *page) number(t *testing.T, expression string) int {
	t.Helper()
	n, err := chromedp.Run(p.ctx, chromedp.Evaluate[int](expression))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// saw compares what the page has seen with want, where an event is its type, number and data.
func (p *page) saw(t *testing.T, want ...string) {
	t.Helper()
	seen, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]string]("seen"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, event := range seen {
		name, rest, _ := strings.Cut(event, " ")
		_, rest, _ = strings.Cut(rest, "-") // the epoch is chance
		got = append(got, name+" "+rest)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the page saw %q, want %q", got, want)
	}
}

// site is a real server on the loopback interface, with the page and a handler for /events.
type site struct {
	url     string
	handler atomic.Pointer[http.Handler]

	mu      sync.Mutex
	gate    chan struct{} // closed: requests for events are answered
	streams map[net.Conn]bool
	answers []answer
	change  chan struct{} // closed, and made anew, with each answer
}

// answer is one request for events, and what came of it.
type answer struct {
	lastID string
	status int
}

// connKey is where a request has its connection.
type connKey struct{}

func newSite(t *testing.T, events http.Handler) *site {
	t.Helper()
	s := &site{gate: make(chan struct{}), change: make(chan struct{}), streams: map[net.Conn]bool{}}
	close(s.gate)
	s.handler.Store(&events)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + listener.Addr().String() + "/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, document)
	})
	mux.HandleFunc("GET /events", s.events)
	server := &http.Server{
		Handler:     mux,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		_ = server.Close()
		wg.Wait()
	})
	return s
}

// events answers by the handler, once the gate is open.
func (s *site) events(w http.ResponseWriter, r *http.Request) {
	conn := r.Context().Value(connKey{}).(net.Conn)
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	select {
	case <-gate:
	case <-r.Context().Done():
		return
	}
	s.mu.Lock()
	s.streams[conn] = true
	s.mu.Unlock()
	noted := &noting{w, func(status int) { s.note(answer{r.Header.Get("Last-Event-ID"), status}) }}
	defer func() {
		noted.once(http.StatusOK)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.streams, conn)
	}()
	(*s.handler.Load()).ServeHTTP(noted, r)
}

func (s *site) note(a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, a)
	close(s.change)
	s.change = make(chan struct{})
}

// noting tells the status of an answer, once.
type noting struct {
	http.ResponseWriter
	tell func(status int)
}

func (n *noting) once(status int) {
	if n.tell != nil {
		n.tell(status)
		n.tell = nil
	}
}

func (n *noting) WriteHeader(status int) {
	n.once(status)
	n.ResponseWriter.WriteHeader(status)
}

func (n *noting) Write(p []byte) (int, error) {
	n.once(http.StatusOK)
	return n.ResponseWriter.Write(p)
}

func (n *noting) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// cut closes the connections on which events are being sent, hard or as the end of a program does.
func (s *site) cut(t *testing.T, hard bool) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.streams) == 0 {
		t.Fatal("there is no stream to be cut")
	}
	for conn := range s.streams {
		if hard {
			if err := conn.(*net.TCPConn).SetLinger(0); err != nil { // a reset
				t.Fatal(err)
			}
		}
		_ = conn.Close()
		delete(s.streams, conn)
	}
}

// hold makes requests for events wait until release is called.
func (s *site) hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate := make(chan struct{})
	s.gate = gate
	return func() { close(gate) }
}

// answered waits until n requests for events were answered, and returns the answers.
func (s *site) answered(t *testing.T, n int) []answer {
	t.Helper()
	timer := time.NewTimer(patience / 4)
	defer timer.Stop()
	for {
		s.mu.Lock()
		answers, change := slices.Clone(s.answers), s.change
		s.mu.Unlock()
		if len(answers) >= n {
			return answers
		}
		select {
		case <-change:
		case <-timer.C:
			t.Fatalf("%d requests were answered, not %d", len(answers), n)
		}
	}
}
