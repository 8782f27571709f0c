package consul

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// newClient makes a client, and a pool of connections, of our own.
//
// HTTP/1 only: a request that is given up closes its connection, so that the next one dials anew. HTTP/2 would
// put it on the same dead connection again. Redirects are not followed, so that no token goes astray and no key turns into another one.
func newClient(agent leadership.ConsulConfig, s settings) (*api.Client, *http.Transport, error) {
	for _, name := range []string{api.HTTPSSLEnvName, api.HTTPSSLVerifyEnvName} {
		if v := os.Getenv(name); v != "" {
			if _, err := strconv.ParseBool(v); err != nil {
				return nil, nil, leadership.InvalidConfig(name, fmt.Sprintf("%q", v), "must be true or false")
			}
		}
	}
	cfg := api.DefaultConfig()
	cfg.TokenFile, cfg.Token = "", "" // credentials.go sends the token
	address, err := address(agent, s, cfg.Address)
	if err != nil {
		return nil, nil, err
	}
	cfg.Address = address
	if s.tls != nil {
		cfg.TLSConfig, cfg.Scheme = *s.tls, "https"
	}

	transport := cfg.Transport
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	transport.ForceAttemptHTTP2 = false
	transport.MaxResponseHeaderBytes = maxHeader
	transport.ReadBufferSize, transport.WriteBufferSize = connBuffer, connBuffer
	if path, ok := strings.CutPrefix(cfg.Address, "unix://"); ok {
		cfg.Address = "localhost"
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	}
	cfg.HttpClient, err = api.NewHttpClient(transport, cfg.TLSConfig)
	if err != nil {
		return nil, nil, leadership.InvalidConfig("consul TLS", cfg.TLSConfig.CAFile, "can't be used: "+err.Error())
	}
	cfg.HttpClient.Transport = bounded{transport}
	cfg.HttpClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client, err := api.NewClient(cfg)
	if err != nil {
		return nil, nil, leadership.InvalidConfig("consul address", fmt.Sprintf("%q", address), "can't be used: "+err.Error())
	}
	return client, transport, nil
}

// connBuffer is the size of each of a connection's two buffers: each candidate that waits has a connection, on which little is said.
const connBuffer = 1 << 10

// address is where the agent listens: the option, else the configuration, which may leave out
// its host or port, else the environment.
func address(agent leadership.ConsulConfig, s settings, environment string) (string, error) {
	if s.address != "" {
		return s.address, refuseUser("consul address", s.address)
	}
	if err := refuseUser(api.HTTPAddrEnvName, environment); err != nil {
		return "", err
	}
	if agent.Port < 0 || agent.Port > 65535 {
		return "", leadership.InvalidConfig("consul.port", agent.Port, "must be between 1 and 65535")
	}
	if agent.Host == "" && agent.Port == 0 {
		return environment, nil
	}
	if strings.ContainsAny(agent.Host, "/?#@ ") {
		return "", leadership.InvalidConfig("consul.host", fmt.Sprintf("%q", hideUser(agent.Host)), "must be a host name or an IP address")
	}
	scheme, rest, found := strings.Cut(environment, "://")
	switch {
	case !found:
		scheme, rest = "", environment
	case scheme == "unix":
		scheme, rest = "", ""
	default:
		scheme += "://"
	}
	rest, prefix, found := strings.Cut(rest, "/")
	if found {
		prefix = "/" + prefix
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		host, port = strings.Trim(rest, "[]"), ""
	}
	if agent.Host != "" {
		// The environment's port and path belong to the environment's host.
		host, port, prefix = strings.Trim(agent.Host, "[]"), "", ""
	}
	if agent.Port != 0 {
		port = strconv.Itoa(agent.Port)
	}
	if host == "" {
		host = "localhost"
	}
	if port == "" {
		port = "8500"
	}
	return scheme + net.JoinHostPort(host, port) + prefix, nil
}

// refuseUser refuses an address with a user in it: Consul's client would take that for a part of the host's name, and print it.
func refuseUser(field, address string) error {
	if !strings.Contains(address, "@") || strings.HasPrefix(address, "unix://") {
		return nil
	}
	return leadership.InvalidConfig(field, fmt.Sprintf("%q", hideUser(address)), "must not hold a user or a password: set "+api.HTTPAuthEnvName)
}

// hideUser replaces what stands before the @ of an address, since it may be a password.
func hideUser(address string) string {
	at := strings.LastIndex(address, "@")
	if at < 0 {
		return address
	}
	scheme := ""
	if name, _, found := strings.Cut(address[:at], "://"); found && !strings.Contains(name, ":") { // else it is of the password
		scheme = name + "://"
	}
	return scheme + "…" + address[at:]
}
