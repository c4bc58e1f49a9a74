package dashboard

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
)

const (
	leastToken     = 16 // bytes of a token
	defaultViewers = 32
	defaultStream  = "stream"
)

// Option changes one setting of a Dashboard. New checks all of them together.
type Option func(*config)

type config struct {
	token, control       string
	hasToken, hasControl bool
	authentic            func(*http.Request) bool
	hasAuthentic         bool
	sends                *Sends
	recorder             FlightRecorder
	hasRecorder          bool
	viewers              int
	stream               string
	title                string
	log                  *zap.Logger
	nilOption            bool
}

// WithToken has everything but the empty page ask for a token, as "Authorization: Bearer …"; the page asks the viewer for it, and keeps it while its tab is open. It needs
// 16 bytes or more. Then peers beyond this machine are served as well: use TLS between them and the handler. The default is none, and then only this machine is served.
func WithToken(token string) Option {
	return func(c *config) { c.token, c.hasToken = token, true }
}

// WithControl allows the verbs (restart, new session, pause, unpause, drain, rolling restart), to requests that have this token as "Authorization: Bearer …". It needs 16
// bytes or more, and must not be that of WithToken; whoever has it may read as well. The default is that nothing can be changed.
func WithControl(token string) Option {
	return func(c *config) { c.control, c.hasControl = token, true }
}

// WithAuthentication has f say for each request whether it may read, also for the page itself: for programs that know their users already. Peers beyond this machine are
// served then, and f is all that protects the page from them. It is called on the request's goroutine, by many at a time; if it panics, the request is refused. Verbs need
// the token of WithControl all the same. The default is none.
func WithAuthentication(f func(*http.Request) bool) Option {
	return func(c *config) { c.authentic, c.hasAuthentic = f, true }
}

// WithSends shows what became of send events, and how many each shard has sent in the last minute: sends is a hook of the Manager as well. The default is that the page
// shows neither.
func WithSends(sends *Sends) Option { return func(c *config) { c.sends = sends } }

// FlightRecorder writes down what it has kept of a shard. A *recorder.Recorder is one.
type FlightRecorder interface {
	DumpTo(w io.Writer, shards ...actors.Key) error
}

// WithRecorder has the page offer what a flight recorder has of a shard, as a file, to those who have the token of WithControl: of what is on it nobody needs all to look
// at the page. The default is that there is none.
func WithRecorder(r FlightRecorder) Option {
	return func(c *config) { c.recorder, c.hasRecorder = r, true }
}

// WithViewers sets how many may have the stream open at the same time. One more is refused with 503. The default, 0, is 32.
func WithViewers(n int) Option { return func(c *config) { c.viewers = n } }

// WithStreamAt tells the page where Stream is mounted, if it is not beside it: a path of the same origin, such as "/events/shards", or one that is relative to the page.
// The default, "", is "stream", where the Dashboard itself serves it.
func WithStreamAt(path string) Option { return func(c *config) { c.stream = path } }

// WithTitle names the bot on the page. The default is "Shards".
func WithTitle(title string) Option { return func(c *config) { c.title = title } }

// WithLogger sets where each verb that was asked for is logged, with who asked and what came of it. The default, or nil, is nowhere.
func WithLogger(log *zap.Logger) Option { return func(c *config) { c.log = log } }

// OptionError says which option New cannot work with, and why.
type OptionError struct {
	Option  string // such as "WithToken"
	Problem string // what is wrong and what to do
}

// Error names the option and the problem.
func (e *OptionError) Error() string { return fmt.Sprintf("dashboard: %s: %s", e.Option, e.Problem) }

// check says all that is wrong, and fills in defaults.
func (c *config) check() error {
	var all []error
	wrong := func(is bool, option, problem string) {
		if is {
			all = append(all, &OptionError{option, problem})
		}
	}
	wrong(c.nilOption, "New", "an option is nil: leave it out")
	wrong(c.hasToken && len(c.token) < leastToken, "WithToken", fmt.Sprintf("the token has %d bytes: use %d or more, at random", len(c.token), leastToken))
	wrong(c.hasControl && len(c.control) < leastToken, "WithControl", fmt.Sprintf("the token has %d bytes: use %d or more, at random", len(c.control), leastToken))
	wrong(c.hasToken && c.hasControl && c.token == c.control, "WithControl", "it is the token of WithToken: whoever may look could change things: use another")
	wrong(c.hasAuthentic && c.authentic == nil, "WithAuthentication", "the function is nil: leave the option out")
	v := reflect.ValueOf(c.recorder)
	wrong(c.hasRecorder && (c.recorder == nil || v.Kind() == reflect.Pointer && v.IsNil()), "WithRecorder", "it is nil: leave the option out")
	wrong(c.hasRecorder && !c.hasControl, "WithRecorder", "nobody could have what it has: give WithControl as well")
	wrong(c.viewers < 0, "WithViewers", fmt.Sprintf("%d viewers: use 1 or more, or 0 for the default", c.viewers))
	if u, err := url.Parse(c.stream); err != nil || u.Host != "" || u.Scheme != "" {
		wrong(true, "WithStreamAt", "it is no path: use one of the same origin, such as \"/events/shards\"")
	}
	if c.viewers == 0 {
		c.viewers = defaultViewers
	}
	if c.stream == "" {
		c.stream = defaultStream
	}
	if c.title == "" {
		c.title = "Shards"
	}
	if c.log == nil {
		c.log = zap.NewNop()
	}
	return errors.Join(all...)
}
