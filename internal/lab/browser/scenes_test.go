package browser

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/signalbox-go/signalbox/events"
)

// scenes are what the page may have to show. Each begins on a page that shows a bot, and f is called when it is there.
var scenes = []struct {
	name string
	play func(t *testing.T, f func(*tab))
}{
	{"overview", func(t *testing.T, f func(*tab)) {
		b := stage(t, newBot(t, 2000, dashboardControl), 2000)
		time.Sleep(2 * time.Second)
		f(b)
	}},
	{"details", func(t *testing.T, f func(*tab)) {
		const shards = 256
		bot := newBot(t, shards, dashboardControl)
		b := stage(t, bot, shards)
		if err := bot.m.Pause(t.Context(), 40, 41, 42); err != nil {
			t.Fatal(err)
		}
		for i := range 12 {
			switch s := bot.gateway.Shard(i * 17); i % 4 {
			case 0:
				s.Drop()
			case 1:
				s.Reconnect()
			case 2:
				s.InvalidSession(false)
			case 3:
				s.Close(events.CloseCode(4000))
			}
			time.Sleep(100 * time.Millisecond)
		}
		bot.gateway.Hang(true)
		defer bot.gateway.Hang(false)
		for i := range 8 {
			bot.gateway.Shard(100 + i*5).Drop()
		}
		b.choose(t, 105)
		time.Sleep(2 * time.Second)
		f(b)
	}},
	{"reshard", func(t *testing.T, f func(*tab)) {
		const shards = 32
		bot := newSlowBot(t, shards, 16, dashboardControl)
		b := stage(t, bot, shards)
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			_ = bot.m.Reshard(ctx, 2*shards) // it is not waited for
		}()
		defer func() {
			cancel()
			<-over
		}()
		b.until(t, "document.getElementById('work-reshard').checkVisibility() && dashboard.grid.sets.length > 1", 20*time.Second)
		bot.gateway.Hang(true) // so that it stays as it is
		defer bot.gateway.Hang(false)
		if err := bot.m.Pause(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		f(b)
	}},
	{"outage", func(t *testing.T, f func(*tab)) {
		const shards = 2000
		bot := newBot(t, shards, dashboardControl)
		b := stage(t, bot, shards)
		time.Sleep(time.Second)
		bot.gateway.Outage(true)
		defer bot.gateway.Outage(false)
		time.Sleep(4 * time.Second)
		f(b)
	}},
}

// stage is a page that shows a bot that lives.
func stage(t *testing.T, bot *bot, shards int) *tab {
	t.Helper()
	bot.live(t, shards)
	b := open(t)
	b.visit(t, bot.url, shards)
	return b
}

// wear sets the width and the theme.
func (b *tab) wear(t *testing.T, width int64, theme string) {
	t.Helper()
	b.run(t, fmt.Sprintf("const s = document.getElementById('theme'); s.value = %q; s.dispatchEvent(new Event('change'))", theme))
	b.do(t, chromedp.EmulateViewport(width, 900))
	time.Sleep(500 * time.Millisecond)
}

// TestScenes: nothing is wider than the page, and axe finds nothing serious, at three widths, light and dark. With -shots it makes pictures to look at.
func TestScenes(t *testing.T) {
	for _, scene := range scenes {
		t.Run(scene.name, func(t *testing.T) {
			t.Parallel() // nothing is measured
			scene.play(t, func(b *tab) {
				for _, theme := range []string{"light", "dark"} {
					for _, width := range []int64{375, 1024, 1600} {
						b.wear(t, width, theme)
						if wide := value[int64](t, b, "document.documentElement.scrollWidth"); wide > width {
							t.Errorf("at %d pixels the page is %d wide", width, wide)
						}
						b.judge(t, fmt.Sprintf("%s at %d", theme, width))
						b.shoot(t, fmt.Sprintf("%s-%s-%d", scene.name, theme, width))
					}
				}
				b.quiet(t)
			})
		})
	}
}

// TestDialogs: axe finds nothing serious in what asks for a token, and for a word before something is done.
func TestDialogs(t *testing.T) {
	const shards = 8
	bot := newBot(t, shards, dashboardControl)
	b := open(t)
	b.visit(t, bot.url, shards)
	b.choose(t, 3)
	b.press(t, "Restart")
	for _, theme := range []string{"light", "dark"} {
		b.run(t, fmt.Sprintf("document.documentElement.dataset.theme = %q", theme))
		b.judge(t, theme)
		b.shoot(t, "dialog-"+theme)
	}
	b.do(t, chromedp.Navigate(serve(t, bot.m, &requests{}, tokenToLook)))
	b.until(t, "document.getElementById('entry').checkVisibility()", 5*time.Second)
	b.run(t, "document.getElementById('token').value = 'another-token-of-this-length'; document.getElementById('entry').requestSubmit()")
	b.until(t, "document.getElementById('entry-why').textContent", 5*time.Second)
	for _, width := range []int64{375, 1024} {
		b.wear(t, width, "light")
		b.judge(t, "the token")
		b.shoot(t, fmt.Sprintf("token-%d", width))
	}
	b.run(t, fmt.Sprintf("document.getElementById('token').value = %q; document.getElementById('entry').requestSubmit()", lookToken))
	b.until(t, fmt.Sprintf("dashboard.grid.size === %d && document.getElementById('entry').hidden", shards), 5*time.Second)
	b.quiet(t, "401")
}
