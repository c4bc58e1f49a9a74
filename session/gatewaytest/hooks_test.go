package gatewaytest_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestHooksStackAndCanBeRemoved: the newest is asked first, and those before it when it does not answer.
func TestHooksStackAndCanBeRemoved(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		var asked []string
		note := func(name string, handled bool) func(gatewaytest.Frame) bool {
			return func(gatewaytest.Frame) bool {
				asked = append(asked, name)
				return handled
			}
		}
		g.OnFrame(note("first", false))
		removeSecond := g.OnFrame(note("second", true))
		removeThird := g.OnFrame(note("third", false))
		c := connect(t, g)
		_, _ = c.next()
		beat := func(want ...string) {
			t.Helper()
			asked = nil
			c.send(`{"op":1,"d":null}`)
			if synctest.Wait(); !slices.Equal(asked, want) {
				t.Errorf("asked %v, want %v", asked, want)
			}
		}
		beat("third", "second")
		removeThird()
		removeThird()
		beat("second")
		removeSecond()
		beat("first")
		g.OnFrame(nil)
		beat()

		greets := 0
		remove := g.OnConnect(func(int) bool { greets++; return true })
		g.OnConnect(func(int) bool { return false })
		connect(t, g)
		synctest.Wait()
		remove()
		p, _ := connect(t, g).next()
		if greets != 1 || p.Op != 10 {
			t.Errorf("%d greetings by the hook, then %+v", greets, p)
		}

		g.OnDiscovery(func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusTeapot); return true })
		remove = g.OnDiscovery(func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusBadGateway); return true })
		status := func() string {
			t.Helper()
			got, err := g.Client().Get(g.APIURL + "/gateway/bot")
			if err != nil {
				t.Fatal(err)
			}
			_ = got.Body.Close() // nothing is read of it
			return fmt.Sprint(got.StatusCode)
		}
		if one := status(); one != "502" {
			t.Errorf("the newest hook answers %s", one)
		}
		if remove(); status() != "418" {
			t.Error("the hook before it does not answer")
		}
	})
}
