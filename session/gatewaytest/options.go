package gatewaytest

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// Option changes one setting of a Server.
type Option func(*settings)

// OptionError says which option cannot be used, and what to do instead.
type OptionError struct {
	Option  string
	Problem string
}

// Error implements error.
func (e *OptionError) Error() string { return "gatewaytest: " + e.Option + ": " + e.Problem }

type settings struct {
	virtual        bool
	strict         bool
	exact          bool
	parallel       bool
	addr           string
	shards         int
	concurrency    int
	total          int
	remaining      int
	resetAfter     time.Duration
	interval       time.Duration
	token          string
	guildsPerShard int
	guilds         []events.Snowflake
	members        int
	intents        events.Intents
	resumeTimeout  time.Duration
	replay         int
	split          int
	trace          func(Entry)
	listener       net.Listener
	resumeURL      string
	publicURL      string
	tls            *tls.Config
	noTLS          bool // WithTLS was given none
	rest           http.Handler
	recording      io.Reader
	calls          int
	callsPer       time.Duration
}

func defaults() settings {
	return settings{
		addr: "127.0.0.1:0", shards: 1, concurrency: 1, total: 1000, remaining: 1000, resetAfter: 24 * time.Hour,
		interval: 41250 * time.Millisecond, members: 3, intents: allIntents,
		resumeTimeout: 3 * time.Minute, replay: 100_000, calls: globalCalls, callsPer: time.Second,
	}
}

func (s *settings) check() error {
	_, publicProblem := publicURL(s.publicURL)
	for _, rule := range []struct {
		broken          bool
		option, problem string
	}{
		{s.shards < 1, "WithShards", "recommend at least 1"},
		{s.concurrency < 1, "WithMaxConcurrency", "give at least 1 key"},
		{s.total < 0 || s.remaining < 0 || s.resetAfter <= 0, "WithSessionStarts", "no number is negative, and the time until the reset is positive"},
		{s.interval < time.Millisecond, "WithHeartbeatInterval", "Hello tells milliseconds: give at least one"},
		{s.guildsPerShard < 0, "WithGuildsPerShard", "give 0 or more"},
		{s.members < 0, "WithMembers", "give 0 or more"},
		{s.intents&^allIntents != 0, "WithAllowedIntents", "there is no such intent: use the constants of package events"},
		{s.resumeTimeout < 0, "WithResumeTimeout", "give 0 or more"},
		{s.replay < 0, "WithReplayBuffer", "give 0 or more"},
		{s.virtual && s.listener != nil, "WithListener", "leave out WithVirtualNetwork: the listener is the network"},
		{s.publicURL != "" && publicProblem != "", "WithPublicURL", publicProblem},
		{s.noTLS, "WithTLS", "it is nil: leave the option out, or pass a configuration, such as that of SelfSigned"},
		{s.tls != nil && len(s.tls.Certificates) == 0, "WithTLS", "it has no Certificates: load one by tls.LoadX509KeyPair, or take the configuration of SelfSigned"},
		{s.calls < 1 || s.callsPer <= 0, "WithCallLimit", "give at least 1 call, and a positive time"},
		{s.split < 0, "WithSplitFrames", "give 0, for whole messages, or more"},
	} {
		if rule.broken {
			return &OptionError{rule.option, rule.problem}
		}
	}
	return nil
}

// WithVirtualNetwork makes a server without a port, which is reached by DialContext and Client
// alone, and which works inside a testing/synctest bubble. It must be made inside the bubble.
func WithVirtualNetwork() Option { return func(s *settings) { s.virtual = true } }

// WithStrict makes a server of NewServer fail its test, at the end, for each violation.
func WithStrict() Option { return func(s *settings) { s.strict = true } }

// WithExact makes a server take only what Discord documents of API version 10, to the letter and to the millisecond. Without it
// the server takes what Discord does as well: API versions 9 and, as if they were 10, 6 to 8; a URL without v or encoding; JSON in
// binary frames; a heartbeat without d; a string in Identify's compress; a list of one in the guild_id of Request Guild Members; and
// Identifies that come up to 250 ms too early, as the network makes them. All but that and version 9 is told to WithTrace, as [Noted].
// Of what the server sends only READY differs: without WithExact it has private_channels, an empty list, as Discord's does.
func WithExact() Option { return func(s *settings) { s.exact = true } }

// WithParallelSessions lets a shard have several sessions at once, as Discord does. Without it a
// second one, beside one whose client is there, is a violation: most bots do not mean it. Sessions
// of different totals are never one.
func WithParallelSessions() Option { return func(s *settings) { s.parallel = true } }

// WithAddr sets where to listen. The default is a free port of 127.0.0.1.
func WithAddr(addr string) Option { return func(s *settings) { s.addr = addr } }

// WithShards sets how many shards discovery recommends. The default is 1.
func WithShards(recommended int) Option { return func(s *settings) { s.shards = recommended } }

// WithMaxConcurrency sets how many keys Identifies have. The default is 1.
func WithMaxConcurrency(keys int) Option { return func(s *settings) { s.concurrency = keys } }

// WithSessionStarts sets the daily budget of Identifies. The default is 1000, none of them spent.
func WithSessionStarts(total, remaining int, resetAfter time.Duration) Option {
	return func(s *settings) { s.total, s.remaining, s.resetAfter = total, remaining, resetAfter }
}

// WithHeartbeatInterval sets the interval that Hello tells. The default is 41.25 s.
func WithHeartbeatInterval(interval time.Duration) Option {
	return func(s *settings) { s.interval = interval }
}

// WithToken sets the one token that is accepted. The default is any.
func WithToken(token string) Option { return func(s *settings) { s.token = token } }

// WithGuilds sets the bot's guilds. Each shard has those that are its own.
func WithGuilds(guilds ...events.Snowflake) Option {
	return func(s *settings) { s.guilds = append(s.guilds, guilds...) }
}

// WithGuildsPerShard gives every shard n guilds of its own: see GuildOf. The default is none.
// Requests about other guilds are answered too, if they reach the shard that they belong to.
func WithGuildsPerShard(n int) Option { return func(s *settings) { s.guildsPerShard = n } }

// WithMembers sets how many members each guild has. The default is 3. The members' ids are 1
// to n, their names member-1 to member-n. The bot is one more: member_count counts it, and lists of members have it only when
// it is asked for by its id.
func WithMembers(n int) Option { return func(s *settings) { s.members = n } }

// WithAllowedIntents sets the intents that the application may ask for: the flags of GET /applications/@me tell of them, and an Identify with
// others is closed with 4014, and a violation. The default is all. See [Server.SetAllowedIntents].
func WithAllowedIntents(intents events.Intents) Option {
	return func(s *settings) { s.intents = intents }
}

// WithResumeTimeout sets how long a session outlives its connection. The default is 3 minutes.
func WithResumeTimeout(d time.Duration) Option { return func(s *settings) { s.resumeTimeout = d } }

// WithReplayBuffer sets how many dispatches a session keeps for a Resume. The default is
// 100,000. A Resume that needs an older one is answered with op 9.
func WithReplayBuffer(dispatches int) Option { return func(s *settings) { s.replay = dispatches } }

// WithSplitFrames makes the server send zlib-stream messages in frames of at most n bytes. The
// default is 0: each in one frame.
func WithSplitFrames(n int) Option { return func(s *settings) { s.split = n } }

// WithResumeURL sets the URL that READY tells for a Resume, such as that of a proxy. The default
// is an address of its own on a virtual network, and else the server's.
func WithResumeURL(url string) Option { return func(s *settings) { s.resumeURL = url } }

// WithREST has h answer the REST calls that the server itself does not, such as those about webhooks of your own. It sees
// paths without /api and the version, so that its ServeMux has patterns like "PUT /channels/{id}/pins/{message}". What it
// needs of authorization is its own affair. Without it such calls get 404.
func WithREST(h http.Handler) Option { return func(s *settings) { s.rest = h } }

// WithCallLimit sets how many calls a bot may make in each bucket: a route, for each channel, guild or webhook. The default
// is 50 in 1 s, as many as it may make in all, since Discord documents no other number. See [Server.LimitCalls].
//
// Source: topics/rate-limits
func WithCallLimit(calls int, per time.Duration) Option {
	return func(s *settings) { s.calls, s.callsPer = calls, per }
}

// GuildOf is the nth guild of a shard, as WithGuildsPerShard makes them.
func GuildOf(shard events.ShardID, n int) events.Snowflake {
	return events.Snowflake(uint64(shard.Index+shard.Total*(n+1)) << 22)
}
