package http

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/leadership-go/leadership"
)

// Option changes how the URL is asked.
type Option func(*settings)

type settings struct{ client *http.Client }

// WithClient sets the client that asks. Its credentials and TLS settings are its transport's. Default [http.DefaultClient]. Requests are bounded
// by what a member allows them, whatever the client's timeout.
func WithClient(c *http.Client) Option { return func(s *settings) { s.client = c } }

// NewClusterFactory returns a factory whose members lead while checkURL answers with their service id. Build does not wait for the answer. It returns an
// [leadership.ErrInvalidConfig] where checkURL is no absolute URL with the scheme http or https. A session given with Session has no meaning here, and is not used.
func NewClusterFactory(checkURL string, opts ...Option) *leadership.ClusterFactory {
	return leadership.NewClusterFactory(func(cfg leadership.Config) (leadership.Backend, error) {
		s := settings{client: http.DefaultClient}
		for _, opt := range opts {
			opt(&s)
		}
		if s.client == nil {
			return nil, leadership.InvalidConfig("http client", "nil", "must be given, or left out")
		}
		u, err := url.Parse(checkURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, leadership.InvalidConfig("http check URL", nil, "must be absolute, with the scheme http or https") // it may hold a password
		}
		return &backend{
			url: checkURL, where: fmt.Sprintf("%s://%s%s", u.Scheme, u.Host, u.Path), client: s.client,
			name: cfg.ServiceID, service: cfg.ServiceName, ttl: cfg.Session.TTL,
		}, nil
	})
}
