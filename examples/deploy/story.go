package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// story deploys the bot again and again, as real processes on the simulated gateway, while messages keep coming. It is no part of a bot.
type story struct {
	out     io.Writer
	state   string // the folder for the bot's file
	shards  int
	rate    int           // messages in a second
	between time.Duration // from when the bot is ready until it is to end
	env     []string      // of the bot, besides what it needs
	gateway *gatewaytest.Server

	mu       sync.Mutex
	chapters []chapter
	dies     *process          // is killed when enough shards are taken over; nil: nobody
	gone     map[int]time.Time // since when a shard has no connection
	happened map[string]int    // messages: the chapter in which each happened
	handled  map[string]int    // how often each was handled
}

// deed is what happens to the bot: the end of one process, and the start of the next.
type deed string

// The deeds.
const (
	begins    deed = "first start"
	restarts  deed = "SIGTERM, and start"
	crashes   deed = "SIGKILL, and start"
	follows   deed = "one beside the other"
	oldDies   deed = "and SIGKILL of the old"
	newDies   deed = "and SIGKILL of the new"
	halfTaken      = 2 // when half of the shards are taken over, one of the two dies
)

// chapter is one deed, and what came of it.
type chapter struct {
	how        deed
	at         time.Time
	ended      time.Duration // after at; 0: no process ended before the next was there
	before     gatewaytest.Stats
	identifies int
	resumes    int
	away       []time.Duration // of each shard, until RESUMED
	meanwhile  int             // messages, until the bot was ready
	lost       int             // messages that nobody has handled
	twice      int             // that were handled before
	unsaid     int             // of them, those that do not say so
}

const longWait = 2 * time.Minute // for what takes a second, on a machine that is busy

// tell does each of the deeds to the bot, and prints what came of it. The error is what did not hold.
func (s *story) tell(deeds ...deed) (err error) {
	s.happened, s.handled, s.gone = make(map[string]int), make(map[string]int), make(map[int]time.Time)
	s.gateway, err = gatewaytest.Start(gatewaytest.WithShards(s.shards), gatewaytest.WithMaxConcurrency(s.shards), gatewaytest.WithGuildsPerShard(1))
	if err != nil {
		return err
	}
	defer s.gateway.Close()
	s.gateway.OnEntry(func(e gatewaytest.Entry) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch e.Kind {
		case gatewaytest.Gone, gatewaytest.Closed:
			if _, twice := s.gone[e.Shard.Index]; !twice {
				s.gone[e.Shard.Index] = e.At
			}
		case gatewaytest.Resumed:
			c := s.chapter()
			since := s.gone[e.Shard.Index]
			if c.how == restarts || c.how == crashes {
				since = c.at // when it was told to end
			}
			c.away = append(c.away, e.At.Sub(since))
			delete(s.gone, e.Shard.Index)
			if s.dies != nil && len(c.away) >= s.shards/halfTaken {
				_ = s.dies.cmd.Process.Kill()
				s.dies = nil
			}
		}
	})
	stop, over := make(chan struct{}), make(chan struct{})
	s.begin(begins)
	p, err := s.run()
	if err != nil {
		return err
	}
	go func() { defer close(over); s.talk(stop) }()
	for _, how := range deeds {
		time.Sleep(s.between)
		s.begin(how)
		if p, err = s.do(how, p); err != nil {
			return fmt.Errorf("%s: %w", how, err)
		}
	}
	time.Sleep(s.between)
	close(stop)
	<-over
	s.catchUp()
	return errors.Join(p.end(syscall.SIGTERM), s.judge())
}

// do does one deed to the bot, and returns the process that runs then.
func (s *story) do(how deed, p *process) (*process, error) {
	switch how {
	case restarts, crashes:
		signal := map[deed]syscall.Signal{restarts: syscall.SIGTERM, crashes: syscall.SIGKILL}[how]
		if err := p.end(signal); err != nil {
			return nil, err
		}
		s.mu.Lock()
		s.chapter().ended = time.Since(s.chapter().at)
		s.mu.Unlock()
		return s.run()
	case follows:
		next, err := s.run()
		if err != nil {
			return nil, err
		}
		return next, p.end(0)
	}
	next, err := s.launch()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.dies = map[deed]*process{oldDies: p, newDies: next}[how]
	s.mu.Unlock()
	if how == oldDies {
		if err := next.becomesReady(); err != nil {
			return nil, err
		}
		s.ready()
		return next, p.end(syscall.SIGKILL)
	}
	select {
	case <-next.over:
		_ = next.cmd.Wait() // it was killed
	case <-time.After(longWait):
		return nil, fmt.Errorf("the new process is not there after %v", longWait)
	}
	for end := time.Now().Add(longWait); s.gateway.Stats().Live < s.shards || s.resumes() < s.shards; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			return nil, fmt.Errorf("the bot has not taken back all shards after %v", longWait)
		}
	}
	s.ready()
	return p, nil
}

// resumes are those of the chapter.
func (s *story) resumes() int {
	now := s.gateway.Stats().Resumes
	s.mu.Lock()
	defer s.mu.Unlock()
	return now - s.chapter().before.Resumes
}

// begin begins the next chapter.
func (s *story) begin(how deed) {
	before := s.gateway.Stats()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chapters = append(s.chapters, chapter{how: how, at: time.Now(), before: before})
}

// chapter is the latest.
func (s *story) chapter() *chapter { return &s.chapters[len(s.chapters)-1] }

// ready notes that the bot is ready.
func (s *story) ready() {
	now := s.gateway.Stats()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chapter()
	c.identifies, c.resumes = now.Identifies-c.before.Identifies, now.Resumes-c.before.Resumes
	for _, in := range s.happened {
		if in == len(s.chapters)-1 {
			c.meanwhile++
		}
	}
	if c.ended > 0 {
		fmt.Fprintf(s.out, "the bot has ended after %v\n", c.ended.Round(time.Millisecond))
	}
	fmt.Fprintf(s.out, "%s: %d shards ready after %v, by %d Identifies and %d Resumes\n", c.how, s.shards, time.Since(c.at).Round(time.Millisecond), c.identifies, c.resumes)
}

// talk has messages happen in all guilds.
func (s *story) talk(stop <-chan struct{}) {
	ticker := time.NewTicker(time.Second / time.Duration(s.rate))
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		guild := gatewaytest.GuildOf(events.ShardID{Index: n % s.shards, Total: s.shards}, 0)
		id := s.gateway.World().Message(guild, gatewaytest.Message{Content: "hello"}).String()
		s.mu.Lock()
		s.happened[id] = len(s.chapters) - 1
		s.mu.Unlock()
	}
}

// message notes that the bot has handled a message.
func (s *story) message(l line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handled[l.ID]++; s.handled[l.ID] > 1 {
		c := s.chapter()
		if c.twice++; !l.Redelivered {
			c.unsaid++
		}
	}
}

// catchUp waits until all messages were handled.
func (s *story) catchUp() {
	for end := time.Now().Add(longWait); ; time.Sleep(20 * time.Millisecond) {
		missing := 0
		s.mu.Lock()
		for id := range s.happened {
			if s.handled[id] == 0 {
				missing++
			}
		}
		s.mu.Unlock()
		if missing == 0 || time.Now().After(end) {
			return
		}
	}
}

// showDeploys tells the story, for about half a minute, and returns the exit code.
func showDeploys() int {
	shards := flag.Int("shards", 16, "shards of the bot")
	rate := flag.Int("rate", 100, "messages in a second, of all shards")
	flag.Parse()
	state, err := os.MkdirTemp("", "deploy")
	if err == nil {
		defer os.RemoveAll(state)
		s := story{out: os.Stdout, state: state, shards: *shards, rate: *rate, between: 2 * time.Second}
		err = s.tell(restarts, crashes, restarts, follows, oldDies, follows, newDies, follows)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
