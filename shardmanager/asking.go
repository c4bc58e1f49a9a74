package shardmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/internal/transport"
)

// askGateway asks once, when its turn comes.
func (m *Manager) askGateway(ctx context.Context) (gateway, error) {
	if err := m.askTurn(ctx); err != nil {
		return gateway{}, err
	}
	return m.askInTurn(ctx)
}

// askInTurn asks once, now.
func (m *Manager) askInTurn(ctx context.Context) (gateway, error) {
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	path, response, body, err := m.get(ctx, "/gateway/bot")
	failed := &DiscoveryError{Path: path, Err: err}
	if response == nil {
		failed.Err, failed.fatal = unreached(err)
		return gateway{}, failed
	}
	failed.Status = response.StatusCode
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		return gateway{}, ErrAuthentication
	case response.StatusCode != http.StatusOK:
		failed.Until = retryAfter(response.Header)
		failed.Err, failed.fatal = statusProblem(response)
		failed.fatal = failed.fatal && (failed.Until.IsZero() || response.StatusCode < 400)
		return gateway{}, failed
	case err != nil:
		return gateway{}, failed
	}
	var found gateway
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(body, &found); {
	case len(body) > discoveryBody:
		failed.Err, failed.fatal = hint("the answer is too long for a gateway's"), true
	case errors.As(err, &syntax) && syntax.Offset >= int64(len(body)):
		failed.Err = fmt.Errorf("the answer breaks off: %w", err)
	case errors.As(err, &syntax):
		failed.Err, failed.fatal = hint("the answer is no JSON"), true
	case err != nil:
		failed.Err, failed.fatal = hint("the answer is not a gateway's: %w", err), true
	case found.URL == "" || found.Shards < 1 || found.Limit.Total < 1:
		failed.Err, failed.fatal = hint("the answer lacks url, shards or session_start_limit"), true
	case found.Shards > maxShards && m.cfg.total == 0:
		failed.Err, failed.fatal = fmt.Errorf("it recommends %d shards: more than %d are a mistake; name the total by WithShards", found.Shards, maxShards), true
	default:
		if _, err := transport.CheckURL(found.URL, transport.Config{Hosts: m.cfg.hosts}); err != nil {
			return gateway{}, fmt.Errorf("shardmanager: the gateway's URL: %w", err)
		}
		if found.Shards > maxShards {
			found.Shards = 0 // it is nobody's recommendation
		}
		return found, nil
	}
	return gateway{}, failed
}

// get asks the REST API with the bot's token, once. Without a response, or with one of which not all came, there is an error. path is that of the
// whole URL.
func (m *Manager) get(ctx context.Context, of string) (path string, response *http.Response, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.cfg.apiURL+of, nil)
	if err != nil {
		return of, nil, nil, err
	}
	request.Header.Set("Authorization", "Bot "+m.cfg.identify.Token.Reveal())
	request.Header.Set("User-Agent", transport.UserAgent)
	client := *m.cfg.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	type reply struct {
		response *http.Response // nil: there was none
		body     []byte
	}
	// All of it is the user's code: the transport, the cookie jar, and the body that the transport has made.
	answer, err := heeding(ctx, "the client of WithHTTPClient", func() (r reply, err error) {
		if r.response, err = client.Do(request); err != nil {
			return reply{}, err
		}
		defer r.response.Body.Close()
		r.body, err = io.ReadAll(io.LimitReader(r.response.Body, discoveryBody+1))
		return r, err
	})
	return request.URL.Path, answer.response, answer.body, err
}

// hint says what is wrong with what the REST base is taken for.
func hint(format string, args ...any) error {
	return fmt.Errorf(format+": WithAPIURL must be a REST base, such as %q", append(args, defaultAPIURL)...)
}

// unreached says why there was no answer, and whether there will be none.
func unreached(err error) (cause error, fatal bool) {
	if at, ok := err.(*url.Error); ok { // which says again what was asked
		err = at.Err
	}
	var proxy *transport.ProxyError
	if errors.As(err, &proxy) {
		return err, !heals(proxy.Status)
	}
	if problem := transport.TLSProblem(err); problem != "" {
		return &problemError{problem, err}, true
	}
	return err, false
}

// problemError says what err means.
type problemError struct {
	problem string
	err     error
}

func (e *problemError) Error() string { return e.problem }
func (e *problemError) Unwrap() error { return e.err }

// heals reports whether a status may be another one later.
func heals(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status == http.StatusTooEarly
}

// statusProblem says what a status other than 200 means, and whether it is for good.
func statusProblem(response *http.Response) (cause error, fatal bool) {
	status := response.StatusCode
	switch {
	case heals(status):
		return nil, false
	case status >= 300 && status < 400:
		where := "somewhere else"
		if to, err := response.Location(); err == nil && to.Host != "" {
			where = oneLine(to.Scheme+"://"+to.Host, 80) // the rest may be secret
		}
		return hint("it redirects to %s, which is not followed", where), true
	case status == http.StatusForbidden:
		return errors.New("access is refused: look at WithAPIURL, and at proxies and firewalls in between"), true
	case status == http.StatusProxyAuthRequired:
		return errors.New("the proxy wants to know who asks: put user and password into the proxy's URL"), true
	}
	return hint("no gateway is there"), true
}

// oneLine is text without line ends, cut.
func oneLine(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// retryAfter reads the header, in seconds; zero: there is none.
func retryAfter(header http.Header) time.Time {
	const day = 24 * 60 * 60
	seconds, err := strconv.ParseFloat(header.Get("Retry-After"), 64)
	if err != nil || !(seconds >= 0) {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(min(seconds, day) * float64(time.Second)))
}
