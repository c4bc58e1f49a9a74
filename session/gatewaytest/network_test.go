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

// TestResumeHostFailsAlone: the address that READY tells for a Resume is refused, and later not
// answered, while the gateway's own goes on.
func TestResumeHostFailsAlone(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		reach := func(url string) string {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			began := time.Now()
			dialer := websocket.Dialer{NetDialContext: g.DialContext}
			ws, _, err := dialer.DialContext(ctx, url+"?v=10&encoding=json", nil)
			switch {
			case err == nil:
				_ = ws.Close() // it has served
				return "reached"
			case time.Since(began) >= 5*time.Second:
				return "no answer"
			}
			return "refused"
		}
		at := func(want string) {
			t.Helper()
			if own, other := reach(g.URL+"/"), reach(g.ResumeURL); own != "reached" || other != want {
				t.Errorf("the gateway's own URL: %s; its resume URL: %s, want %s", own, other, want)
			}
		}
		at("reached")
		dialer := websocket.Dialer{NetDialContext: g.DialContext}
		there, _, err := dialer.DialContext(t.Context(), g.ResumeURL+"?v=10&encoding=json", nil)
		if err != nil {
			t.Fatal(err)
		}
		c := &client{t, there}
		_, _ = c.next() // Hello
		g.OutageAt(g.ResumeURL, true)
		if _, code := c.next(); code != websocket.CloseAbnormalClosure {
			t.Errorf("a connection at the address that fails ended with %d, and not without a close frame", code)
		}
		at("refused")
		g.OutageAt(g.ResumeURL, false)
		at("reached")
		g.HangAt(g.ResumeURL, true)
		at("no answer")
		g.HangAt(g.ResumeURL, false)
		at("reached")
	})
}
