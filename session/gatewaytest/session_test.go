package gatewaytest_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

func TestRefusedResumes(t *testing.T) {
	for _, test := range []struct {
		name string
		act  func(*gatewaytest.Server)
		seq  int
		code int // 0: op 9
	}{
		{"sequence of the future", func(*gatewaytest.Server) {}, 99, 4007},
		{"forgotten", (*gatewaytest.Server).ForgetSessions, 1, 0},
		{"older than the replay", func(g *gatewaytest.Server) {
			for range 3 {
				g.Shard(0).Dispatch("X", 1)
			}
		}, 1, 0},
		{"closed with 4009", func(g *gatewaytest.Server) { g.Shard(0).Close(4009) }, 1, 0},
		{"invalid", func(g *gatewaytest.Server) { g.Shard(0).InvalidSession(false) }, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, g *gatewaytest.Server) {
				_, id := ready(t, g, 0, 1)
				test.act(g)
				g.Shard(0).Drop()
				p, code := greeted(t, g, resumeWith(id, test.seq)).next()
				if code != test.code || code == 0 && (p.Op != 9 || string(p.D) != "false") {
					t.Errorf("%+v, close code %d", p, code)
				}
			}, gatewaytest.WithReplayBuffer(2))
		})
	}
}

func TestResumeReplacesTheConnection(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		old, id := ready(t, g, 0, 1)
		c := greeted(t, g, `{"op":1,"d":5}`) // a sequence that was never sent
		c.next()                             // its ACK
		c.send(resumeWith(id, 1))
		if p, _ := c.next(); p.T != "RESUMED" {
			t.Errorf("%+v", p)
		}
		synctest.Wait()
		if _, code := old.next(); code != websocket.CloseAbnormalClosure || g.Stats().Live != 1 {
			t.Errorf("the old connection: close code %d, %d live", code, g.Stats().Live)
		}
		if got := fmt.Sprint(rules(g)); got != "[heartbeat]" {
			t.Errorf("violations: %s", got)
		}
	})
}

func TestClientsOwnClose(t *testing.T) {
	for code, ended := range map[int]int{1000: 1, 1001: 1, 4000: 0} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			virtual(t, func(t *testing.T, g *gatewaytest.Server) {
				c, id := ready(t, g, 0, 1)
				_ = c.ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""))
				if _, got := c.next(); got != code {
					t.Errorf("echoed %d", got)
				}
				synctest.Wait() // the end of the connection is noticed
				p, _ := greeted(t, g, resumeWith(id, 1)).next()
				if refused := p.Op == 9; refused != (ended == 1) || g.Stats().Ended != ended {
					t.Errorf("%+v, ended %d", p, g.Stats().Ended)
				}
				g.RequireNoViolations(t)
			})
		})
	}
}

func TestOp9LeavesTheConnection(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		c, _ := ready(t, g, 0, 1)
		g.Shard(0).InvalidSession(false)
		c.send(`{"op":3,"d":{}}`) // sent in ignorance
		c.next()                  // op 9
		time.Sleep(5 * time.Second)
		c.send(identifyWith(0, 0, 1))
		if p, code := c.next(); p.T != "READY" {
			t.Errorf("Identify after op 9: %+v, %d", p, code)
		}
		g.RequireNoViolations(t)
	})
}

func TestTwoSessions(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		first, _ := ready(t, g, 0, 2)
		time.Sleep(5 * time.Second)
		first.ws.Close() // replaced in time
		second, _ := ready(t, g, 0, 2)
		time.Sleep(5 * time.Second)
		ready(t, g, 0, 4) // another total is another shard
		time.Sleep(5 * time.Second)
		g.RequireNoViolations(t)
		ready(t, g, 0, 2)
		time.Sleep(2 * time.Second)
		if got := fmt.Sprint(rules(g)); got != "[two sessions]" {
			t.Errorf("violations: %s", got)
		}
		g.ShardOf(events.ShardID{Index: 0, Total: 4}).Dispatch("FOUR", 1)
		if seq := g.Shard(0).Seq(); seq != 1 {
			t.Errorf("the newest session has sent %d", seq)
		}
		_ = second
	})
}
