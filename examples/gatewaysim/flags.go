package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// tokenVariable is the environment's variable that gives the token.
const tokenVariable = "GATEWAYSIM_TOKEN"

// options are what the flags say.
type options struct {
	addr, publicURL             string
	tls                         bool
	tlsHosts                    words
	tlsCA, tlsCert, tlsKey      string
	token, tokenFile            string
	exact                       bool
	shards, concurrency         int
	budget                      budget
	intents                     intents
	guilds, members             int
	heartbeat, resumeTimeout    time.Duration
	replay                      int
	calls                       callLimit
	events                      int
	say                         string
	seed                        uint64
	length                      time.Duration
	quiet, json, trace, version bool
	outside                     outside
	given                       map[string]bool // which flags were
}

// flags are all flags, with their defaults, as they are read into o.
func (o *options) flags() *flag.FlagSet {
	o.budget = budget{1000, 1000, 24 * time.Hour}
	o.intents, o.calls = intents(events.IntentsAll), callLimit{50, time.Second}
	fs := flag.NewFlagSet("gatewaysim", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // run prints errors, and help
	fs.Usage = func() {}

	fs.StringVar(&o.addr, "addr", "127.0.0.1:8080", "`host:port` to listen on; port 0 is a free one; host 0.0.0.0 is every address of this machine")
	fs.StringVar(&o.publicURL, "public-url", "", "`URL` of the gateway that clients are told, such as wss://gateway.example.test, behind a proxy; default: where it listens, or behind 0.0.0.0 the host by which the client has come")
	fs.BoolVar(&o.tls, "tls", false, "speak TLS (https and wss, on the one port) with a certificate for localhost, 127.0.0.1, ::1 and the host of -public-url that is made at each start")
	fs.Var(&o.tlsHosts, "tls-host", "further `hosts` that the certificate of -tls is for, separated by commas")
	fs.StringVar(&o.tlsCA, "tls-ca", "", "`file` to which the CA of -tls is written as PEM, for clients that are to trust it")
	fs.StringVar(&o.tlsCert, "tls-cert", "", "`file` with a certificate of your own (PEM, with its chain), instead of -tls")
	fs.StringVar(&o.tlsKey, "tls-key", "", "`file` with the key of -tls-cert (PEM)")

	fs.StringVar(&o.token, "token", "", "the one `token` that is accepted, without \"Bot \"; never a real one; default: any is accepted")
	fs.StringVar(&o.tokenFile, "token-file", "", "`file` with the token, instead of -token; the environment's "+tokenVariable+" is another way")
	fs.BoolVar(&o.exact, "exact", false, "take only what Discord documents, to the letter and to the millisecond")
	fs.IntVar(&o.shards, "shards", 4, "how many shards GET /gateway/bot recommends")
	fs.IntVar(&o.concurrency, "max-concurrency", 1, "max_concurrency of the session start limit")
	fs.Var(&o.budget, "budget", "session starts as `total,remaining,reset`; what is left out at the end is: all of them, 24h")
	fs.Var(&o.intents, "intents", "`intents` that the application may ask for; others are closed with 4014: a number, or names separated by commas; -NAME takes one away, as in all,-GUILD_MEMBERS")
	fs.IntVar(&o.guilds, "guilds", 2, "guilds of each shard")
	fs.IntVar(&o.members, "members", 3, "members of each guild, besides the bot")
	fs.DurationVar(&o.heartbeat, "heartbeat", 41250*time.Millisecond, "heartbeat_interval of Hello")
	fs.DurationVar(&o.resumeTimeout, "resume-timeout", 3*time.Minute, "how long a session can be resumed after its connection has ended")
	fs.IntVar(&o.replay, "replay", 100_000, "how many events a session keeps for a Resume; one that needs more gets op 9")
	fs.Var(&o.calls, "call-limit", "REST calls in each bucket as `calls/time`; one more gets 429")

	fs.IntVar(&o.events, "events", 0, "messages a second to each shard that is connected; default: 0, or 1 with -say")
	fs.StringVar(&o.say, "say", "hello", "`text` of those messages, such as '!ping'")
	fs.Uint64Var(&o.seed, "seed", 1, "which member writes in which guild: equal seeds, equal choices")
	fs.DurationVar(&o.length, "for", 0, "how long to run; 0 is until SIGINT or SIGTERM")

	o.outside.flags(fs)

	fs.BoolVar(&o.quiet, "quiet", false, "print the address, violations and the summary alone")
	fs.BoolVar(&o.json, "json", false, "print a JSON object a line, for programs")
	fs.BoolVar(&o.trace, "trace", false, "print everything that the server sees and does, but for the contents of events")
	fs.BoolVar(&o.version, "version", false, "print the version, and exit")
	return fs
}

// parse reads the flags, and what they name of the environment and of files. Its errors say what to do; they never show a token.
func parse(args []string, getenv func(string) string) (*options, error) {
	o := &options{given: make(map[string]bool)}
	fs := o.flags()
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil, err
	} else if name, unknown := strings.CutPrefix(fmt.Sprint(err), "flag provided but not defined: "); unknown {
		return nil, fmt.Errorf("there is no flag %s: -help lists them", name)
	} else if err != nil {
		return nil, fmt.Errorf("%w: -help shows how it is written", err)
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag: flags begin with a hyphen, and a value with spaces needs quotes", fs.Arg(0))
	}
	var empty string // as of a variable that a CI job has not set
	fs.Visit(func(f *flag.Flag) {
		if o.given[f.Name] = true; f.Value.String() == "" && f.Name != "control" {
			empty = f.Name
		}
	})
	if empty != "" {
		return nil, fmt.Errorf("-%s is empty: give a value, or leave it out", empty)
	}
	if o.given["say"] && !o.given["events"] {
		o.events = 1
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	return o, o.readToken(getenv)
}

// check says what is wrong with flags together. What one option of the server allows, the server checks.
func (o *options) check() error {
	for _, pair := range [][2]string{
		{"tls", "tls-cert"}, {"tls", "tls-key"}, {"tls-host", "tls-cert"}, {"tls-ca", "tls-cert"}, {"token", "token-file"}, {"quiet", "trace"},
	} {
		if o.given[pair[0]] && o.given[pair[1]] {
			return fmt.Errorf("-%s and -%s exclude each other: leave one of them out", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"tls-cert", "tls-key"}, {"tls-key", "tls-cert"}, {"tls-host", "tls"}, {"tls-ca", "tls"}} {
		if o.given[pair[0]] && !o.given[pair[1]] {
			return fmt.Errorf("-%s needs -%s as well", pair[0], pair[1])
		}
	}
	switch {
	case o.events < 0:
		return errors.New("-events is negative: give 0 or more messages a second")
	case o.events > 0 && (o.guilds == 0 || o.members == 0):
		return errors.New("-events needs somebody who writes: give -guilds and -members at least 1")
	case o.given["say"] && o.given["events"] && o.events == 0:
		return errors.New("-say says nothing with -events 0: leave -events out, or give a number")
	case o.length < 0:
		return errors.New("-for is negative: give a time such as 30s, or 0 to run until it is interrupted")
	case strings.ContainsAny(o.outside.token, " \t\r\n"):
		return errors.New("-control-token gives what cannot be a token: write it without \"Bearer \" and without spaces")
	}
	return nil
}

// readToken finds the token.
func (o *options) readToken(getenv func(string) string) error {
	given, from := o.given["token"], "-token"
	switch {
	case o.given["token-file"]:
		text, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return fmt.Errorf("-token-file: %w", err)
		}
		o.token, given, from = strings.TrimSpace(string(text)), true, "-token-file"
	case !given && getenv(tokenVariable) != "":
		o.token, given, from = getenv(tokenVariable), true, tokenVariable
	}
	switch {
	case given && o.token == "":
		return fmt.Errorf("%s gives no token: leave it out to accept any", from)
	case strings.HasPrefix(o.token, "Bot ") || strings.ContainsAny(o.token, " \t\r\n"):
		return fmt.Errorf("%s gives what cannot be a token: write it without \"Bot \" and without spaces", from)
	}
	return nil
}

// byOption are the flags that stand for options of the server which it may refuse.
var byOption = map[string]string{
	"WithShards": "shards", "WithMaxConcurrency": "max-concurrency", "WithSessionStarts": "budget", "WithHeartbeatInterval": "heartbeat", "WithGuildsPerShard": "guilds",
	"WithMembers": "members", "WithResumeTimeout": "resume-timeout", "WithReplayBuffer": "replay", "WithPublicURL": "public-url",
}

// inFlags is an error of the server's in the words of the flags.
func inFlags(err error) error {
	var option *gatewaytest.OptionError
	var listen *net.OpError
	switch {
	case errors.As(err, &option) && byOption[option.Option] != "":
		return fmt.Errorf("-%s: %s", byOption[option.Option], option.Problem)
	case errors.As(err, &listen):
		return fmt.Errorf("-addr: %w: give a free address of this machine, such as 127.0.0.1:0", listen)
	}
	return err
}

// gateway are the options of the server.
func (o *options) gateway() ([]gatewaytest.Option, error) {
	opts := []gatewaytest.Option{
		gatewaytest.WithAddr(o.addr), gatewaytest.WithShards(o.shards), gatewaytest.WithMaxConcurrency(o.concurrency), gatewaytest.WithToken(o.token),
		gatewaytest.WithSessionStarts(o.budget.total, o.budget.remaining, o.budget.reset), gatewaytest.WithAllowedIntents(events.Intents(o.intents)),
		gatewaytest.WithGuildsPerShard(o.guilds), gatewaytest.WithMembers(o.members), gatewaytest.WithHeartbeatInterval(o.heartbeat),
		gatewaytest.WithResumeTimeout(o.resumeTimeout), gatewaytest.WithReplayBuffer(o.replay), gatewaytest.WithCallLimit(o.calls.calls, o.calls.per),
	}
	if o.exact {
		opts = append(opts, gatewaytest.WithExact())
	}
	if o.given["public-url"] {
		opts = append(opts, gatewaytest.WithPublicURL(o.publicURL))
	}
	config, err := o.certificate()
	if config != nil {
		opts = append(opts, gatewaytest.WithTLS(config))
	}
	return opts, err
}

// certificate is how the server speaks TLS; nil: it does not.
func (o *options) certificate() (*tls.Config, error) {
	if o.tlsCert != "" {
		own, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey)
		if err != nil {
			return nil, fmt.Errorf("-tls-cert and -tls-key: %w", err)
		}
		return &tls.Config{Certificates: []tls.Certificate{own}}, nil
	}
	if !o.tls {
		return nil, nil
	}
	hosts := o.tlsHosts
	if public, err := url.Parse(o.publicURL); err == nil && public.Hostname() != "" { // the server says what is wrong with another
		hosts = append(hosts, public.Hostname())
	}
	config, ca, err := gatewaytest.SelfSigned(hosts...)
	if err != nil {
		return nil, fmt.Errorf("-tls-host: %w", err)
	}
	if o.tlsCA != "" {
		// Another simulator that has the address may have written the file for its clients.
		l, err := net.Listen("tcp", o.addr)
		if err != nil {
			return nil, inFlags(err)
		}
		if err := errors.Join(l.Close(), os.WriteFile(o.tlsCA, ca, 0o644)); err != nil {
			return nil, fmt.Errorf("-tls-ca: %w", err)
		}
	}
	return config, nil
}
