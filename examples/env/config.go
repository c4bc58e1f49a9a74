package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/filestore"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// variable is one that is read: what it is for, and how it is taken. An error of set says what is wrong with the value, and does not quote it if it may be a secret.
type variable struct {
	name, what string
	set        func(c *config, value string) error
}

// variables are all of them. One that is empty counts as not set, since that is what many tools make of a value that is missing.
var variables = []variable{
	{"DISCORD_TOKEN", "the bot's token, from the developer portal", (*config).setToken},
	{"DISCORD_TOKEN_FILE", "a file with the token, such as a mounted secret, instead of it", (*config).readToken},
	{"DISCORD_API", "the REST base; default: Discord's", func(c *config, v string) error { return c.add("api="+v, shardmanager.WithAPIURL(v)) }},
	{"BOT_INTENTS", "intents by Discord's names, such as GUILDS,GUILD_MESSAGES; default: what the handlers need", (*config).setIntents},
	{"BOT_OPTIONAL_INTENTS", "intents that the bot can do without", (*config).setOptional},
	{"BOT_SHARDS", "how many shards the bot has, and after a colon which of them run here: 16, 16:0-7 or 16:3; default: what Discord recommends, and all of them", (*config).setShards},
	{"BOT_STORE", "a file for sessions, which the next process resumes; default: none", func(c *config, v string) error { c.store = v; return nil }},
	{"BOT_DRAIN", "how long handlers have when the bot ends, such as 15s; default: 10s", (*config).setDrain},
	{"BOT_LOG", "what is logged: debug, info, warn or error; default: warn", (*config).setLevel},
}

// config is what the environment says.
type config struct {
	token   events.Secret // it does not print
	store   string
	intents bool // are given
	options []shardmanager.Option
	shown   []string // of options, without the token
}

func (c *config) add(shown string, option shardmanager.Option) error {
	c.shown, c.options = append(c.shown, shown), append(c.options, option)
	return nil
}

// String shows all but the token.
func (c config) String() string {
	return strings.Join(append([]string{fmt.Sprintf("token of %d bytes", len(c.token.Reveal())), fmt.Sprintf("store=%q", c.store)}, c.shown...), " ")
}

// fromEnv reads a config from what os.Environ gives. It returns everything that is wrong at once: nobody likes to start a bot five times.
func fromEnv(environ []string) (config, error) {
	var c config
	var problems []error
	given := make(map[string]string)
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if value != "" {
			given[name] = value
		}
		if strings.HasPrefix(name, "BOT_") && !slices.ContainsFunc(variables, func(v variable) bool { return v.name == name }) {
			problems = append(problems, fmt.Errorf("%s: there is no such setting", name)) // most likely it is misspelt
		}
	}
	for _, v := range variables {
		if value, ok := given[v.name]; ok {
			if err := v.set(&c, value); err != nil {
				problems = append(problems, fmt.Errorf("%s: %w", v.name, err))
			}
		}
	}
	switch {
	case given["DISCORD_TOKEN"] != "" && given["DISCORD_TOKEN_FILE"] != "":
		problems = append(problems, errors.New("DISCORD_TOKEN and DISCORD_TOKEN_FILE are both set: keep one"))
	case given["DISCORD_TOKEN"] == "" && given["DISCORD_TOKEN_FILE"] == "":
		problems = append(problems, errors.New("DISCORD_TOKEN is not set, and DISCORD_TOKEN_FILE is not either: set one"))
	}
	if !c.intents {
		c.options = append(c.options, shardmanager.WithIntentsFromHandlers())
	}
	return c, errors.Join(problems...)
}

func (c *config) setToken(value string) error {
	c.token = events.Secret(value) // what else may be wrong with it, shardmanager.New says
	return nil
}

func (c *config) readToken(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if c.token = events.Secret(strings.TrimSpace(string(text))); c.token == "" { // editors end files with a line end
		return fmt.Errorf("%s is empty", path)
	}
	return nil
}

func (c *config) setIntents(value string) error {
	intents, err := events.ParseIntents(value)
	c.intents = true
	return errors.Join(err, c.add(fmt.Sprint("intents=", intents), shardmanager.WithIntents(intents)))
}

func (c *config) setOptional(value string) error {
	intents, err := events.ParseIntents(value)
	return errors.Join(err, c.add(fmt.Sprint("optional=", intents), shardmanager.WithOptionalIntents(intents)))
}

func (c *config) setShards(value string) error {
	count, which, some := strings.Cut(value, ":")
	total, err := strconv.Atoi(count)
	if err != nil {
		return fmt.Errorf("%q is no number of shards: write 16, or 16:0-7", count)
	}
	var ids []int
	if some {
		first, last, isRange := strings.Cut(which, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if errors.Join(err, err2) != nil || from > to || to >= total {
			return fmt.Errorf("%q are not some of %d shards: write the first and the last, such as 0-%d", which, total, max(total-1, 0))
		}
		for id := from; id <= to; id++ {
			ids = append(ids, id)
		}
	}
	return c.add("shards="+value, shardmanager.WithShards(total, ids...))
}

func (c *config) setDrain(value string) error {
	d, err := time.ParseDuration(value)
	if err != nil {
		return fmt.Errorf("%q is no duration: write one such as 15s", value)
	}
	return c.add("drain="+value, shardmanager.WithDrain(d))
}

func (c *config) setLevel(value string) error {
	level, err := zapcore.ParseLevel(value)
	if err != nil {
		return fmt.Errorf("%q is no level: write debug, info, warn or error", value)
	}
	settings := zap.NewProductionConfig()
	settings.Level = zap.NewAtomicLevelAt(level)
	log, err := settings.Build()
	if err != nil {
		return err
	}
	return c.add("log="+value, shardmanager.WithLogger(log))
}

// manager makes a Manager of the config. What it returns besides is called when the Manager has been closed.
func (c config) manager(more ...shardmanager.Option) (m *shardmanager.Manager, release func() error, err error) {
	options, release := append(slices.Clone(c.options), more...), func() error { return nil }
	if c.store != "" {
		store, err := filestore.Open(c.store)
		if err != nil {
			return nil, nil, fmt.Errorf("BOT_STORE: %w", err)
		}
		options, release = append(options, shardmanager.WithSessionStore(store)), store.Close
	}
	if m, err = shardmanager.New(c.token.Reveal(), options...); err != nil {
		return nil, nil, errors.Join(err, release())
	}
	return m, release, nil
}
