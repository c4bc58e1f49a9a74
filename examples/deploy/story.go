package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"syscall"
	"text/tabwriter"
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
	happened map[string]int // messages: the chapter in which each happened
	handled  map[string]int // how often each was handled
}

// chapter is the end of one process, and the start of the next.
type chapter struct {
	how        string // the process before was ended
	killed     bool
	at         time.Time
	ended      time.Duration // after at
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

// tell ends the bot by each of the signals, starts it again, and prints what came of it. The error is what did not hold.
func (s *story) tell(signals ...syscall.Signal) (err error) {
	s.happened, s.handled = make(map[string]int), make(map[string]int)
	s.gateway, err = gatewaytest.Start(gatewaytest.WithShards(s.shards), gatewaytest.WithMaxConcurrency(s.shards), gatewaytest.WithGuildsPerShard(1))
	if err != nil {
		return err
	}
	defer s.gateway.Close()
	s.gateway.OnEntry(func(e gatewaytest.Entry) {
		if e.Kind == gatewaytest.Resumed {
			s.mu.Lock()
			defer s.mu.Unlock()
			c := s.chapter()
			c.away = append(c.away, e.At.Sub(c.at))
		}
	})
	stop, over := make(chan struct{}), make(chan struct{})
	s.begin("first start", false)
	p, err := s.launch()
	if err != nil {
		return err
	}
	go func() { defer close(over); s.talk(stop) }()
	for _, signal := range signals {
		time.Sleep(s.between)
		killed := signal == syscall.SIGKILL
		s.begin(map[bool]string{false: "SIGTERM, and start", true: "SIGKILL, and start"}[killed], killed)
		if err := p.end(signal); err != nil {
			return err
		}
		s.mu.Lock()
		s.chapter().ended = time.Since(s.chapter().at)
		s.mu.Unlock()
		if p, err = s.launch(); err != nil {
			return err
		}
	}
	time.Sleep(s.between)
	close(stop)
	<-over
	s.catchUp()
	return errors.Join(p.end(syscall.SIGTERM), s.judge())
}

// begin begins the next chapter.
func (s *story) begin(how string, killed bool) {
	before := s.gateway.Stats()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chapters = append(s.chapters, chapter{how: how, killed: killed, at: time.Now(), before: before})
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

// judge prints the table, and says what does not hold.
func (s *story) judge() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, in := range s.happened {
		if s.handled[id] == 0 {
			s.chapters[in].lost++
		}
	}
	var wrong []error
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "\n\tIdentifies\tResumes\taway p50\tp99\tmessages meanwhile\tlost\ttwice\tand not said\t\n")
	for i, c := range s.chapters {
		slices.Sort(c.away)
		percentile := func(of int) time.Duration {
			if len(c.away) == 0 {
				return 0
			}
			return c.away[(len(c.away)-1)*of/100].Round(time.Millisecond)
		}
		holds := c.lost == 0 && c.unsaid == 0 && (c.twice == 0 || c.killed)
		if i == 0 {
			holds = holds && c.identifies == s.shards && c.resumes == 0
		} else {
			holds = holds && c.identifies == 0 && c.resumes == s.shards
		}
		verdict := "holds"
		if !holds {
			verdict = "DOES NOT HOLD"
			wrong = append(wrong, fmt.Errorf("start %d, %s, does not hold", i+1, c.how))
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%v\t%v\t%d\t%d\t%d\t%d\t%s\n", c.how, c.identifies, c.resumes, percentile(50), percentile(99), c.meanwhile, c.lost, c.twice, c.unsaid, "  "+verdict)
	}
	if violations := s.gateway.Violations(); len(violations) > 0 {
		wrong = append(wrong, fmt.Errorf("the gateway's rules were broken: %v", violations))
	}
	return errors.Join(append(wrong, table.Flush())...)
}

// showDeploys tells the story, for about twenty seconds, and returns the exit code.
func showDeploys() int {
	state, err := os.MkdirTemp("", "deploy")
	if err == nil {
		defer os.RemoveAll(state)
		s := story{out: os.Stdout, state: state, shards: 16, rate: 100, between: 2 * time.Second}
		err = s.tell(syscall.SIGTERM, syscall.SIGTERM, syscall.SIGKILL, syscall.SIGTERM, syscall.SIGTERM)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
