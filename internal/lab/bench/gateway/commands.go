package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/signalbox-go/signalbox/internal/lab/bench/tape"
)

// overLimit records one send and tells whether it is over 120 in 60 seconds.
func (c *conn) overLimit(now time.Time) bool {
	if len(c.sends) < 120 {
		c.sends = append(c.sends, now)
		return false
	}
	old := c.sends[c.sendPos]
	c.sends[c.sendPos] = now
	c.sendPos = (c.sendPos + 1) % 120
	return now.Sub(old) < time.Minute
}

func (c *conn) command(b []byte) error {
	st := &c.s.stats
	now := time.Now()
	if len(b) > 4096 {
		st.TooLarge.Add(1)
	}
	if c.overLimit(now) {
		st.OverSendLimit.Add(1)
		if c.s.enforce {
			return c.close(4008, "Rate limited.")
		}
	}
	var p struct {
		Op int             `json:"op"`
		D  json.RawMessage `json:"d"`
	}
	if err := json.Unmarshal(b, &p); err != nil {
		st.BadPayload.Add(1)
		return c.close(4002, "Error while decoding payload.")
	}
	if !c.ready && p.Op != 1 && p.Op != 2 && p.Op != 6 {
		st.NotIdentified.Add(1)
		return c.close(4003, "Not authenticated.")
	}
	switch p.Op {
	case 1:
		st.Heartbeats.Add(1)
		c.wmu.Lock()
		since := now.Sub(c.lastHB)
		first := c.lastHB.Equal(c.hello)
		if first {
			st.FirstHeartbeat[min(9, int(since*10/c.s.hb))].Add(1)
		}
		if since > c.s.hb*5/4+time.Second {
			st.MissedHeartbeat.Add(1)
		}
		c.lastHB = now
		c.wmu.Unlock()
		if !first {
			c.s.mu.Lock()
			c.s.late = append(c.s.late, max(0, float64(since-c.s.hb)/1e6))
			c.s.mu.Unlock()
		}
		c.wmu.Lock()
		if seq, err := strconv.ParseInt(string(p.D), 10, 64); err == nil && seq > c.seq && !c.playing {
			st.HeartbeatAhead.Add(1)
		}
		c.wmu.Unlock()
		ack := func() { c.send([]byte(`{"t":null,"s":null,"op":11,"d":null}`)) }
		if c.s.ackDelay > 0 {
			time.AfterFunc(c.s.ackDelay, ack)
		} else {
			ack()
		}
	case 2:
		return c.identify(p.D, now)
	case 3:
		st.Presences.Add(1)
	case 4:
		st.Voice.Add(1)
		var d struct {
			GuildID   string  `json:"guild_id"`
			ChannelID *string `json:"channel_id"`
		}
		json.Unmarshal(p.D, &d)
		ch := "null"
		if d.ChannelID != nil {
			ch = strconv.Quote(*d.ChannelID)
		}
		c.dispatch("VOICE_STATE_UPDATE", fmt.Sprintf(`{"guild_id":"%s","channel_id":%s,"user_id":"900000000000000001","session_id":"%s","deaf":false,"mute":false,"self_deaf":false,"self_mute":false,"suppress":false,"request_to_speak_timestamp":null}`, d.GuildID, ch, c.id))
		if d.ChannelID != nil {
			c.dispatch("VOICE_SERVER_UPDATE", fmt.Sprintf(`{"token":"t","guild_id":"%s","endpoint":"127.0.0.1:1"}`, d.GuildID))
		}
	case 6:
		return c.resume(p.D)
	case 8:
		return c.members(p.D)
	default:
		st.BadPayload.Add(1)
		return c.close(4001, "Unknown opcode.")
	}
	return nil
}

func (c *conn) identify(d []byte, now time.Time) error {
	s := c.s
	var id struct {
		Token    string  `json:"token"`
		Compress bool    `json:"compress"`
		Shard    *[2]int `json:"shard"`
	}
	if err := json.Unmarshal(d, &id); err != nil || id.Token == "" {
		s.stats.BadPayload.Add(1)
		return c.close(4004, "Authentication failed.")
	}
	if c.ready {
		return c.close(4005, "Already authenticated.")
	}
	c.shard = [2]int{0, 1}
	if id.Shard != nil {
		c.shard = *id.Shard
	}
	key := c.shard[0] % s.maxConc
	s.mu.Lock()
	last, ok := s.bucket[key]
	s.bucket[key] = now
	s.mu.Unlock()
	if ok && now.Sub(last) < 4900*time.Millisecond {
		s.stats.IdentifyConcurrency.Add(1)
		if s.enforce {
			c.send([]byte(`{"t":null,"s":null,"op":9,"d":false}`))
			return nil
		}
	}
	if id.Compress && c.mode == tape.None {
		c.mode = tape.Payload
	}
	s.stats.Identifies.Add(1)
	c.id = fmt.Sprintf("%032x", s.nextID.Add(1))
	var g []byte
	for i := range s.readyGuilds {
		if i > 0 {
			g = append(g, ',')
		}
		g = fmt.Appendf(g, `{"unavailable":true,"id":"%d"}`, uint64(700000000000000000)+uint64(i*s.maxConc+c.shard[0])<<22)
	}
	s.mu.Lock()
	s.sess[c.id] = &session{seq: firstOfTape - 1} // READY
	s.mu.Unlock()
	c.wmu.Lock()
	c.seq = 0
	c.wmu.Unlock()
	c.dispatch("READY", fmt.Sprintf(`{"v":10,"user_settings":{},"user":{"verified":true,"username":"bench","mfa_enabled":true,"id":"900000000000000001","global_name":null,"flags":0,"email":null,"discriminator":"0001","bot":true,"avatar":null},"session_type":"normal","session_id":"%s","resume_gateway_url":"ws://%s","relationships":[],"private_channels":[],"presences":[],"guilds":[%s],"guild_join_requests":[],"geo_ordered_rtc_regions":[],"auth":{},"application":{"id":"900000000000000001","flags":565248},"shard":[%d,%d],"_trace":["bench"]}`, c.id, s.addr, g, c.shard[0], c.shard[1]))
	c.wmu.Lock()
	c.ready = true
	c.wmu.Unlock()
	return nil
}

func (c *conn) resume(d []byte) error {
	var rs struct {
		SessionID string `json:"session_id"`
		Seq       int64  `json:"seq"`
	}
	json.Unmarshal(d, &rs)
	c.s.mu.Lock()
	var se session
	known := c.s.sess[rs.SessionID]
	if known != nil {
		se = *known
	}
	c.s.mu.Unlock()
	if known == nil || rs.Seq > se.seq {
		c.s.stats.BadResume.Add(1)
		c.send([]byte(`{"t":null,"s":null,"op":9,"d":false}`))
		return nil
	}
	c.s.stats.Resumes.Add(1)
	c.id = rs.SessionID
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if next := int(rs.Seq) - firstOfTape + 1; next >= 0 && next < se.played {
		for _, e := range c.s.events[next:se.played] {
			c.sendLocked(e.Payload)
		}
		c.s.stats.Replayed.Add(int64(se.played - next))
	}
	c.seq = max(se.seq, rs.Seq)
	c.ready = true
	c.dispatchLocked("RESUMED", `{"_trace":["bench"]}`)
	return nil
}

const chunkMember = `{"user":{"username":"member","public_flags":0,"id":"%d","global_name":null,"discriminator":"0","bot":false,"avatar":null},"roles":["800000000000000001"],"premium_since":null,"pending":false,"nick":null,"mute":false,"joined_at":"2021-01-01T00:00:00.000000+00:00","flags":0,"deaf":false,"communication_disabled_until":null,"avatar":null}`

func (c *conn) members(d []byte) error {
	c.s.stats.Requests.Add(1)
	var rq struct {
		GuildID json.RawMessage `json:"guild_id"`
		Limit   int             `json:"limit"`
		Nonce   string          `json:"nonce"`
		UserIDs json.RawMessage `json:"user_ids"`
	}
	if err := json.Unmarshal(d, &rq); err != nil {
		c.s.stats.BadPayload.Add(1)
		return c.close(4002, "Error while decoding payload.")
	}
	guildID := bytes.Trim(rq.GuildID, `[]" `)
	n := rq.Limit
	if n <= 0 {
		n = c.s.members
		if len(rq.UserIDs) > 4 {
			n = bytes.Count(rq.UserIDs, []byte(",")) + 1
		}
	}
	chunks := (n + 999) / 1000
	for i := range chunks {
		var b []byte
		for k := i * 1000; k < min(n, i*1000+1000); k++ {
			if k > i*1000 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, chunkMember, 800000000000000000+k)
		}
		nonce := ""
		if rq.Nonce != "" {
			nonce = fmt.Sprintf(`,"nonce":%q`, rq.Nonce)
		}
		c.dispatch("GUILD_MEMBERS_CHUNK", fmt.Sprintf(`{"not_found":[],"members":[%s],"guild_id":"%s","chunk_index":%d,"chunk_count":%d%s}`, b, guildID, i, chunks, nonce))
	}
	return nil
}
