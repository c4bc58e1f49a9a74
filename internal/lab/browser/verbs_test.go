package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// choose shows a shard, as who has typed its number does.
func (b *tab) choose(t *testing.T, index int) {
	t.Helper()
	b.run(t, fmt.Sprintf("document.getElementById('go-index').value = '%d'; document.getElementById('go').requestSubmit()", index))
	b.until(t, fmt.Sprintf("document.getElementById('shard-title').textContent.startsWith('Shard %d/') && document.getElementById('shard-body').checkVisibility({visibilityProperty: true})", index), 5*time.Second)
}

// press presses a button that is shown.
func (b *tab) press(t *testing.T, name string) {
	t.Helper()
	button := fmt.Sprintf("[...document.querySelectorAll('button')].find(each => each.checkVisibility({visibilityProperty: true}) && each.textContent.startsWith(%q))", name)
	b.until(t, button, 5*time.Second)
	b.run(t, button+".click()")
}

// TestVerbs: each verb is refused without the token and with another one, and works with it, all on the page.
func TestVerbs(t *testing.T) {
	const shards = 16
	bot := newBot(t, shards, dashboardControl)
	b := open(t)
	b.visit(t, bot.url, shards)
	status := func(index int) shardmanager.ShardStatus {
		s, _ := bot.m.Shard(index).Status()
		return s
	}
	b.choose(t, 3)
	b.press(t, "Restart")
	b.press(t, "Do it")
	b.until(t, "document.getElementById('ask-why').textContent.includes('WithControl')", time.Second)
	if all := bot.asked.take(); len(all) > 0 {
		t.Errorf("without a token it asks: %v", all)
	}
	if got := value[int](t, b, `fetch('do', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{"verb":"restart","shards":[3]}'}).then(a => a.status)`); got != http.StatusUnauthorized {
		t.Errorf("without a token it is answered %d", got)
	}
	b.run(t, "document.getElementById('ask-token').value = 'another-token-of-this-length'")
	b.press(t, "Do it")
	b.until(t, "document.getElementById('ask-why').textContent.includes('give the token')", 2*time.Second)
	if s := status(3); s.Conn != 1 {
		t.Fatalf("a verb was carried out without the token: %d connections", s.Conn)
	}
	b.run(t, fmt.Sprintf("document.getElementById('ask-token').value = %q", controlToken))
	b.press(t, "Do it")
	b.until(t, "!document.getElementById('ask').open", 2*time.Second)
	came := func(what string, is func() bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: nothing has come of it", what)
			}
		}
	}
	came("Restart", func() bool { s := status(3); return s.Conn == 2 && s.Resumes == 1 })
	for _, verb := range []struct {
		name  string
		index int
		is    func(shardmanager.ShardStatus) bool
	}{
		{"New session", 4, func(s shardmanager.ShardStatus) bool { return s.Identifies == 2 }},
		{"Pause", 5, func(s shardmanager.ShardStatus) bool { return s.Mode == actors.Pause }},
		{"Unpause", 5, func(s shardmanager.ShardStatus) bool { return s.Mode == actors.Run }},
		{"Drain", 6, func(s shardmanager.ShardStatus) bool { return s.Mode == actors.Drain || s.Mode == actors.Stop }},
	} {
		b.choose(t, verb.index)
		b.press(t, verb.name)
		b.press(t, "Do it")
		came(verb.name, func() bool { return verb.is(status(verb.index)) })
		b.until(t, "!document.getElementById('ask').open", 2*time.Second)
	}
	b.press(t, "Rolling restart")
	b.press(t, "Do it")
	b.until(t, "document.getElementById('work-rolling').checkVisibility()", 3*time.Second)
	b.press(t, "Abort")
	b.press(t, "Do it")
	b.until(t, "document.getElementById('work-rolling').textContent.includes('aborted')", 5*time.Second)
	b.quiet(t, "401") // those that were refused
}

// TestOtherOrigins: a page of another origin changes nothing, also one that has the token, and reads nothing.
func TestOtherOrigins(t *testing.T) {
	const shards = 4
	bot := newBot(t, shards, dashboardControl)
	b := open(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<!doctype html><title>another origin</title><p>hello")
	}))
	t.Cleanup(other.Close)
	b.do(t, chromedp.Navigate(other.URL))
	order := `{"verb":"pause","shards":[1]}`
	for name, how := range map[string]string{
		"with the token":                fmt.Sprintf(`headers: {'Content-Type': 'application/json', Authorization: 'Bearer %s'}`, controlToken),
		"with the token, as plain text": fmt.Sprintf(`headers: {'Content-Type': 'text/plain', Authorization: 'Bearer %s'}`, controlToken),
		"without a look at the answer":  `mode: 'no-cors', headers: {'Content-Type': 'text/plain'}`,
	} {
		got := value[string](t, b, fmt.Sprintf(`fetch(%q, {method: 'POST', body: %q, %s}).then(a => a.type + ' ' + a.status, () => 'refused')`, bot.url+"do", order, how))
		if got != "refused" && got != "opaque 0" {
			t.Errorf("%s: the other origin is answered %q", name, got)
		}
		all := bot.asked.take()
		if len(all) == 0 {
			t.Errorf("%s: nothing was asked", name)
		}
		for _, each := range all {
			if each.origin != other.URL || each.method == http.MethodPost && each.status != http.StatusForbidden || each.status < 400 {
				t.Errorf("%s: %+v", name, each)
			}
		}
		if how := slices.ContainsFunc(all, func(r request) bool { return r.method == http.MethodPost }); how != (name == "without a look at the answer") {
			t.Errorf("%s: asked with %+v", name, all)
		}
	}
	for _, path := range []string{"shard?index=0", "stream", "find?guild=77"} {
		if got := value[string](t, b, fmt.Sprintf(`fetch(%q).then(a => a.text(), () => 'refused')`, bot.url+path)); got != "refused" {
			t.Errorf("the other origin reads %s: %s", path, got)
		}
	}
	if s, _ := bot.m.Shard(1).Status(); s.Mode != actors.Run {
		t.Errorf("the shard is to %v", s.Mode)
	}
}
