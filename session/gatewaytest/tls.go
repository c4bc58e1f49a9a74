package gatewaytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// WithTLS makes a server that speaks TLS, and nothing else: https, by HTTP/1.1 and HTTP/2, and wss, at one address. The configuration
// needs Certificates, such as SelfSigned makes; it is copied. Its NextProtos have no effect: a WebSocket connection is taken whatever
// its client has offered by ALPN. The server's Client trusts those certificates, and others do by [Server.RootCAs]:
//
//	shardmanager.WithGateway(server), shardmanager.WithTLS(&tls.Config{RootCAs: server.RootCAs()})
//
// The default is http and ws.
func WithTLS(config *tls.Config) Option {
	return func(s *settings) { s.tls, s.noTLS = config.Clone(), config == nil }
}

// SelfSigned makes a certificate for localhost, 127.0.0.1, 127.0.0.2, ::1 and further hosts (names, or IP addresses), and a CA that has
// signed it: the configuration is for WithTLS, and ca is the CA's certificate as PEM, for clients that are to trust it. Both are valid
// for a year from now; inside a testing/synctest bubble they must be made inside it too. The keys stay in memory, and that of the CA is
// forgotten. The error names a host that no certificate can have.
func SelfSigned(hosts ...string) (config *tls.Config, ca []byte, err error) {
	now := time.Now()
	issuer := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gatewaytest CA of " + now.UTC().Format(time.DateTime)},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, MaxPathLenZero: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: new(big.Int).SetUint64(uint64(now.UnixNano())), Subject: pkix.Name{CommonName: "gatewaytest"},
		NotBefore: issuer.NotBefore, NotAfter: issuer.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range append([]string{"localhost", "127.0.0.1", "127.0.0.2", "::1"}, hosts...) {
		switch ip := net.ParseIP(host); {
		case ip != nil:
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		case host == "" || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("/:@[]", r) }):
			return nil, nil, fmt.Errorf("gatewaytest: %q is no host for a certificate: give a name, such as gateway.example.test, or an IP address, without a port", host)
		default:
			leaf.DNSNames = append(leaf.DNSNames, host)
		}
	}
	issuerKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("gatewaytest: a key: %w", err)
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("gatewaytest: a key: %w", err)
	}
	issued, err := x509.CreateCertificate(rand.Reader, issuer, issuer, issuerKey.Public(), issuerKey)
	if err != nil {
		return nil, nil, fmt.Errorf("gatewaytest: the CA: %w", err)
	}
	if issuer, err = x509.ParseCertificate(issued); err != nil { // it has the key's id now
		return nil, nil, fmt.Errorf("gatewaytest: the CA: %w", err)
	}
	signed, err := x509.CreateCertificate(rand.Reader, leaf, issuer, leafKey.Public(), issuerKey)
	if err != nil {
		return nil, nil, fmt.Errorf("gatewaytest: the certificate: %w", err)
	}
	config = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{signed}, PrivateKey: leafKey}}}
	return config, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issued}), nil
}

// RootCAs are what a client of a server with WithTLS trusts: its certificates. It is nil without TLS.
func (s *Server) RootCAs() *x509.CertPool {
	if s.set.tls == nil {
		return nil
	}
	pool := x509.NewCertPool()
	for _, certificate := range s.set.tls.Certificates {
		for _, der := range certificate.Certificate {
			if c, err := x509.ParseCertificate(der); err == nil { // what is none serves nobody
				pool.AddCert(c)
			}
		}
	}
	return pool
}

// protocols are those that a server with TLS speaks, by their names in ALPN.
var protocols = []string{"h2", "http/1.1"}

// secureListener wraps what a network accepts in TLS.
type secureListener struct {
	*network
	config *tls.Config
	failed func(c net.Conn, err error) // a handshake
}

func newSecureListener(n *network, config *tls.Config, failed func(net.Conn, error)) *secureListener {
	config = config.Clone()
	config.NextProtos = protocols
	unknown := config.Clone()
	unknown.NextProtos = nil // else who offers nothing else is refused
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		for _, offered := range hello.SupportedProtos {
			if slices.Contains(protocols, offered) {
				return nil, nil
			}
		}
		return unknown, nil
	}
	return &secureListener{n, config, failed}
}

// Accept implements net.Listener.
func (l *secureListener) Accept() (net.Conn, error) {
	c, err := l.network.Accept()
	if err != nil {
		return nil, err
	}
	return &secured{Conn: tls.Server(c, l.config), wire: c.(*wire), failed: l.failed}, nil
}

// secured is a server's end of a connection with TLS. It does not show net/http that it is one: so net/http looks at what comes to tell
// HTTP/2 from HTTP/1.1, and not at what ALPN has chosen. WebSocket libraries offer h2 and then speak HTTP/1.1.
type secured struct {
	net.Conn
	wire   *wire
	failed func(c net.Conn, err error)
	once   sync.Once
}

// Read implements net.Conn. The first one waits for the handshake.
func (c *secured) Read(p []byte) (int, error) {
	c.once.Do(func() {
		if err := c.Conn.(*tls.Conn).Handshake(); err != nil {
			c.failed(c.wire, err)
		}
	})
	return c.Conn.Read(p)
}

// wireOf is the wire of a connection that was accepted.
func wireOf(c net.Conn) *wire {
	if c, ok := c.(*secured); ok {
		return c.wire
	}
	return c.(*wire)
}

// unsecured tells of a handshake that has failed, if the client had something to say.
func (s *Server) unsecured(c net.Conn, err error) {
	var plain tls.RecordHeaderError
	var refused *net.OpError
	text := err.Error()
	switch {
	case errors.As(err, &plain) && plain.Conn != nil && isHTTP(plain.RecordHeader):
		text = "this port speaks TLS: use https:// and wss://"
		_, _ = fmt.Fprintf(c, "HTTP/1.0 %d %s\r\nContent-Type: text/plain\r\n\r\n%s\n", http.StatusBadRequest, http.StatusText(http.StatusBadRequest), text)
	case errors.As(err, &refused) && (refused.Op == "remote error" || refused.Op == "local error"): // an alert of OpenSSL's, which is not encrypted, is the latter
		text += ": does the client trust the CA, and is the certificate for the host by which it has come?"
	case !strings.HasPrefix(text, "tls: "):
		return // it has gone
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(nil, Entry{Kind: Unsecured, Remote: c.RemoteAddr().String(), Text: text})
}

// isHTTP reports whether a client has begun with a request instead of a handshake.
func isHTTP(header [5]byte) bool {
	return slices.Contains([]string{"GET /", "HEAD ", "POST ", "PUT /", "PATCH", "DELET", "OPTIO"}, string(header[:]))
}
