package browser

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var (
	chromium = flag.String("chromium", os.Getenv("CHROMIUM"), "path of Chromium; empty: it is looked for")
	must     = flag.Bool("must", false, "without Chromium tests fail, and are not skipped")
	shots    = flag.String("shots", "", "folder for pictures; empty: none are made")
)

// lack ends a test that has not what it needs.
func lack(t *testing.T, what string) {
	t.Helper()
	if *must {
		t.Fatal(what)
	}
	t.Skip(what)
}

// found is where Chromium is.
var found = sync.OnceValue(func() string {
	if *chromium != "" {
		return *chromium
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
})

// tab is a page in a browser of its own, and what it has complained of.
type tab struct {
	ctx context.Context

	mu       sync.Mutex
	problems []string
	read     map[network.RequestID][]chunk // of streams
}

// chunk is what was read at one moment.
type chunk struct {
	at    time.Time
	bytes int
}

// note keeps what was read of a request: of a stream, which begins with nothing.
func (b *tab) note(id network.RequestID, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, stream := b.read[id]; stream || bytes == 0 {
		b.read[id] = append(b.read[id], chunk{time.Now(), bytes})
	}
}

func description(o *runtime.RemoteObject) string {
	if o == nil {
		return ""
	}
	return o.Description
}

// open starts a browser. Two tests that measure do not have one at the same time.
func open(t *testing.T, flags ...chromedp.ExecAllocatorOption) *tab {
	t.Helper()
	if found() == "" {
		lack(t, "there is no Chromium: install it, or say where it is with -chromium")
	}
	options := slices.Concat(chromedp.DefaultExecAllocatorOptions[:], []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(found()), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-background-networking", true),
	}, flags)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &tab{ctx: ctx, read: make(map[network.RequestID][]chunk)}
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			b.complain(e.ExceptionDetails.Text + " " + description(e.ExceptionDetails.Exception))
		case *cdplog.EventEntryAdded:
			if level := string(e.Entry.Level); level == "error" || level == "warning" {
				b.complain(fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL))
			}
		case *network.EventRequestWillBeSent:
			if strings.HasSuffix(e.Request.URL, "/stream") {
				b.note(e.RequestID, 0)
			}
		case *network.EventDataReceived:
			b.note(e.RequestID, int(e.DataLength))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
		return chromedp.Void{}, err
	}); err != nil {
		t.Fatal(err)
	}
	b.do(t, chromedp.Navigate("about:blank"))
	return b
}

func (b *tab) complain(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, what)
}

// quiet fails the test for each thing that the page has complained of, such as a breach of its policy, but for those that have a part.
func (b *tab) quiet(t *testing.T, but ...string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, problem := range b.problems {
		if !slices.ContainsFunc(but, func(part string) bool { return strings.Contains(problem, part) }) {
			t.Error("the browser says: ", problem)
		}
	}
}

func (b *tab) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// value is what an expression of JavaScript is worth, also one that comes later.
func value[T any](t *testing.T, b *tab, expression string) T {
	t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// run runs JavaScript.
func (b *tab) run(t *testing.T, script string) {
	t.Helper()
	value[int](t, b, "(async () => { "+script+"; return 1 })()")
}

// until waits until an expression is true.
func (b *tab) until(t *testing.T, expression string, within time.Duration) {
	t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(10 * time.Millisecond) {
		if value[bool](t, b, "Boolean("+expression+")") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it is not so within %v: %s\nthe page says: %s", within, expression, value[string](t, b, "document.body.innerText.slice(0, 1500)"))
		}
	}
}

// visit opens the dashboard and waits until it shows its shards.
func (b *tab) visit(t *testing.T, url string, shards int) {
	t.Helper()
	b.do(t, chromedp.Navigate(url))
	b.until(t, fmt.Sprintf("window.dashboard?.grid.size === %d && document.getElementById('n-events').textContent !== '–'", shards), 10*time.Second)
}
