package consul

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"
)

// certificate signs one for name by parent, which is an authority, or by itself where that is nil. It is valid until then.
func certificate(t *testing.T, name string, parent *tls.Certificate, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until, BasicConstraintsValid: true, IsCA: parent == nil,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	signer, signing := template, key
	if parent != nil {
		signer, signing = parent.Leaf, parent.PrivateKey.(*ecdsa.PrivateKey)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, &key.PublicKey, signing)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// secure is the way to a server that shows cert. In between is the buffer that pipes lack: client and server may both write at a time.
func (n *network) secure(cert tls.Certificate) way {
	cfg := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	return func(c net.Conn) {
		near, far := net.Pipe()
		carry := func(to, from net.Conn) {
			_, _ = io.Copy(to, from)
			_ = to.Close()
			_ = from.Close()
		}
		n.bad.Go(func() { carry(near, c) })
		n.bad.Go(func() { carry(c, near) })
		n.toServer(tls.Server(far, cfg))
	}
}

func TestMembersAtStoresWithBadTLS(t *testing.T) {
	const host = "consul.test"
	type names struct{ ours, theirs tls.Certificate }
	for _, c := range []struct {
		sentence string
		bad      func(*testing.T, *network, names) way
		text     string
	}{
		{"an unknown authority", func(t *testing.T, n *network, a names) way {
			return n.secure(certificate(t, host, &a.theirs, time.Now().Add(24*time.Hour)))
		}, "certificate signed by unknown authority"},
		{"a certificate that has expired", func(t *testing.T, n *network, a names) way {
			return n.secure(certificate(t, host, &a.ours, time.Now().Add(-time.Hour)))
		}, "certificate has expired or is not yet valid"},
		{"a certificate for another name", func(t *testing.T, n *network, a names) way {
			return n.secure(certificate(t, "other.test", &a.ours, time.Now().Add(24*time.Hour)))
		}, "certificate is valid for other.test, not consul.test"},
		{"no TLS at all", func(_ *testing.T, n *network, _ names) way { return n.toServer }, "server gave HTTP response to HTTPS client"},
		{"the end of each connection", func(*testing.T, *network, names) way { return func(c net.Conn) { _ = c.Close() } }, "closed pipe"},
		{"a handshake that is never answered", func(*testing.T, *network, names) way {
			return func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<16)) }
		}, "context deadline exceeded"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := names{certificate(t, "ours", nil, time.Now().Add(240*time.Hour)), certificate(t, "theirs", nil, time.Now().Add(240*time.Hour))}
				n := over(t, newStore())
				good := n.secure(certificate(t, host, &a.ours, time.Now().Add(24*time.Hour)))
				ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.ours.Leaf.Raw})
				misbehaves(t, n, n.factory(WithTLS(api.TLSConfig{CAPem: ca})), func(on bool) {
					if on {
						n.take(c.bad(t, n, a))
					} else {
						n.take(good)
					}
				}, c.text)
			})
		})
	}
	t.Run("TLS where none was expected", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := over(t, newStore())
			secure := n.secure(certificate(t, host, nil, time.Now().Add(24*time.Hour)))
			misbehaves(t, n, n.factory(), func(on bool) {
				if on {
					n.take(secure)
				} else {
					n.take(n.toServer)
				}
			}, "Client sent an HTTP request to an HTTPS server")
		})
	})
}
