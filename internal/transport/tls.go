package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
)

// passing are the alerts that say nothing of either side's settings: the next handshake may succeed.
//
// Source: RFC 8446, section 6.2
var passing = map[string]bool{"tls: internal error": true, "tls: user canceled": true, "tls: bad record MAC": true}

// TLSProblem tells what keeps a TLS connection from coming about until somebody mends it, such as a certificate that is not
// trusted, and what to do; empty: err is nothing of the kind. It shows no name and no address.
func TLSProblem(err error) string {
	var (
		unknown  x509.UnknownAuthorityError
		name     x509.HostnameError
		invalid  x509.CertificateInvalidError
		verify   *tls.CertificateVerificationError
		record   tls.RecordHeaderError
		alert    *net.OpError
		noRoots  x509.SystemRootsError
		problems = []struct {
			is   bool
			text string
		}{
			{errors.As(err, &unknown), "the server's certificate is not trusted: it is signed by an unknown authority; if that is yours, or a proxy's that opens TLS, add its CA to RootCAs of WithTLS"},
			{errors.As(err, &name), "the server's certificate is not trusted: it is for another name; look at the URL, or set ServerName of WithTLS"},
			{errors.As(err, &invalid) && invalid.Reason == x509.Expired, "the server's certificate is not trusted: it has expired or is not yet valid; look at this machine's clock"},
			{errors.As(err, &noRoots), "no certificate can be trusted: this machine has no CA certificates; install them (ca-certificates), or set RootCAs of WithTLS"},
			{errors.As(err, &invalid) || errors.As(err, &verify), "the server's certificate is not trusted: it is not valid"},
			{errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch), "the server does not speak TLS: look at the URL, or at a proxy in between"},
		}
	)
	for _, each := range problems {
		if each.is {
			return each.text
		}
	}
	if errors.As(err, &alert) && (alert.Op == "remote error" || alert.Op == "local error") && !passing[alert.Err.Error()] { // as crypto/tls tells alerts
		return "the TLS handshake was refused: " + strings.TrimPrefix(alert.Err.Error(), "tls: ") + "; look at the certificate and the versions of WithTLS"
	}
	return ""
}
