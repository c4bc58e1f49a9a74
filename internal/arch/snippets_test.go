package arch

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// known are the packages that a snippet may name without importing them.
var known = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "strings": "strings", "os": "os", "time": "time", "testing": "testing",
	"net": "net", "http": "net/http", "tls": "crypto/tls", "x509": "crypto/x509",
	"synctest": "testing/synctest", "zap": "go.uber.org/zap", "actor": "github.com/asynkron/protoactor-go/actor",
	"events": module + "events", "ratelimit": module + "ratelimit", "session": module + "session",
	"limitertest": module + "ratelimit/limitertest",
	"gatewaytest": module + "session/gatewaytest", "control": module + "session/gatewaytest/control", "filestore": module + "session/filestore", "storetest": module + "session/storetest", "actors": module + "actors", "shardmanager": module + "shardmanager",
	"health": module + "shardmanager/health", "slogger": module + "shardmanager/slogger", "slog": "log/slog",
	"metrics": module + "shardmanager/metrics", "prometheus": "github.com/prometheus/client_golang/prometheus", "promhttp": "github.com/prometheus/client_golang/prometheus/promhttp",
	"dashboard": module + "shardmanager/dashboard",
	"otel":      module + "shardmanager/otel", "trace": "go.opentelemetry.io/otel/trace",
}

var fence = regexp.MustCompile("(?ms)^```go\n(.*?)^```")

// file makes a whole file of a snippet. What is not one already may use ctx, m, t, token and
// guild.
func file(snippet string) string {
	if strings.HasPrefix(snippet, "package ") {
		return snippet
	}
	body := snippet
	if !strings.HasPrefix(snippet, "func ") && !strings.HasPrefix(snippet, "type ") {
		body = "func _(ctx context.Context, m *shardmanager.Manager, t *testing.T, token string, guild events.Snowflake) {\n" + snippet + "\n}\n"
	}
	var imports strings.Builder
	for name, path := range known {
		if regexp.MustCompile(`\b` + name + `\.[A-Z]`).MatchString(body) {
			fmt.Fprintf(&imports, "import %q\n", path)
		}
	}
	return "package snippet\n" + imports.String() + body
}

// TestSnippets compiles every Go snippet of the documentation.
func TestSnippets(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	below, err := filepath.Glob("../../docs/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	overlay := map[string]map[string]string{"Replace": {}}
	var targets []string
	for _, page := range append(append(pages, below...), "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, match := range fence.FindAllStringSubmatch(string(text), -1) {
			name := fmt.Sprintf("%s-%s-%d", filepath.Base(filepath.Dir(page)), strings.TrimSuffix(filepath.Base(page), ".md"), i+1)
			real := filepath.Join(dir, name+".go")
			if err := os.WriteFile(real, []byte(file(match[1])), 0o600); err != nil {
				t.Fatal(err)
			}
			// Each snippet is a package of its own, which exists for the go command alone.
			overlay["Replace"][filepath.Join(root, "internal", "snippet", name, "snippet.go")] = real
			targets = append(targets, "./internal/snippet/"+name)
		}
	}
	if len(targets) == 0 {
		t.Fatal("no snippet was found")
	}
	data, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, data, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("go", append([]string{"build", "-o", os.DevNull, "-overlay", list}, targets...)...)
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("snippets do not compile: %v\n%s", err, out)
	}
}
