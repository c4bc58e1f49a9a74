package gatewaytest

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// Source: events/gateway#list-of-intents: bits 0 to 16, 20, 21, 24 and 25.
const (
	allIntents events.Intents = 1<<17 - 1 | 1<<20 | 1<<21 | 1<<24 | 1<<25

	intentGuilds      events.Intents = 1 << 0
	intentMembers     events.Intents = 1 << 1
	intentVoiceStates events.Intents = 1 << 7
	intentPresences   events.Intents = 1 << 8
)

// verdict is how an Identify was judged: what it asks for, or how it is refused.
type verdict struct {
	shard     events.ShardID
	sharded   bool // a shard array was sent
	intents   events.Intents
	compress  bool
	threshold int // large_threshold

	code    events.CloseCode // it ends the connection
	detail  string           // of code
	invalid bool             // it is answered with op 9
}

type identifyAt struct {
	key int
	at  time.Time
}

// judge judges an Identify as it arrives, and counts it, even when a test then keeps it from
// being answered.
//
// Source: events/gateway-events#identify
func (s *Server) judge(c *conn, d []byte, now time.Time) verdict {
	refuse := func(code events.CloseCode, rule, format string, args ...any) verdict {
		return verdict{code: code, detail: s.violate(c, rule, format, args...)}
	}
	if c.began {
		return verdict{} // the second one of a connection, which obey punishes
	}
	v := verdict{shard: events.ShardID{Index: 0, Total: 1}, threshold: 50}
	var token, word string
	var properties map[string]string
	var shard, intents json.RawMessage
	ask := read(d)
	ask.need("token", &token)
	ask.need("properties", &properties)
	ask.need("intents", &intents)
	ask.may("large_threshold", &v.threshold)
	v.sharded = ask.may("shard", &shard)
	if ask.is("compress", '"') && s.lets(c, "compress", "a string in Identify's compress: it is false") {
		ask.may("compress", &word)
	} else {
		ask.may("compress", &v.compress)
	}
	if ask.err != nil {
		return refuse(events.CloseUnknownOpcode, "payload", "Identify: %v", ask.err)
	}
	if v.threshold < 50 || v.threshold > 250 {
		return refuse(events.CloseUnknownOpcode, "payload", "Identify: large_threshold is %d: 50 to 250", v.threshold)
	}
	if !s.accepts(token) {
		return refuse(events.CloseAuthenticationFailed, "token", "an Identify with a token that is not the bot's, or was reset")
	}
	s.world.own(token)
	if v.sharded {
		var pair []int
		if json.Unmarshal(shard, &pair) != nil || len(pair) != 2 || pair[0] < 0 || pair[0] >= pair[1] {
			return refuse(events.CloseInvalidShard, "shard", "shard is %.40s: an index from 0, and a total above it", shard)
		}
		v.shard = events.ShardID{Index: pair[0], Total: pair[1]}
	}
	c.shard = v.shard
	var bits uint64
	if json.Unmarshal(intents, &bits) != nil || events.Intents(bits)&^allIntents != 0 {
		return refuse(events.CloseInvalidIntents, "intents", "intents is %.40s: it has bits that no intent has", intents)
	}
	v.intents = events.Intents(bits)
	if denied := v.intents &^ s.set.intents; denied != 0 {
		return refuse(events.CloseDisallowedIntents, "intents", "intents: %v is not allowed to this application", denied)
	}
	if !s.afforded(c, now) {
		v.code, v.detail = events.CloseAuthenticationFailed, "the token was reset"
	} else {
		v.invalid = !s.spaced(c, v.shard, now)
	}
	return v
}

// afforded spends one of the daily session starts. Beyond them the token is reset and all
// sessions end.
//
// Source: events/gateway#session-start-limit-object
func (s *Server) afforded(c *conn, now time.Time) bool {
	if s.refill(now); s.remaining > 0 {
		s.remaining--
		return true
	}
	s.reset = true
	s.violate(c, "budget", "an Identify beyond the daily budget: the token is reset")
	s.revokeAll()
	for other := range s.conns {
		if other != c && !other.closing {
			other.closeWith(events.CloseAuthenticationFailed, "the token was reset")
		}
	}
	return false
}

// spaced reports whether this is the one Identify of its key in 5 s, and one for each key in all. How much earlier Discord takes
// one is not documented; clients that count from when they send are early by the network's jitter.
//
// Source: events/gateway#max-concurrency
func (s *Server) spaced(c *conn, shard events.ShardID, now time.Time) bool {
	kept, spacing := s.identified[:0], identifySpacing-tolerance
	if s.set.exact {
		spacing = identifySpacing
	}
	for _, i := range s.identified {
		if now.Sub(i.at) < spacing {
			kept = append(kept, i)
		}
	}
	key, ok := shard.Index%s.set.concurrency, true
	for _, i := range slices.Backward(kept) {
		if i.key == key {
			s.violate(c, "identify spacing", "key %d again after %v", key, now.Sub(i.at))
			ok = false
			break
		}
	}
	if len(kept) >= s.set.concurrency {
		s.violate(c, "identify concurrency", "%d within 5 s, of at most %d", len(kept)+1, s.set.concurrency)
		ok = false
	}
	s.identified = append(kept, identifyAt{key, now})
	return ok
}

// belongs reports whether a guild is the shard's.
//
// Source: events/gateway#sharding
func belongs(guild events.Snowflake, shard events.ShardID) bool {
	return uint64(guild)>>22%uint64(shard.Total) == uint64(shard.Index)
}
