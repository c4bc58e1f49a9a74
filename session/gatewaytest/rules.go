package gatewaytest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// frame takes one payload of a client, judges it and answers it.
func (s *Server) frame(c *conn, text bool, data []byte) events.Opcode {
	now := time.Now()
	var envelope struct {
		Op *events.Opcode  `json:"op"`
		D  json.RawMessage `json:"d"`
	}
	err := json.Unmarshal(data, &envelope)
	s.mu.Lock()
	s.stats.Frames++
	if !s.counted(c, now) {
		s.mu.Unlock()
		return -1
	}
	switch {
	case len(data) > 4096:
		s.punish(c, events.CloseDecodeError, "payload size", "%d bytes", len(data))
	case !text || err != nil || envelope.Op == nil:
		s.punish(c, events.CloseDecodeError, "payload", "it is no JSON object with an op")
	default:
		op := *envelope.Op
		f := Frame{At: now, Shard: c.shard, Conn: c.number, Op: op, Data: envelope.D}
		if op == events.OpIdentify {
			var shard struct {
				Shard events.ShardID `json:"shard"`
			}
			if json.Unmarshal(envelope.D, &shard) == nil {
				f.Shard = shard.Shard
			}
		}
		if s.frames = append(s.frames, f); len(s.frames) > 2*keptFrames {
			s.frames = append([]Frame(nil), s.frames[keptFrames:]...)
		}
		hook := s.intercept
		if hook != nil {
			s.mu.Unlock()
			handled := hook(f)
			s.mu.Lock()
			if handled {
				s.mu.Unlock()
				return op
			}
		}
		s.obey(c, op, envelope.D, now)
		s.mu.Unlock()
		return op
	}
	s.mu.Unlock()
	return -1
}

// counted enforces 120 payloads in any 60 s, by looking at all times.
//
// Source: events/gateway#rate-limiting
func (s *Server) counted(c *conn, now time.Time) bool {
	kept := c.times[:0]
	for _, at := range c.times {
		if now.Sub(at) < time.Minute {
			kept = append(kept, at)
		}
	}
	c.times = append(kept, now)
	if len(c.times) > 120 {
		s.punish(c, events.CloseRateLimited, "120 in 60 s", "%d payloads", len(c.times))
		return false
	}
	return true
}

// punish writes a violation down and closes the connection.
func (s *Server) punish(c *conn, code events.CloseCode, rule, format string, args ...any) {
	s.violate(c, rule, format, args...)
	c.closeWith(code)
}

func (s *Server) obey(c *conn, op events.Opcode, d json.RawMessage, now time.Time) {
	switch op {
	case events.OpHeartbeat:
		s.heartbeat(c, d, now)
		return
	case events.OpIdentify, events.OpResume:
		if c.greeted.IsZero() {
			s.violate(c, "before Hello", "%v was sent", op)
		}
		if c.began {
			s.punish(c, events.CloseAlreadyAuthenticated, "authenticated twice", "%v on a connection that has a session", op)
			return
		}
		c.began = true
		if op == events.OpIdentify {
			s.identify(c, d)
		} else {
			s.resume(c, d)
		}
		return
	}
	if !c.live {
		s.punish(c, events.CloseNotAuthenticated, "not authenticated", "%v before READY or RESUMED", op)
		return
	}
	var err error
	switch op {
	case events.OpPresenceUpdate:
		err = s.presence(d)
	case events.OpVoiceStateUpdate:
		err = s.voice(c, d)
	case events.OpRequestGuildMembers:
		err = s.guildMembers(c, d, now)
	case events.OpRequestSoundboardSounds:
		err = s.soundboard(c, d)
	case events.OpRequestChannelInfo:
		err = s.channelInfo(c, d)
	default:
		err = fmt.Errorf("no such opcode")
	}
	if err != nil {
		s.punish(c, events.CloseUnknownOpcode, "payload", "%v: %v", op, err)
	}
}

// heartbeat answers with an ACK, and measures how late it came.
func (s *Server) heartbeat(c *conn, d json.RawMessage, now time.Time) {
	s.stats.Heartbeats++
	var seq *int64
	if err := json.Unmarshal(d, &seq); err != nil {
		s.violate(c, "heartbeat", "d is %s", d)
	} else if seq != nil && (c.session == nil && !c.began || c.session != nil && *seq > c.session.seq) {
		s.violate(c, "heartbeat", "d is %d, but no such event was sent", *seq)
	}
	switch {
	case c.greeted.IsZero():
		s.violate(c, "before Hello", "a heartbeat was sent")
	case c.beatDue.IsZero():
		if late := now.Sub(c.greeted) - s.set.interval; late > 0 {
			s.stats.Lateness = max(s.stats.Lateness, late)
		}
		c.beatDue = now.Add(s.set.interval)
	case !now.Before(c.beatDue.Add(-time.Millisecond)): // an earlier one is beside the rhythm
		s.stats.Lateness = max(s.stats.Lateness, now.Sub(c.beatDue))
		c.beatDue = c.beatDue.Add(s.set.interval)
	}
	if !c.muted {
		c.payload(events.OpHeartbeatACK, nil)
	}
}
