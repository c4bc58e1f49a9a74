package gatewaytest_test

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

func TestShardsAndTheirStates(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		if all := g.Shards(); len(all) != 0 {
			t.Errorf("before the first session: %+v", all)
		}
		_, _ = ready(t, g, 1, 2)
		time.Sleep(5 * time.Second)
		_, _ = ready(t, g, 0, 2)
		came := time.Now()
		g.Shard(0).MuteAcks(true)
		g.Shard(0).Lag(time.Second)
		time.Sleep(time.Second)
		lost := time.Now()
		g.Shard(1).Drop()
		states := func() (states []gatewaytest.ShardState) {
			for _, s := range g.Shards() {
				states = append(states, s.State)
			}
			return states
		}
		all := g.Shards()
		want := gatewaytest.ShardStatus{
			Shard: events.ShardID{Index: 0, Total: 2}, State: gatewaytest.ShardReady, Since: came, Session: 2, Conn: 2, Intents: 513, Seq: all[0].Seq,
			Muted: true, Lag: time.Second,
		}
		if all[0] != want || all[0].Seq < 1 {
			t.Errorf("shard 0 is %+v, want %+v", all[0], want)
		}
		if s := all[1]; s.Shard.Index != 1 || s.State != gatewaytest.ShardLost || !s.Since.Equal(lost) || s.Conn != 0 {
			t.Errorf("a shard without its client is %+v", s)
		}
		g.Shard(0).Freeze(true)
		if s := g.Shards()[0]; !s.Frozen || s.State != gatewaytest.ShardReady {
			t.Errorf("a frozen shard is %+v", s)
		}
		g.ForgetSessions()
		if got := states(); !slices.Equal(got, []gatewaytest.ShardState{gatewaytest.ShardReady, gatewaytest.ShardOver}) {
			t.Errorf("after all sessions were forgotten: %v", got)
		}
	})
}

func TestGuildsOfAShard(t *testing.T) {
	const given = events.Snowflake(7 << 22)
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		shard := events.ShardID{Index: 1, Total: 2}
		first := gatewaytest.GuildOf(shard, 0)
		added := g.World().AddGuild(9<<22, nil)
		if got := g.World().Guilds(shard); !slices.Equal(got, []events.Snowflake{first, given, added}) {
			t.Errorf("guilds of %v: %v", shard, got)
		}
		g.World().RemoveGuild(first)
		if got := g.World().Guilds(shard); !slices.Equal(got, []events.Snowflake{given, added}) {
			t.Errorf("after one was removed: %v", got)
		}
	}, gatewaytest.WithShards(2), gatewaytest.WithGuildsPerShard(1), gatewaytest.WithGuilds(given))
}

// TestEntriesAndTheEnd: whoever begins to listen later is told what happens from then on, violations among it.
func TestEntriesAndTheEnd(t *testing.T) {
	var first int
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		var kinds []gatewaytest.EntryKind
		var texts []string
		remove := g.OnEntry(func(e gatewaytest.Entry) {
			if kinds = append(kinds, e.Kind); e.Kind == gatewaytest.Violated {
				texts = append(texts, e.Text)
			}
		})
		c := greeted(t, g, `{"op":8,"d":{}}`)
		_, _ = c.next()
		synctest.Wait()
		if !slices.Contains(kinds, gatewaytest.Opened) || len(texts) != 1 || texts[0] == "" {
			t.Errorf("a listener was told of %v, violations %q", kinds, texts)
		}
		remove()
		told, all := len(kinds), first
		_ = greeted(t, g, "")
		synctest.Wait()
		if len(kinds) != told || first == all {
			t.Errorf("one that was removed was told of %v; WithTrace of %d more", kinds[told:], first-all)
		}
		select {
		case <-g.Done():
			t.Error("the server is done before it is closed")
		default:
		}
		g.Close()
		<-g.Done()
	}, gatewaytest.WithTrace(func(gatewaytest.Entry) { first++ }))
}

// pipes is a port in memory.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.accept <- server
	return client, nil
}

// TestResumeURLFailsAloneOnAPort: a port has one address, in which what READY tells for a Resume can fail alone.
func TestResumeURLFailsAloneOnAPort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		port := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
		g := gatewaytest.NewServer(t, gatewaytest.WithListener(port))
		dialer := websocket.Dialer{NetDialContext: port.dial}
		reach := func(url string) (*client, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			ws, _, err := dialer.DialContext(ctx, url+"?v=10&encoding=json", nil)
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { _ = ws.Close() }) // it has served
			c := &client{t, ws}
			_, _ = c.next() // Hello
			return c, nil
		}
		own, err := reach(g.URL + "/")
		if err != nil {
			t.Fatal(err)
		}
		resuming, err := reach(g.ResumeURL)
		if err != nil {
			t.Fatal(err)
		}
		g.OutageAt(g.ResumeURL, true)
		if _, code := resuming.next(); code == 0 {
			t.Error("a connection that had come to the resume URL goes on")
		}
		own.send(`{"op":1,"d":null}`)
		if p, code := own.next(); p.Op != 11 {
			t.Errorf("the gateway's own connection: %+v, %d", p, code)
		}
		began := time.Now()
		if _, err := reach(g.ResumeURL); err == nil || time.Since(began) != 0 {
			t.Errorf("the resume URL in its outage: %v after %v", err, time.Since(began))
		}
		g.OutageAt(g.ResumeURL, false)
		g.HangAt(g.ResumeURL, true)
		if _, err := reach(g.ResumeURL); err == nil || time.Since(began) != 5*time.Second {
			t.Errorf("the resume URL while it hangs: %v after %v", err, time.Since(began))
		}
		if _, err := reach(g.URL + "/"); err != nil {
			t.Errorf("the gateway's own URL meanwhile: %v", err)
		}
		time.AfterFunc(time.Second, func() { g.HangAt(g.ResumeURL, false) })
		if _, err := reach(g.ResumeURL); err == nil || time.Since(began) != 6*time.Second {
			t.Errorf("one that waited until the end: %v after %v", err, time.Since(began))
		}
		if _, err := reach(g.ResumeURL); err != nil {
			t.Errorf("the resume URL afterwards: %v", err)
		}
	})
}

// TestRequestedHeartbeatIsBesideTheRhythm: the answer to op 1 is not the first of the heartbeats that a client owes.
func TestRequestedHeartbeatIsBesideTheRhythm(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		c, _ := ready(t, g, 0, 1)
		g.Shard(0).RequestHeartbeat()
		time.Sleep(100 * time.Millisecond)
		c.send(`{"op":1,"d":null}`)
		time.Sleep(20 * time.Second)
		for range 3 { // the rhythm
			c.send(`{"op":1,"d":null}`)
			time.Sleep(41250 * time.Millisecond)
		}
		if late := g.Stats().Lateness; late != 0 {
			t.Errorf("a client that keeps the rhythm is %v late", late)
		}
	})
}
