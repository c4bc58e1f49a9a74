package recorder_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/tap"
	"github.com/signalbox-go/signalbox/shardmanager/recorder"
)

// calls are what happens again and again.
func calls() map[string]func() {
	hook := recorder.New().Hooks()[0]
	key, at := actors.Key{Shard: events.ShardID{Total: 1}}, time.Now()
	conn := hook.(tap.Tap).Open(key, 1)
	payload, seq := fmt.Appendf(nil, `{"t":"MESSAGE_CREATE","s":%d,"op":0,"d":{"content":"%900s"}}`, 123456, "x"), 0
	return map[string]func(){
		"frame": func() { seq++; conn.Read(at, payload) },
		"write": func() { conn.Write(events.OpHeartbeat, payload[:20]) },
		"beat": func() {
			hook.(actors.ObserverHeartbeat).OnHeartbeat(actors.HeartbeatAcknowledged{Key: key, Conn: 1, RoundTrip: time.Millisecond})
		},
		"send": func() {
			hook.(actors.ObserverSend).OnSend(actors.SendMoved{Key: key, Op: events.OpPresenceUpdate, Stage: actors.SendEnded})
		},
	}
}

// TestNothingIsAllocatedAgainAndAgain, once a shard has its room.
func TestNothingIsAllocatedAgainAndAgain(t *testing.T) {
	for name, call := range calls() {
		for range 20_000 {
			call()
		}
		if n := testing.AllocsPerRun(1000, call); n > 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkRecorder(b *testing.B) {
	for name, call := range calls() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
}
