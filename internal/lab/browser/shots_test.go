package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/signalbox-go/signalbox/events"
)

// TestPictures makes pictures to look at, with -shots: three widths, light and dark, while things go wrong. Nothing is wider than the page.
func TestPictures(t *testing.T) {
	const shards = 256
	bot := newBot(t, shards, dashboardControl)
	bot.live(t, shards)
	b := open(t)
	b.visit(t, bot.url, shards)
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
		time.Sleep(300 * time.Millisecond)
	}
	bot.gateway.Hang(true)
	defer bot.gateway.Hang(false)
	for i := range 8 {
		bot.gateway.Shard(100 + i*5).Drop()
	}
	time.Sleep(3 * time.Second)
	b.run(t, "document.getElementById('go-index').value = '105'; document.getElementById('go').requestSubmit()")
	time.Sleep(1500 * time.Millisecond)
	for _, theme := range []string{"light", "dark"} {
		b.run(t, fmt.Sprintf("const s = document.getElementById('theme'); s.value = %q; s.dispatchEvent(new Event('change'))", theme))
		for _, width := range []int64{390, 820, 1440} {
			b.do(t, chromedp.EmulateViewport(width, 900))
			time.Sleep(700 * time.Millisecond)
			if wide := value[int64](t, b, "document.documentElement.scrollWidth"); wide > width {
				t.Errorf("at %d pixels the page is %d wide", width, wide)
			}
			b.shoot(t, fmt.Sprintf("%s-%d", theme, width))
		}
	}
	b.quiet(t)
}

// shoot makes a picture of the whole page.
func (b *tab) shoot(t *testing.T, name string) {
	t.Helper()
	if *shots == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(*shots, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*shots, name+".png"), picture, 0o600); err != nil {
		t.Fatal(err)
	}
}
