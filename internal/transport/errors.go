package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/session"
)

// ErrMessageTooLarge is what Read ends in when a message exceeds a limit of Config.
var ErrMessageTooLarge = fmt.Errorf("transport: %w", session.ErrTooLarge)

var errNoConn = errors.New("NetDial returned no connection")

// DialError says in which way a connection could not be made. It shows no address.
type DialError struct {
	Status     int           // of HTTP, if the server refused the upgrade, or a proxy to connect
	RetryAfter time.Duration // what it asked for then
	reason     string
	err        error
}

// Error tells the reason.
func (e *DialError) Error() string { return "transport: dial: " + e.reason }

// Is compares with the underlying error, which is not shown, since it may name the address.
func (e *DialError) Is(target error) bool { return errors.Is(e.err, target) }

// As finds what has panicked instead of dialling. Nothing else of the underlying error is shown.
func (e *DialError) As(target any) bool {
	panicked, ok := target.(**foreign.PanicError)
	return ok && errors.As(e.err, panicked)
}

// Timeout reports whether the time was up.
func (e *DialError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.err, &t) && t.Timeout()
}

func dialError(err error, response *http.Response) error {
	failed := &DialError{err: err}
	if response != nil {
		_, _ = io.CopyN(io.Discard, response.Body, 64<<10) // so that the connection can end in order
		_ = response.Body.Close()
		failed.Status = response.StatusCode
		failed.reason = "the server refused with status " + statusText(response.StatusCode)
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
			failed.RetryAfter = time.Duration(min(seconds, 24*60*60)) * time.Second
		}
		return failed
	}
	var refused *ProxyError
	if errors.As(err, &refused) {
		failed.Status = refused.Status
	}
	failed.reason = reason(err)
	return failed
}

// reason is in which way a dial has failed, without the address.
func reason(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var urlErr *url.Error
	var panicked *foreign.PanicError
	var refused *ProxyError
	var through *throughProxyError
	var timeout interface{ Timeout() bool }
	var header textproto.ProtocolError
	switch {
	case errors.As(err, &panicked):
		return panicked.Error()
	case errors.As(err, &refused):
		return refused.Error()
	case errors.Is(err, errNoConn):
		return errNoConn.Error()
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &through):
		return "the proxy: " + reason(through.err)
	case errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	case TLSProblem(err) != "":
		return TLSProblem(err)
	case errors.As(err, &dns):
		return "the host's name cannot be resolved"
	case errors.As(err, &op):
		return op.Op + ": " + withoutAddresses(op.Err.Error())
	case errors.As(err, &urlErr):
		return withoutAddresses(urlErr.Err.Error())
	case errors.Is(err, websocket.ErrBadHandshake):
		return "bad handshake"
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection ended during the handshake"
	}
	text := err.Error()
	if strings.HasPrefix(text, "malformed ") || errors.As(err, &header) { // of net/http, which quotes the server
		return "the answer is not HTTP"
	}
	return withoutAddresses(text)
}

// addresses are URLs, IP addresses and hosts' names, with a port or without.
var addresses = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://\S+|\[?[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:%\w+)?\]?(?::\d+)?|\d+(?:\.\d+){3}(?::\d+)?|(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]+(?::\d+)?`)

// withoutAddresses is an error's text, which may be that of a user's dialler, cut, and without what may be secret.
func withoutAddresses(text string) string {
	const most = 200
	text = addresses.ReplaceAllString(printable(text), "…")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// readError hides the addresses that errors of the net package show.
type readError struct{ err error }

func (e *readError) Unwrap() error { return e.err }

func (e *readError) Error() string {
	text := "connection lost"
	var op *net.OpError
	var panicked *foreign.PanicError
	switch {
	case errors.As(e.err, &panicked):
		text += ": " + panicked.Error()
	case errors.As(e.err, &op):
		text += ": " + op.Op + ": " + withoutAddresses(op.Err.Error())
	case errors.Is(e.err, io.EOF) || errors.Is(e.err, io.ErrUnexpectedEOF) || websocket.IsCloseError(e.err, websocket.CloseAbnormalClosure):
		text += ": it ended without a close frame"
	case websocket.IsCloseError(e.err, websocket.CloseNoStatusReceived):
		text += ": it was closed without a code"
	case errors.Is(e.err, net.ErrClosed) || errors.Is(e.err, io.ErrClosedPipe):
		text += ": closed here"
	default:
		text += ": " + withoutAddresses(e.err.Error())
	}
	return "transport: " + text
}

func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == '\u007f' || r == '\uFFFD' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}
