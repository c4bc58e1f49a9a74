package actors

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"reflect"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/internal/transport"
	"github.com/signalbox-go/signalbox/internal/zaplog"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// SupervisorConfig is what a supervisor and its shards need. Identify.Token, URL and Limiter are
// required; the zero value of anything else is its default.
type SupervisorConfig struct {
	Identify events.Identify // Token, Intents, Presence, …; Shard is filled in for each shard
	// OptionalIntents are those of Identify.Intents that sessions begin without once the gateway refuses them (close code 4014): one Identify
	// finds out for all shards, and LeaveOut may say which; 5 s later all are left out. 0: 4014 ends a shard. LeftOut are those of them that
	// are left out from the start.
	OptionalIntents, LeftOut events.Intents
	URL                      string // of the gateway, as discovery gave it
	Limiter                  ratelimit.RateLimiter
	// SessionStart is what the Limiter is told before all else; the zero value: it knows. See UpdateSessionStart.
	SessionStart ratelimit.SessionStart

	Compression  events.Compression                                                // empty: zstd-stream
	NetDial      func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the net package's
	TLS          *tls.Config                                                       // of connections to the gateway, whoever dials; it is copied. nil: the system's roots
	GatewayHosts []string                                                          // hosts besides Discord's that may be connected to

	// QueueLimit is how many send events may wait for one shard; 0: 1024.
	QueueLimit int
	// Bus carries received events to those who subscribe; nil: one of the supervisor's own, for actors that subscribe.
	Bus *Bus
	// Board is where to show how the shards stand; nil: one of the supervisor's own. It belongs to one supervisor.
	Board *Board
	// Changed is told every change of state while the shard's actor waits for it: it must not block. What it panics with is logged.
	Changed func(Key, session.Change)
	// Observers are told of occurrences; nil: there are none.
	Observers *Observers
	// Logger is written to on a goroutine of its own, through a queue of 1,024 entries: one that blocks or panics delays nothing. nil: silent.
	Logger *zap.Logger
	// ShardProps are further props of a shard's actor: middleware, a dispatcher. nil: none.
	ShardProps func(Key) []actor.PropsOption
	// Seed makes the jitter of heartbeats and reconnects repeatable, for tests. 0: it is random.
	Seed uint64
	// DeafSession is what is done about sessions that hear nothing any more; nil: nothing.
	DeafSession *DeafSession
	// DialRate is how many dials may begin in a second, of all shards together; 0: 250.
	DialRate int
}

// DefaultQueueLimit is the default of SupervisorConfig.QueueLimit.
const DefaultQueueLimit = 1024

// Bus carries received events from the shards to subscribers. It is opaque: package shardmanager makes one for its Manager. Everybody
// else leaves SupervisorConfig.Bus nil, and subscribes with Subscribe or Supervisor.Handle.
type Bus = bus.Bus

// ConfigError says what in a SupervisorConfig cannot work, and why.
type ConfigError struct {
	Field   string // such as "Identify.Token"
	Problem string // what is wrong and what to do
}

// Error names the field and the problem.
func (e *ConfigError) Error() string { return "actors: SupervisorConfig." + e.Field + " " + e.Problem }

// check completes cfg, or says what in it cannot work.
func (cfg *SupervisorConfig) check() error {
	if cfg.Identify.Token == "" {
		return &ConfigError{"Identify.Token", "is empty: set the bot's token"}
	}
	if unknown := cfg.Identify.Intents.Unknown(); unknown != 0 {
		return &ConfigError{"Identify.Intents", fmt.Sprintf("has bits that no intent has: %v", unknown)}
	}
	if cfg.URL == "" {
		return &ConfigError{"URL", "is empty: ask GET /gateway/bot for it"}
	}
	if v := reflect.ValueOf(cfg.Limiter); cfg.Limiter == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		return &ConfigError{"Limiter", "is nil: use ratelimit.Local with what GET /gateway/bot says"}
	}
	for _, host := range cfg.GatewayHosts {
		if err := transport.CheckHost(host); err != nil {
			return &ConfigError{"GatewayHosts", fmt.Sprintf("has %.64q, which %v", host, err)}
		}
	}
	if d := cfg.DeafSession; d != nil {
		if err := d.Validate(); err != nil {
			return &ConfigError{"DeafSession", "cannot work: " + err.Error()}
		}
	}
	if cfg.QueueLimit < 0 {
		return &ConfigError{"QueueLimit", fmt.Sprintf("is %d: use 1 or more, or 0 for the default", cfg.QueueLimit)}
	}
	if cfg.DialRate < 0 {
		return &ConfigError{"DialRate", fmt.Sprintf("is %d: use 1 or more, or 0 for the default", cfg.DialRate)}
	}
	if cfg.QueueLimit == 0 {
		cfg.QueueLimit = DefaultQueueLimit
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	cfg.Logger, _ = zaplog.Wrap(cfg.Logger)
	if cfg.Observers == nil {
		cfg.Observers = new(Observers)
	}
	if cfg.Board == nil {
		cfg.Board = NewBoard()
	}
	if cfg.Bus == nil {
		cfg.Bus = newBus(cfg.Logger, cfg.Identify.Token, cfg.Board)
	}
	cfg.Identify.Compress = cfg.Compression == events.CompressionPayload
	return nil
}

// newBus is a bus for those who bring none.
func newBus(log *zap.Logger, token events.Secret, board *Board) *Bus {
	report := func(what string, meta events.Meta, reason string, more ...zap.Field) {
		log.Error(what, append(more, zap.Stringer("shard", meta.Key()), zap.Int64("seq", meta.Seq), zap.String("reason", reason))...)
	}
	return bus.New(bus.Config{
		HighWater: 4096, LowWater: 2048,
		Panicked: func(handler string, _ *events.Raw, meta events.Meta, value any) {
			report("a handler panicked", meta, foreign.TextWithout(value, append(board.secrets(meta.Key()), token.Reveal())...), zap.String("handler", handler))
		},
		Failed: func(_ *events.Raw, meta events.Meta, err error) {
			report("an event was not decoded", meta, fmt.Sprintf("%T", err))
		},
	})
}
