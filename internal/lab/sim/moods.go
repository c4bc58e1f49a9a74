package sim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// mood reports whether something was planned for a shard, and counts it down.
func (sim *simulation) mood(kind string, shard int) bool {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	left := sim.moods[kind][shard]
	if left == 0 {
		return false
	}
	sim.moods[kind][shard] = left - 1
	sim.trace = append(sim.trace, Record{At: time.Since(sim.begin), Witness: Fault, What: kind, Shard: shard})
	return true
}

func (sim *simulation) plot(kind string, shard, times int) {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	if sim.moods[kind] == nil {
		sim.moods[kind] = make(map[int]int)
	}
	sim.moods[kind][shard] = times
}

// greet is called for every connection, before Hello.
func (sim *simulation) greet(conn int) (silent bool) {
	shard := sim.nameOf(conn)[1]
	send := func(text string) { sim.server.SendTo(conn, []byte(text)) }
	switch {
	case sim.mood("no-hello", shard):
	case sim.mood("bad-hello", shard):
		sim.mu.Lock()
		sim.unpaced[sim.names[conn]] = true
		sim.mu.Unlock()
		send([]string{`{"op":10,"d":{"heartbeat_interval":0}}`, `{"op":10,"d":{"heartbeat_interval":"41250"}}`, `{"op":10,"d":null}`, `{"op":10,"d":{"heartbeat_interval":-5}}`}[conn%4])
	case sim.mood("op7-first", shard):
		send(`{"op":7,"d":null}`)
	case sim.mood("op9-first", shard):
		send(`{"op":9,"d":` + strconv.FormatBool(conn%2 == 0) + `}`)
	case sim.mood("two-hellos", shard):
		send(fmt.Sprintf(`{"op":10,"d":{"heartbeat_interval":%d}}`, sim.plan.Interval.Milliseconds()))
		return false
	default:
		return false
	}
	return true
}

// intercept looks at every payload before the gateway does.
func (sim *simulation) intercept(f gatewaytest.Frame) (handled bool) {
	shard := sim.plan.numberOf(f.Shard)
	if f.Op == events.OpIdentify || f.Op == events.OpResume {
		shard = sim.nameOf(f.Conn)[1]
	}
	switch {
	case f.Op == events.OpIdentify && sim.mood("reject", shard):
		sim.server.SendTo(f.Conn, []byte(`{"op":9,"d":false}`))
		return true
	case f.Op == events.OpIdentify:
		return sim.mood("no-ready", shard)
	case f.Op == events.OpResume && sim.mood("no-resumed", shard):
		return true
	case f.Op == events.OpResume && sim.mood("op9-resume", shard):
		sim.server.SendTo(f.Conn, []byte(`{"op":9,"d":true}`))
		return true
	case f.Op == events.OpResume && sim.mood("close-resume", shard):
		name := sim.nameOf(f.Conn)
		sim.net.each(func(p *pair) {
			if [3]int{p.process, p.shard, p.nth} == name {
				p.reset()
			}
		})
		return true
	}
	return false
}

// discovery answers GET /gateway/bot while it is sick.
func (sim *simulation) discovery(rw http.ResponseWriter) (handled bool) {
	switch {
	case sim.mood("api-500", 0):
		rw.WriteHeader(http.StatusBadGateway)
		_, _ = rw.Write([]byte("<html>" + strings.Repeat("x", 1000)))
	case sim.mood("api-429", 0):
		rw.Header().Set("Retry-After", "7")
		rw.WriteHeader(http.StatusTooManyRequests)
	case sim.mood("api-garbage", 0):
		_, _ = rw.Write([]byte(`{"url":"wss://gateway.disc`))
	default:
		return false
	}
	return true
}
