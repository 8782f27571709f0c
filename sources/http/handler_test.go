package http_test

import (
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/http"
	"github.com/leadership-go/leadership/sources/memory"
)

func TestHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		join := func(id string) (*leadership.Member, *memory.Backend) {
			link := store.Backend()
			m, err := leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) { return link, nil }).
				Configure(leadership.Config{ServiceID: id}).Build(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return m, link
		}
		a, link := join(`node-1"`)
		b, _ := join("node-2")
		expect := func(sentence string, h nethttp.Handler, method string, status int, body string) {
			t.Helper()
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/leader", nil))
			if got := strings.TrimSpace(w.Body.String()); w.Code != status || got != body {
				t.Errorf("%s: %d %q, want %d %q", sentence, w.Code, got, status, body)
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: it may be cached", sentence)
			}
		}
		expect("a leader names itself", http.Handler(a), nethttp.MethodGet, 200, `{"name":"node-1\""}`)
		expect("a follower names it, too", http.Handler(b), nethttp.MethodGet, 200, `{"name":"node-1\""}`)
		expect("nothing can be changed", http.Handler(b), nethttp.MethodPost, 405, "Method Not Allowed")
		expect("the leader is ready", http.Ready(a), nethttp.MethodGet, 200, "leader")
		expect("a follower is not", http.Ready(b), nethttp.MethodGet, 503, "not the leader")
		expect("nothing can be changed there, either", http.Ready(a), nethttp.MethodDelete, 405, "Method Not Allowed")
		link.Deny(true)
		expect("the store's errors are not shown", http.Handler(a), nethttp.MethodGet, 503, "the leader is not known")
		link.Deny(false)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		expect("a closed member is not ready", http.Ready(a), nethttp.MethodGet, 503, "not the leader")
		expect("nobody leads", http.Handler(a), nethttp.MethodGet, 200, `{"name":""}`)
	})
}
