package consul

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

func TestASecretAtTheCutIsNotShown(t *testing.T) {
	const token = "6f1c7b7e-0000-4000-8000-5ec4e75ec4e7"
	for n := 1; n < len(token); n++ {
		b := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(502)
			_, _ = fmt.Fprint(w, strings.Repeat("x", maxComplaint-n)+r.Header.Get("X-Consul-Token"))
		}), WithToken(token))
		_, err := b.Open(t.Context(), usualMinTTL)
		if n >= 30 && strings.Contains(err.Error(), token[:n]) {
			t.Fatalf("%d of %d characters of the token shown", n, len(token))
		}
	}
}

func TestAPasswordOfConsulsWords(t *testing.T) {
	for _, password := range []string{"lock", "failed", "held"} {
		t.Setenv(api.HTTPAuthEnvName, "me:"+password)
		b := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(409)
			_, _ = fmt.Fprint(w, `{"Results":null,"Errors":[{"OpIndex":1,"What":"failed to lock key \"k\", lock is already held"}]}`)
		}))
		_, v, err := b.transact(t.Context(), "x", &api.KVTxnOp{}, &api.KVTxnOp{})
		if err != nil || v != verdictMoved {
			t.Errorf("%s: %v %v", password, v, err)
		}
	}
}

func TestErrorsOfAnswersAreShort(t *testing.T) {
	b := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Consul-Index", "7")
		w.Header().Set("X-Consul-KnownLeader", "true")
		_, _ = fmt.Fprintf(w, `[{"Key":"k","ModifyIndex":%s}]`, strings.Repeat("9", 500_000))
	}))
	_, err := b.Observe(t.Context(), "k")
	if n := len(err.Error()); n > 20<<10 {
		t.Errorf("an error of %d bytes: %.200s", n, err)
	}
	b = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Consul-Index", strings.Repeat("9", 200_000))
		_, _ = fmt.Fprint(w, `[]`)
	}))
	_, err = b.Observe(t.Context(), "k")
	if n := len(err.Error()); n > 20<<10 {
		t.Errorf("an error of %d bytes: %.200s", n, err)
	}
}

func TestATTLThatConsulDoesNotGrant(t *testing.T) {
	const id = "6f1c7b7e-0000-4000-8000-5ec4e75ec4e7"
	b := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Consul-Index", "7")
		w.Header().Set("X-Consul-KnownLeader", "true")
		_, _ = fmt.Fprintf(w, `[{"ID":%q,"TTL":"2562047h47m"}]`, id)
	}))
	if left, err := b.Lifetime(t.Context(), id); err == nil {
		t.Errorf("lifetime %v", left)
	}
	if s, err := b.Attach(t.Context(), id, usualMinTTL); err == nil {
		t.Errorf("attached with %v", s.TTL())
	}
}
