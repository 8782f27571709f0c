package e2e_test

import (
	"crypto/tls"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/consulserver"
	"github.com/leadership-go/leadership/e2e/etcdserver"
	"github.com/leadership-go/leadership/sources/consul"
	"github.com/leadership-go/leadership/sources/etcd"
)

func TestSecurityConsulTLS(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{TLS: true})
	trusting := api.TLSConfig{CAFile: server.Authority.CAFile}
	for _, c := range []struct {
		sentence string
		options  []consul.Option
		says     string // "" for one that leads
	}{
		{"who trusts the server's authority is served", []consul.Option{consul.WithTLS(trusting)}, ""},
		{"who trusts another one is not", []consul.Option{consul.WithTLS(api.TLSConfig{CAFile: otherAuthority(t).CAFile})}, "certificate signed by unknown authority"},
		{"who trusts what the system does is not", []consul.Option{consul.WithTLS(api.TLSConfig{})}, "certificate signed by unknown authority"},
		{
			"who expects another name is not",
			[]consul.Option{consul.WithTLS(api.TLSConfig{CAFile: server.Authority.CAFile, Address: "consul.test"})},
			"certificate is valid for localhost, not consul.test",
		},
		{"who does not speak TLS is not", nil, "Client sent an HTTP request to an HTTPS server"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			t.Parallel()
			serves(t, consulAt(server, c.options...), c.says)
		})
	}
}

// serves checks that a member leads, or that it says why not.
func serves(t *testing.T, f *leadership.ClusterFactory, says string) {
	t.Helper()
	if says == "" {
		enter(t, f, newElection(calmTTL), "node-1").await(t, leadership.StatusElectedFirst)
		return
	}
	member := enter(t, f, newElection(shortTTL), "node-1") // etcd's client tries for as long as a request may take
	member.awaitText(t, says)
	member.neverLeads(t)
}

func TestSecurityConsulMutualTLS(t *testing.T) {
	server := consulserver.Run(t, consulserver.Options{TLS: true, ClientCerts: true})
	good, foreign := issue(t, server.Authority), issue(t, otherAuthority(t))
	as := func(cert, key string) consul.Option {
		return consul.WithTLS(api.TLSConfig{CAFile: server.Authority.CAFile, CertFile: cert, KeyFile: key})
	}
	for _, c := range []struct {
		sentence string
		option   consul.Option
		says     string
	}{
		{"who shows a certificate is served", as(good.CertFile, good.KeyFile), ""},
		{"who shows none is refused", as("", ""), "tls: certificate required"},
		{"who shows one of another authority is refused", as(foreign.CertFile, foreign.KeyFile), "tls: "},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			t.Parallel()
			serves(t, consulAt(server, c.option), c.says)
		})
	}
	t.Run("the variables of Consul's tools do", func(t *testing.T) {
		t.Setenv(api.HTTPAddrEnvName, "https://"+server.Addr)
		t.Setenv(api.HTTPCAFile, server.Authority.CAFile)
		t.Setenv(api.HTTPClientCert, good.CertFile)
		t.Setenv(api.HTTPClientKey, good.KeyFile)
		serves(t, consul.NewClusterFactory(), "")
	})
}

func TestSecurityEtcdMutualTLS(t *testing.T) {
	server := etcdserver.Start(t, etcdserver.Options{TLS: true, ClientCerts: true})
	at := etcd.WithEndpoints(server.Endpoints()...)
	other := otherAuthority(t)
	good, foreign := issue(t, server.Authority()), issue(t, other)
	must := func(cfg *tls.Config, err error) etcd.Option {
		if err != nil {
			t.Fatal(err)
		}
		return etcd.WithTLS(cfg)
	}
	for _, c := range []struct {
		sentence string
		options  []etcd.Option
		says     string
	}{
		{"who shows a certificate is served", []etcd.Option{at, must(server.Authority().Client(good))}, ""},
		{"who shows none is refused", []etcd.Option{at, must(server.Authority().Client())}, "tls: certificate required"},
		{"who shows one of another authority is refused", []etcd.Option{at, must(server.Authority().Client(foreign))}, "tls: "},
		{"who trusts another authority is not served", []etcd.Option{at, must(other.Client(good))}, "certificate signed by unknown authority"},
		{"who does not speak TLS is not served", []etcd.Option{etcd.WithEndpoints("http://" + server.Endpoints()[0][len("https://"):])}, "connection error"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			t.Parallel()
			serves(t, etcd.NewClusterFactory(c.options...), c.says)
		})
	}
	t.Run("the variables of etcdctl do", func(t *testing.T) {
		t.Setenv("ETCDCTL_ENDPOINTS", server.Endpoints()[0])
		t.Setenv("ETCDCTL_CACERT", server.CAFile())
		t.Setenv("ETCDCTL_CERT", good.CertFile)
		t.Setenv("ETCDCTL_KEY", good.KeyFile)
		serves(t, etcd.NewClusterFactory(), "")
	})
}
