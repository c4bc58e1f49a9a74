package shardmanager

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/handover"
	"github.com/signalbox-go/signalbox/internal/transport"
	"github.com/signalbox-go/signalbox/internal/zaplog"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// Option changes one setting of a Manager. New checks all of them together.
type Option func(*config)

// OptionError says which option New, or of a handler Start, cannot work with, and why.
type OptionError struct {
	Option  string // such as "WithIntents", or "token"
	Problem string // what is wrong and what to do
}

// Error names the option and the problem.
func (e *OptionError) Error() string { return "shardmanager: " + e.Option + ": " + e.Problem }

type config struct {
	identify    events.Identify
	optional    events.Intents // of identify's
	total       int
	ids         []int
	apiURL      string
	hosts       []string
	compression events.Compression
	netDial     func(ctx context.Context, network, addr string) (net.Conn, error)
	client      *http.Client
	tls         *tls.Config
	limiter     ratelimit.RateLimiter
	reserve     *int
	store       session.Store
	fresh       bool // stored sessions are not resumed
	standby     bool // shards wait to be adopted
	place       handover.Place
	placeErr    error // why there is none
	system      *actor.ActorSystem
	log         *zap.Logger
	queueLimit  int
	dialRate    int
	adviseFrom  int // guilds; 0: the default; below: nothing is advised
	deaf        *DeafSession
	drain       time.Duration
	hooks       []any
	tracer      Tracer // nil: nothing is followed

	props func(actors.Key) []actor.PropsOption
	seed  uint64

	intentsFromHandlers bool
	noGateway           bool // WithGateway was given none
	noStore             bool // WithSessionStore was given none
	noTLS               bool // WithTLS was given none
	nilOption           bool
}

const defaultAPIURL = "https://discord.com/api/v10"

// WithShards sets how many shards the bot has, and which of them run here: all if no ids are
// given. The default, and a total of 0 without ids, is as many as Discord recommends, all of them here. More than 65,536 are taken for a mistake.
func WithShards(total int, ids ...int) Option {
	return func(c *config) { c.total, c.ids = total, slices.Clone(ids) }
}

// WithPresence sets the presence that each session begins with. When an events.UpdatePresence sends another one, new sessions begin with
// that. A stored session that shows another presence is sent this one when it is resumed. The default is what a stored session has that
// is resumed, or else online.
func WithPresence(presence events.UpdatePresence) Option {
	return func(c *config) { c.identify.Presence = &presence }
}

// WithLargeThreshold sets from how many members on, 50 to 250, a guild is sent without its
// offline members. The default is Discord's, 50.
func WithLargeThreshold(members int) Option {
	return func(c *config) { c.identify.LargeThreshold = members }
}

// WithCapabilities sets the capabilities that Identify names. The default is not to name any.
func WithCapabilities(bits int64) Option {
	return func(c *config) { c.identify.Capabilities = bits }
}

// WithLogger sets where to log. The default, or nil, is stderr: warnings and errors, each on one line. zap.NewNop() silences
// them. Neither the token nor a session id is ever logged. A writer that blocks delays nothing: entries wait in a queue, and those
// that do not fit, or repeat more than ten times in a second for a shard, are left out and counted.
func WithLogger(log *zap.Logger) Option { return func(c *config) { c.log = log } }

// WithActorSystem sets the actor system in which supervisor and shards live, and which the
// caller shuts down. The default is one of the Manager's own.
func WithActorSystem(system *actor.ActorSystem) Option {
	return func(c *config) { c.system = system }
}

// WithRateLimiter sets who decides when something may be sent: for each connection, and for
// each Identify. It belongs to this Manager alone, which uses it on one goroutine. If it panics, that is logged, and
// the call is made again a second later. The default is ratelimit.Local, which knows of this process alone.
func WithRateLimiter(limiter ratelimit.RateLimiter) Option {
	return func(c *config) { c.limiter = limiter }
}

// WithIdentifyReserve sets how many of the Identifies of a day are never spent. The default is
// a tenth of them. It has no effect together with WithRateLimiter.
func WithIdentifyReserve(identifies int) Option {
	return func(c *config) { c.reserve = &identifies }
}

// WithCompression sets how the gateway compresses. The default is zstd-stream up to 1,000 shards in one
// process, and zlib-stream beyond: a zstd decoder costs half as much CPU an event, and once a large
// guild has come, several hundred KiB more memory a shard. docs/benchmarks.md has the figures.
func WithCompression(compression events.Compression) Option {
	return func(c *config) { c.compression = compression }
}

// zstdMost is up to how many shards in one process zstd is chosen: then its memory stays below 1 GiB.
const zstdMost = 1000

func compressionFor(shards int) events.Compression {
	if shards > zstdMost {
		return events.CompressionZlib
	}
	return events.CompressionZstd
}

// WithNetDial sets how connections to the gateway are made; TLS is spoken over them. The default is the net package's dialler, through
// the proxy that the environment names. A dial of your own goes through no proxy but its own. actors.DialOf tells from ctx for which shard
// it dials. If dial or one of its connections panics, that connection is lost, and the error is a *PanicError.
func WithNetDial(dial func(ctx context.Context, network, addr string) (net.Conn, error)) Option {
	return func(c *config) { c.netDial = dial }
}

// WithHTTPClient sets the client that asks for the gateway, with its own proxy and TLS, of which WithTLS changes nothing. The default, or
// nil, is http.DefaultClient with a transport of its own. Redirects are not followed, whatever the client says.
func WithHTTPClient(client *http.Client) Option { return func(c *config) { c.client = client } }

// WithAPIURL sets the REST base whose /gateway/bot is asked. The default is Discord's. Plain
// http is accepted for loopback hosts and those of WithGatewayHosts.
func WithAPIURL(base string) Option {
	return func(c *config) { c.apiURL = strings.TrimSuffix(base, "/") }
}

// WithGatewayHosts allows connections to hosts besides Discord's: a proxy, another server that
// speaks the protocol. The token is sent to them, and plain ws is accepted for them. Each is a name, which allows what is below it as well,
// or an IP address; with a port, such as "proxy.example:8443", it allows that one alone. Hosts of several options add up.
func WithGatewayHosts(hosts ...string) Option {
	return func(c *config) { c.hosts = append(c.hosts, hosts...) }
}

// WithQueueLimit sets how many send events may wait for one shard. The default is 1024. One
// more is refused with actors.ErrQueueFull.
func WithQueueLimit(sends int) Option { return func(c *config) { c.queueLimit = sends } }

// WithDialRate sets how many connections all shards together may begin to make in a second. The
// default is 250: ten thousand shards that were cut off at one instant are back within a minute,
// and do not all knock at once. Those that wait are Connecting, first come, first served; of those that a start resumes, the busiest first.
func WithDialRate(perSecond int) Option { return func(c *config) { c.dialRate = perSecond } }

// WithActorProps adds props, such as middleware or a dispatcher, to the actors: to the shards' by
// key, and to the supervisor's, whose key is the zero value. The default is none.
func WithActorProps(props func(actors.Key) []actor.PropsOption) Option {
	return func(c *config) { c.props = props }
}

// WithSeed makes the jitter of heartbeats and reconnects repeatable, for tests. The default, 0,
// is random: a fleet that was cut off at one instant must not come back at one.
func WithSeed(seed uint64) Option { return func(c *config) { c.seed = seed } }

// WithHooks adds hooks: see Hook.
func WithHooks(hooks ...Hook) Option {
	return func(c *config) {
		for _, hook := range hooks {
			c.hooks = append(c.hooks, hook)
		}
	}
}

// fill puts defaults where there is nil.
func (c *config) fill() {
	c.identify.Intents |= c.optional & events.IntentsAll
	if c.client == nil {
		c.client = defaultClient(c.tls)
	}
	if c.log == nil {
		c.log = zaplog.Stderr()
	}
}

// check reports everything that is wrong, each as an *OptionError.
func (c *config) check() error {
	var problems []error
	bad := func(option, format string, args ...any) {
		problems = append(problems, &OptionError{option, fmt.Sprintf(format, args...)})
	}
	c.checkMistakes(bad)
	token := c.identify.Token.Reveal()
	switch {
	case token == "":
		bad("token", "it is empty: pass the bot's token, from the developer portal")
	case strings.HasPrefix(token, "Bot ") || strings.HasPrefix(token, "Bearer "):
		bad("token", "it begins with a prefix that only the Authorization header of REST calls has: pass what stands after \"Bot \"")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		bad("token", "it has characters that no token has: look for spaces and line ends")
	}
	if unknown := c.identify.Intents.Unknown(); unknown != 0 {
		bad("WithIntents", "no intent has the bits %v", unknown)
	}
	if unknown := c.optional.Unknown(); unknown != 0 {
		bad("WithOptionalIntents", "no intent has the bits %v", unknown)
	}
	if c.total > maxShards {
		bad("WithShards", "a total of %d: more than %d shards are a mistake: use fewer", c.total, maxShards)
	} else if c.total < 0 || c.total == 0 && len(c.ids) > 0 {
		bad("WithShards", "a total of %d: use at least 1, or leave the option out to do as Discord recommends", c.total)
	}
	seen := make(map[int]bool)
	for _, id := range c.ids {
		if id < 0 || c.total > 0 && id >= c.total {
			bad("WithShards", "shard %d is not within the total of %d: its shards are 0 to %d", id, c.total, c.total-1)
		} else if seen[id] {
			bad("WithShards", "shard %d is named twice", id)
		}
		seen[id] = true
	}
	switch c.compression {
	case "", events.CompressionNone, events.CompressionPayload, events.CompressionZlib, events.CompressionZstd:
	default:
		bad("WithCompression", "%.32q is not known: use one of the events.Compression constants", c.compression)
	}
	for _, hook := range c.hooks {
		if err := checkHook(hook); err != nil {
			bad("WithHooks", "%v", err)
		}
	}
	if c.noGateway {
		bad("WithGateway", "it is nil: pass a gateway that has been started, such as a *gatewaytest.Server")
	}
	if c.noTLS {
		bad("WithTLS", "it is nil: leave the option out for the system's roots, or pass a configuration")
	}
	if base, err := url.Parse(c.apiURL); err != nil || base.Hostname() == "" || base.User != nil || strings.ContainsAny(c.apiURL, "?#") {
		bad("WithAPIURL", "%s is not a full URL without user and query: pass one such as %q", shownURL(c.apiURL), defaultAPIURL)
	} else if base.Scheme != "https" && !(base.Scheme == "http" && (loopback(base.Hostname()) || transport.Listed(base, c.hosts))) {
		bad("WithAPIURL", "the token would travel in the clear: use https, or allow the host by WithGatewayHosts")
	}
	if c.reserve != nil && *c.reserve < 0 {
		bad("WithIdentifyReserve", "%d: use 0 or more", *c.reserve)
	}
	if c.queueLimit < 0 {
		bad("WithQueueLimit", "%d: use 1 or more, or 0 for the default", c.queueLimit)
	}
	if c.dialRate < 0 {
		bad("WithDialRate", "%d: use 1 or more, or 0 for the default", c.dialRate)
	}
	if c.deaf != nil {
		if err := c.deaf.Validate(); err != nil {
			bad("WithDeafSessionPolicy", "%v", err)
		}
	}
	if request, err := c.identify.Request(); err != nil {
		bad("WithPresence or WithLargeThreshold", "%v", err)
	} else if _, err := request.Payload(); err != nil {
		bad("WithPresence", "Identify would not fit: %v", err)
	}
	return errors.Join(problems...)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
