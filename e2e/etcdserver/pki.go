package etcdserver

import (
	"crypto/tls"

	"github.com/leadership-go/leadership/e2e/internal/pki"
)

// security is what the servers of a cluster use, and what its clients need.
type security struct {
	authority *pki.Authority
	server    pki.Pair
	demand    bool        // that clients show a certificate
	client    *tls.Config // trusts the servers, and is let in by them
}

func newSecurity(dir string, demand bool) (*security, error) {
	authority, err := pki.NewAuthority(dir, "etcd")
	if err != nil {
		return nil, err
	}
	server, err := authority.Issue("server")
	if err != nil {
		return nil, err
	}
	s := &security{authority: authority, server: server, demand: demand}
	var pairs []pki.Pair
	if demand {
		pair, err := authority.Issue("operator")
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair)
	}
	s.client, err = authority.Client(pairs...)
	return s, err
}

// newTokenKey makes, or replaces, the key that signs authentication tokens.
func newTokenKey(dir string) (pki.Pair, error) {
	authority, err := pki.NewAuthority(dir, "token")
	if err != nil {
		return pki.Pair{}, err
	}
	return authority.Issue("key")
}
