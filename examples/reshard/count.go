package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// handle counts what the bot's handlers are told.
func (s *story) handle() {
	shardmanager.On(s.m, func(_ context.Context, e *events.MessageCreate, _ events.Meta) {
		s.handles("message", fmt.Sprint(e.GuildID, " ", e.Content))
		n, _ := strconv.Atoi(e.Content)
		s.mu.Lock()
		defer s.mu.Unlock()
		if n < s.latest[e.GuildID] {
			s.chapters[len(s.chapters)-1].disordered++
		}
		s.latest[e.GuildID] = n
	})
	shardmanager.On(s.m, func(_ context.Context, e *events.GuildCreate, _ events.Meta) { s.handles("guild", e.Guild.ID) })
}

func (s *story) handles(what string, id any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handled[fmt.Sprint(what, " ", id)]++
}

// ask sends again and again, each time for somebody else, so that each send can be told from all others.
func (s *story) ask(ctx context.Context) {
	for ctx.Err() == nil {
		s.mu.Lock()
		who := events.Snowflake(len(s.asked)+1) << 40
		guild := s.guilds[len(s.asked)%len(s.guilds)]
		now := &send{in: s.chapters[len(s.chapters)-1]}
		s.asked[who] = now
		s.mu.Unlock()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), longWait) // what was begun is to end by itself
		_, err := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{who}}.SendEvent(bounded, s.m)
		cancel()
		s.mu.Lock()
		now.ended++
		now.err = err
		s.mu.Unlock()
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// frame counts the sends that come to the gateway.
func (s *story) frame(f gatewaytest.Frame) (handled bool) {
	var asks events.RequestGuildMembers
	if f.Op != events.OpRequestGuildMembers || json.Unmarshal(f.Data, &asks) != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, who := range asks.UserIDs {
		if of := s.asked[who]; of != nil {
			of.reached++
		}
	}
	return false
}

// entry counts the sessions that are connected.
func (s *story) entry(e gatewaytest.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e.Kind {
	case gatewaytest.Began, gatewaytest.Resumed:
		s.alive[e.Conn] = true
		c := s.chapters[len(s.chapters)-1]
		c.peak = max(c.peak, len(s.alive))
	case gatewaytest.Gone:
		delete(s.alive, e.Conn)
	}
}

// catchUp waits until all events were handled.
func (s *story) catchUp() {
	for end := time.Now().Add(longWait); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		missing := 0
		s.mu.Lock()
		for name := range s.happened {
			if s.handled[name] == 0 {
				missing++
			}
		}
		s.mu.Unlock()
		if missing == 0 {
			break
		}
	}
	time.Sleep(between) // for what may come twice
}
