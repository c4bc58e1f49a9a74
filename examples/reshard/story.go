package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const (
	before  = 4
	after   = 8
	talking = 12 // guilds in which messages are written all the time; one more is quiet
	rate    = 50 // messages in a second
	askers  = 3  // each has a send under way nearly all the time

	heartbeats = time.Second     // Discord's come every 41 s. Before a guild is cut over some must have been answered.
	between    = 2 * time.Second // two chapters
	longWait   = 2 * time.Minute // for what takes a second, on a machine that is busy
)

// world is where the bot lives.
func world() []gatewaytest.Option {
	var guilds []events.Snowflake
	for i := range talking + 1 {
		guilds = append(guilds, guildID(i))
	}
	return []gatewaytest.Option{gatewaytest.WithShards(before), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithGuilds(guilds...), gatewaytest.WithHeartbeatInterval(heartbeats)}
}

// guildID is that of a guild of the bot; those of talking and above are the quiet one, and those that it joins.
func guildID(n int) events.Snowflake { return events.Snowflake(1000+n) << 22 }

// story has a bot reshard, and counts what comes of it.
type story struct {
	out     io.Writer
	gateway *gatewaytest.Server
	m       *shardmanager.Manager

	mu       sync.Mutex
	chapters []*chapter
	happened map[string]*chapter        // events: when each happened
	handled  map[string]int             // how often each was handled
	latest   map[events.Snowflake]int   // the number of the message that was handled last, by guild
	written  map[events.Snowflake]int   // messages, by guild
	guilds   []events.Snowflake         // in which messages are written
	asked    map[events.Snowflake]*send // by the id that is asked for
	alive    map[int]bool               // connections that have a session
}

// chapter is what was done to the bot, and what came of it.
type chapter struct {
	what       string
	plan       shardmanager.ReshardPlan
	progress   shardmanager.ReshardProgress
	took       time.Duration
	identifies int
	sessions   int // at its beginning
	peak       int // the most sessions that there were

	events, lost, twice, disordered int
	sends, answered, again          int
}

// send is one that the bot has begun.
type send struct {
	in      *chapter
	reached int // how often it has come to the gateway
	ended   int // outcomes
	err     error
}

func newStory(out io.Writer, gateway *gatewaytest.Server) *story {
	s := &story{
		out: &lines{to: out}, gateway: gateway, happened: make(map[string]*chapter), handled: make(map[string]int), latest: make(map[events.Snowflake]int),
		written: make(map[events.Snowflake]int), asked: make(map[events.Snowflake]*send), alive: make(map[int]bool),
	}
	for i := range talking {
		s.guilds = append(s.guilds, guildID(i))
	}
	gateway.OnEntry(s.entry)
	gateway.OnFrame(s.frame)
	return s
}

// tell tells it, and ends with the table. The error is what did not hold.
func (s *story) tell() (err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.m, err = shardmanager.New("simulated", shardmanager.WithGateway(s.gateway), shardmanager.WithShards(before),
		shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages|events.IntentMessageContent))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.m.Close(context.Background())) }()
	s.handle()
	s.begin(fmt.Sprint(before))
	s.chapter().plan = shardmanager.ReshardPlan{Identifies: before, Extra: before} // what a start takes
	for i := range talking + 1 {
		s.happens("guild", guildID(i))
	}
	if err := errors.Join(s.m.Start(ctx), s.m.WaitReady(ctx)); err != nil {
		return err
	}
	s.end()
	fmt.Fprintf(s.out, "%d shards are ready; messages are written in %d guilds, and one is quiet\n", before, talking)
	var all sync.WaitGroup
	live, stop := context.WithCancel(ctx)
	defer all.Wait()
	defer stop()
	all.Go(func() { s.talk(live) })
	for range askers {
		all.Go(func() { s.ask(live) })
	}
	for _, total := range []int{after, before} {
		time.Sleep(between)
		if err := s.reshard(ctx, total); err != nil {
			return err
		}
	}
	time.Sleep(between)
	stop()
	all.Wait()
	s.catchUp()
	return s.judge()
}

// reshard is a chapter. While the shards warm up the bot joins a guild, and when it is over a message is written in the guild that was quiet.
func (s *story) reshard(ctx context.Context, total int) error {
	now := s.m.Status().Total
	fmt.Fprintf(s.out, "\nfrom %d to %d shards\n", now, total)
	s.begin(fmt.Sprintf("%d to %d", now, total))
	joins := time.AfterFunc(between, func() {
		s.mu.Lock()
		guild := guildID(talking + len(s.chapters) - 1)
		s.mu.Unlock()
		s.happens("guild", guild)
		s.gateway.World().AddGuild(guild, nil)
		fmt.Fprintln(s.out, "         the bot joins a guild")
		s.mu.Lock()
		defer s.mu.Unlock()
		s.guilds = append(s.guilds, guild)
	})
	defer joins.Stop()
	c := s.chapter()
	began := time.Now()
	plan, err := reshard(ctx, s.out, s.m, total)
	if err != nil {
		return err
	}
	took := time.Since(began)
	progress, _ := s.m.Resharding()
	s.mu.Lock()
	c.plan, c.took, c.progress = plan, took, progress
	s.mu.Unlock()
	s.write(guildID(talking))
	s.end()
	return nil
}

// begin begins the next chapter, and end ends it.
func (s *story) begin(what string) {
	spent := s.gateway.Stats().Identifies
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chapters = append(s.chapters, &chapter{what: what, identifies: -spent, sessions: len(s.alive), peak: len(s.alive)})
}

func (s *story) end() {
	spent := s.gateway.Stats().Identifies
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chapters[len(s.chapters)-1].identifies += spent
}

// chapter is the latest.
func (s *story) chapter() *chapter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chapters[len(s.chapters)-1]
}

// happens notes that an event happens, before it does.
func (s *story) happens(what string, id any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.happened[fmt.Sprint(what, " ", id)] = s.chapters[len(s.chapters)-1]
}

// write writes a message in a guild. Each says its number.
func (s *story) write(guild events.Snowflake) {
	s.mu.Lock()
	s.written[guild]++
	n := s.written[guild]
	s.mu.Unlock()
	s.happens("message", fmt.Sprint(guild, " ", n))
	s.gateway.World().Message(guild, gatewaytest.Message{Content: strconv.Itoa(n)})
}

// talk has messages be written in all guilds but the quiet one.
func (s *story) talk(ctx context.Context) {
	ticker := time.NewTicker(time.Second / rate)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		guild := s.guilds[n%len(s.guilds)]
		s.mu.Unlock()
		s.write(guild)
	}
}
