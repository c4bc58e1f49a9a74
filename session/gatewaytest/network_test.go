package gatewaytest_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

func TestFreeze(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		c, _ := ready(t, g, 0, 1)
		g.Shard(0).Freeze(true)
		before := g.Stats().Frames
		for range 200 {
			c.send(`{"op":1,"d":null}`)
		}
		g.Shard(0).Dispatch("LATER", 1)
		time.Sleep(10 * time.Minute)
		if after := g.Stats().Frames; after != before {
			t.Errorf("%d frames were read while frozen", after-before)
		}
		g.Shard(0).Freeze(false)
		if p, code := c.next(); p.T != "LATER" {
			t.Errorf("after the thaw: %+v, %d", p, code)
		}
		synctest.Wait()
		if s := g.Stats(); s.Frames != before+200 || s.Live != 1 || s.Lateness != 0 {
			t.Errorf("after the thaw: %+v", s)
		}
		g.RequireNoViolations(t)
	})
}

func TestCutAtAByte(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		g.Shard(0).CutAt(20) // of a connection that is still to come
		c := greeted(t, g, identifyWith(0, 0, 1))
		raw, err := io.ReadAll(c.ws.NetConn())
		if err != nil || len(raw) != 20 {
			t.Errorf("%d bytes after Hello, %v", len(raw), err)
		}
	})
}

func TestMutedAndHanging(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		c, _ := ready(t, g, 0, 1)
		g.Shard(0).MuteAcks(true)
		c.send(`{"op":1,"d":null}`)
		synctest.Wait()
		g.Shard(0).RequestHeartbeat()
		if p, _ := c.next(); p.Op != 1 {
			t.Errorf("a muted server answered: %+v", p)
		}
		g.Hang(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		dialer := websocket.Dialer{NetDialContext: g.DialContext}
		began := time.Now()
		_, _, err := dialer.DialContext(ctx, g.URL+"/?v=10&encoding=json", nil)
		if err == nil || time.Since(began) != time.Minute {
			t.Errorf("a hanging server: %v after %v", err, time.Since(began))
		}
		g.Hang(false)
		g.Outage(true)
		if _, code := c.next(); code != websocket.CloseAbnormalClosure {
			t.Errorf("an outage: close code %d", code)
		}
		if _, _, err = dialer.DialContext(t.Context(), g.URL, nil); err == nil {
			t.Error("a connection in an outage")
		}
		g.Outage(false)
		greeted(t, g, "")
	})
}
