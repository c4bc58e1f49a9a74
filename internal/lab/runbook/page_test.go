package runbook

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write what was seen into docs/operations/runbook.md anew")

const path = "../../../docs/operations/runbook.md"

var (
	shown    = regexp.MustCompile("(?m)^<!-- shown: ([^>]+) -->\n(?:\n```text\n(?s:.*?)^```\n)?")
	duration = regexp.MustCompile(`(\d+(\.\d+)?(h|ms|m|µs|s))+`)
	number   = regexp.MustCompile(`\d+`)
)

// rough is a text without what differs from one run to the next: how long something takes, and how much there is at a moment.
func rough(text string) string {
	return number.ReplaceAllString(duration.ReplaceAllString(text, "0s"), "0")
}

// TestPage: the runbook shows what is logged and answered, word by word.
func TestPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]string)
	var mu sync.Mutex
	t.Run("scenes", func(t *testing.T) {
		for name, scene := range scenes {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				block := "<!-- shown: " + name + " -->\n\n```text\n" + strings.ReplaceAll(scene(t), "\t", " ") + "\n```\n"
				mu.Lock()
				defer mu.Unlock()
				seen[name] = block
			})
		}
	})
	page := shown.ReplaceAllStringFunc(string(text), func(old string) string {
		name := shown.FindStringSubmatch(old)[1]
		now, ok := seen[name]
		switch delete(seen, name); {
		case !ok:
			t.Errorf("nothing is played for %q, or it is shown twice", name)
			return old
		case rough(now) == rough(old):
			return old
		case !*update:
			t.Errorf("the runbook shows another text for %q: run go test ./internal/lab/runbook -update; now it is\n%s", name, now)
		}
		return now
	})
	for name := range seen {
		t.Errorf("%q is played and not shown", name)
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
