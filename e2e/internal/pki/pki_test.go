package pki_test

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/leadership-go/leadership/e2e/internal/pki"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	ours, err := pki.NewAuthority(dir, "ours")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := pki.NewAuthority(dir, "theirs")
	if err != nil {
		t.Fatal(err)
	}
	serverPair, err := ours.Issue("server")
	if err != nil {
		t.Fatal(err)
	}
	good, err := ours.Issue("client")
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := theirs.Issue("client")
	if err != nil {
		t.Fatal(err)
	}
	trust, err := ours.Client(serverPair)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	server.TLS = &tls.Config{Certificates: trust.Certificates, ClientCAs: trust.RootCAs, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	for _, c := range []struct {
		sentence  string
		authority *pki.Authority
		pairs     []pki.Pair
		want      string // of the answer, or of the error
	}{
		{"a client of the same authority is let in", ours, []pki.Pair{good}, "client"},
		{"a client without a certificate is not", ours, nil, "certificate required"},
		{"nor is one of another authority", ours, []pki.Pair{foreign}, "certificate"},
		{"a server of another authority is not trusted", theirs, []pki.Pair{good}, "unknown authority"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			cfg, err := c.authority.Client(c.pairs...)
			if err != nil {
				t.Fatal(err)
			}
			transport := &http.Transport{TLSClientConfig: cfg}
			defer transport.CloseIdleConnections()
			if got, err := get(t, &http.Client{Transport: transport}, server.URL); !strings.Contains(got, c.want) || (err == nil) != (c.want == "client") {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// get returns the answer, or the text of the error beside it.
func get(t *testing.T, client *http.Client, url string) (string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return err.Error(), err
	}
	body, err := io.ReadAll(response.Body)
	return string(body), errors.Join(err, response.Body.Close())
}
