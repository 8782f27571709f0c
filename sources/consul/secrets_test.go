package consul

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

func TestAddressesWithAUserAreRefusedAndNotPrinted(t *testing.T) {
	const secret = "pa55:w@rd"
	for _, c := range []struct {
		sentence, environment string
		agent                 leadership.ConsulConfig
		opts                  []Option
		shown                 string
	}{
		{"a URL", "", leadership.ConsulConfig{}, []Option{WithAddress("https://me:" + secret + "@host:8501/prefix")}, `"https://…@host:8501/prefix"`},
		{"host and port", "", leadership.ConsulConfig{}, []Option{WithAddress("me:" + secret + "@host:8501")}, `"…@host:8501"`},
		{"another scheme", "", leadership.ConsulConfig{}, []Option{WithAddress("ftp://me:" + secret + "@host")}, `"ftp://…@host"`},
		{"the environment", "http://me:" + secret + "@host:8500", leadership.ConsulConfig{}, nil, `CONSUL_HTTP_ADDR "http://…@host:8500"`},
		{"the environment, of which the port is used", "http://me:" + secret + "@host:8500", leadership.ConsulConfig{Port: 80}, nil, `"http://…@host:8500"`},
		{"the configuration", "", leadership.ConsulConfig{Host: "me:" + secret + "@host"}, nil, `consul.host "…@host"`},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			t.Setenv(api.HTTPAddrEnvName, c.environment)
			b, err := NewBackend(c.agent, c.opts...)
			if b != nil || !errors.Is(err, leadership.ErrInvalidConfig) || !strings.Contains(err.Error(), c.shown) {
				t.Fatalf("%v, %v; want %s", b, err, c.shown)
			}
			if all := fmt.Sprintf("%v %#v", err, err); strings.Contains(all, "w@rd") || strings.Contains(all, "pa55") {
				t.Errorf("the password is in %s", all)
			}
		})
	}
	b, err := NewBackend(leadership.ConsulConfig{}, WithAddress("unix:///run/consul@1/http.sock"))
	if err != nil {
		t.Fatalf("a socket with @ in its path: %v", err)
	}
	_ = b.Close()
}

// A proxy that shows the request in its refusal must not bring the token into an error.
func TestRefusalsThatRepeatTheRequestAreCleaned(t *testing.T) {
	const token, password = "6f1c7b7e-0000-4000-8000-5ec4e75ec4e7", "correct horse"
	t.Setenv(api.HTTPAuthEnvName, "me:"+password)
	for _, status := range []int{400, 401, 403, 404, 409, 500, 502} {
		b := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			_, p, _ := r.BasicAuth()
			_, _ = fmt.Fprintf(w, "%v %s end of the page", r.Header, p)
		}), WithToken(token))
		_, err := b.Open(t.Context(), usualMinTTL)
		if err == nil || !strings.Contains(err.Error(), "X-Consul-Token:[…]") || !strings.Contains(err.Error(), "… end of the page") {
			t.Fatalf("%d: %v", status, err)
		}
		for _, secret := range []string{token, password, base64.StdEncoding.EncodeToString([]byte("me:" + password))} {
			if all := fmt.Sprintf("%v %#v", err, err); strings.Contains(all, secret) {
				t.Errorf("%d: %s is in %s", status, secret, all)
			}
		}
	}
}

func TestABackendThatIsPrintedShowsNoToken(t *testing.T) {
	const token = "6f1c7b7e-0000-4000-8000-5ec4e75ec4e7"
	b, err := NewBackend(leadership.ConsulConfig{}, WithToken(token))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // idle connections
	if all := fmt.Sprintf("%v %+v %#v", b, b, b); strings.Contains(all, token) {
		t.Errorf("the token is in %s", all)
	}
}

// endless never ends.
type endless string

func (e endless) Read(p []byte) (int, error) { return copy(p, e), nil }

func TestTheBoundOnValuesCountsWhatJSONDoes(t *testing.T) {
	for _, c := range []struct {
		sentence, text string
		times          int
		refused        bool
	}{
		{"values", "0,", maxParts + 1, true},
		{"lists", "[", maxParts + 1, true},
		{"objects", "{", maxParts + 1, true},
		{"as many as may be", "0,", maxParts, false},
		{"commas within a text", `",,,,,,,,,," `, maxParts, false},
		{"commas behind quotes within a text", `"\",\\\",,," `, maxParts, false},
		{"commas behind a text that ends with a backslash", `"\\",`, maxParts + 1, true},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			body := &boundedBody{LimitedReader: &io.LimitedReader{R: strings.NewReader(strings.Repeat(c.text, c.times)), N: maxAnswer}, most: maxAnswer, mostParts: maxParts}
			if _, err := io.ReadAll(body); (err != nil) != c.refused {
				t.Errorf("error %v", err)
			}
		})
	}
	body := &boundedBody{LimitedReader: &io.LimitedReader{R: endless("x "), N: maxAnswer}, most: maxAnswer, mostParts: maxParts}
	if n, err := io.Copy(io.Discard, body); n != maxAnswer || err == nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}
