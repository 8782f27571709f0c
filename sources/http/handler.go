package http

import (
	"encoding/json"
	"net/http"

	"github.com/leadership-go/leadership"
)

// Handler answers GET and HEAD with who leads m's election: {"name": "node-1"}, or {"name": ""} while nobody does. For each request it reads the
// store once, bounded by the request's context and by one session TTL. Where the store does not answer, or the key holds no vote, it says 503.
// Other methods get 405. What the store's errors say is not shown. The answer must not be cached, and says so.
func Handler(m *leadership.Member) http.Handler {
	return reading(func(w http.ResponseWriter, r *http.Request) {
		vote, err := m.Leader(r.Context())
		if err != nil {
			http.Error(w, "the leader is not known", http.StatusServiceUnavailable)
			return
		}
		answer := struct {
			Name string `json:"name"`
		}{}
		if vote != nil {
			answer.Name = vote.ServiceID
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // who asks has gone, if it fails
	})
}

// Ready answers GET and HEAD with 200 while m leads, and with 503 while it does not, for a load balancer that sends requests to the leader alone. It asks
// [leadership.Member.IsLeader], and nobody else. Between the answer and what follows from it the leader may change: guard writes with the token.
func Ready(m *leadership.Member) http.Handler {
	return reading(func(w http.ResponseWriter, _ *http.Request) {
		if !m.IsLeader() {
			http.Error(w, "not the leader", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("leader\n"))
	})
}

// reading refuses all methods but GET and HEAD.
func reading(answer http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		answer(w, r)
	})
}
