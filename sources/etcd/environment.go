package etcd

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"github.com/leadership-go/leadership"
)

// environment is what etcdctl's variables say.
type environment struct {
	endpoints         []string
	user, password    string
	caFile            string
	certFile, keyFile string
}

// readEnvironment reads the variables as etcdctl does: the user may carry its password after a colon, unless that is set by itself.
func readEnvironment(getenv func(string) string) (environment, error) {
	env := environment{
		user:     getenv("ETCDCTL_USER"),
		password: getenv("ETCDCTL_PASSWORD"),
		caFile:   getenv("ETCDCTL_CACERT"),
		certFile: getenv("ETCDCTL_CERT"),
		keyFile:  getenv("ETCDCTL_KEY"),
	}
	if list := getenv("ETCDCTL_ENDPOINTS"); list != "" {
		for e := range strings.SplitSeq(list, ",") {
			env.endpoints = append(env.endpoints, strings.TrimSpace(e))
		}
	}
	if env.password == "" {
		env.user, env.password, _ = strings.Cut(env.user, ":")
	}
	switch {
	case env.user == "" && env.password != "":
		return env, leadership.InvalidConfig("ETCDCTL_USER", `""`, "must name the user that ETCDCTL_PASSWORD is for")
	case env.user != "" && env.password == "":
		return env, leadership.InvalidConfig("ETCDCTL_USER", fmt.Sprintf("%q", env.user), "must have a password, as user:password or in ETCDCTL_PASSWORD")
	case env.certFile != "" && env.keyFile == "":
		return env, leadership.InvalidConfig("ETCDCTL_CERT", fmt.Sprintf("%q", env.certFile), "needs ETCDCTL_KEY")
	case env.keyFile != "" && env.certFile == "":
		return env, leadership.InvalidConfig("ETCDCTL_KEY", fmt.Sprintf("%q", env.keyFile), "needs ETCDCTL_CERT")
	}
	return env, nil
}

// tls is the encryption that the variables ask for; nil when they don't. The own certificate is read at each handshake, so that
// a renewed one is used without a restart.
func (env environment) tls() (*tls.Config, error) {
	if env.caFile == "" && env.certFile == "" {
		return nil, nil //nolint:nilnil // no encryption, and nothing is wrong
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if env.caFile != "" {
		refuse := func(rule string) error {
			return leadership.InvalidConfig("ETCDCTL_CACERT", fmt.Sprintf("%q", env.caFile), rule)
		}
		pem, err := os.ReadFile(env.caFile)
		if err != nil {
			return nil, refuse("must be readable: " + err.Error())
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, refuse("must hold a certificate in PEM")
		}
	}
	if env.certFile != "" {
		load := func() (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(env.certFile, env.keyFile)
			return &cert, err
		}
		if _, err := load(); err != nil {
			return nil, leadership.InvalidConfig("ETCDCTL_CERT", fmt.Sprintf("%q", env.certFile), "must be a certificate with its key in ETCDCTL_KEY: "+err.Error())
		}
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return cfg, nil
}
