package etcd

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/leadership-go/leadership"
)

// validateEndpoints refuses what the client would take and then never reach, or reach without the encryption that was asked for.
func validateEndpoints(field string, endpoints []string, encrypted bool) error {
	if len(endpoints) == 0 {
		return leadership.InvalidConfig(field, fmt.Sprintf("%q", endpoints), "must name at least one endpoint")
	}
	schemes := make(map[bool]bool)
	for i, e := range endpoints {
		refuse := func(rule string) error {
			return leadership.InvalidConfig(fmt.Sprintf("%s[%d]", field, i), fmt.Sprintf("%q", hideUser(e)), rule)
		}
		scheme, err := checkEndpoint(e)
		if err != nil {
			return refuse(err.Error())
		}
		secure := scheme == "https" || scheme == "unixs" || scheme == "" && encrypted
		schemes[secure] = true
		if encrypted && !secure {
			return refuse("must not be without encryption while TLS is set")
		}
		if len(schemes) > 1 {
			return refuse("must use TLS if and only if the other endpoints do")
		}
	}
	return nil
}

// rule is what an endpoint breaks.
type rule string

func (r rule) Error() string { return string(r) }

// checkEndpoint returns the scheme of an endpoint, "" for host:port.
func checkEndpoint(endpoint string) (scheme string, err error) {
	const form = rule("must be host:port, http://host:port, https://host:port or unix:path")
	if strings.ContainsAny(endpoint, " \t\r\n\x00") {
		return "", rule("must not contain white space")
	}
	for _, scheme := range []string{"unix", "unixs"} {
		if path, ok := strings.CutPrefix(endpoint, scheme+":"); ok {
			if _, err := url.Parse("none://host/" + path); err != nil || strings.TrimLeft(path, "/") == "" {
				return "", form
			}
			return scheme, nil
		}
	}
	address := endpoint
	if !strings.Contains(endpoint, "://") {
		address = "none://" + endpoint
	}
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" {
		return "", form
	}
	switch u.Scheme {
	case "http", "https":
		scheme = u.Scheme
	case "none":
	default:
		return "", form
	}
	if u.Path != "" && (u.Path != "/" || scheme == "") || strings.ContainsAny(endpoint, "?#@%") {
		return "", rule("must have nothing but a host and a port")
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil || host == "" {
		return "", form
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", rule("must have a port between 1 and 65535")
	}
	return scheme, nil
}

// hideUser replaces what stands before the @ of an endpoint, since it may be a password.
func hideUser(endpoint string) string {
	at := strings.LastIndex(endpoint, "@")
	if at < 0 {
		return endpoint
	}
	scheme := ""
	if name, _, found := strings.Cut(endpoint[:at], "://"); found && !strings.Contains(name, ":") { // else it is of the password
		scheme = name + "://"
	}
	return scheme + "…" + endpoint[at:]
}
