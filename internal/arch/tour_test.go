package arch

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// A tour's block is a file, ```go bot.go, or a function that takes the place of the file's one, ```go main.go run.
var (
	tourBlock   = regexp.MustCompile("(?ms)^```go (\\w+\\.go)(?: (\\w+))?\n(.*?)^```")
	tourSection = regexp.MustCompile(`(?m)^## `)
)

// tour are the files of the bot after each section of docs/tour.md in which some of them change.
func tour(t *testing.T) (stages []map[string]string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/tour.md")
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, section := range tourSection.Split(string(page), -1) {
		blocks := tourBlock.FindAllStringSubmatch(section, -1)
		for _, block := range blocks {
			name, function, text := block[1], block[2], block[3]
			if function != "" {
				old := regexp.MustCompile(`(?ms)^func ` + function + `\(.*?^}\n`)
				if len(old.FindAllString(files[name], -1)) != 1 {
					t.Fatalf("%s has no one function %s to be replaced", name, function)
				}
				text = old.ReplaceAllLiteralString(files[name], text)
			}
			files[name] = text
		}
		if len(blocks) > 0 {
			stage := make(map[string]string)
			for name, text := range files {
				stage[name] = text
			}
			stages = append(stages, stage)
		}
	}
	if len(stages) < 5 {
		t.Fatalf("the tour has %d stages, fewer than there were", len(stages))
	}
	return stages
}

// goTour runs the go command on the packages that are made of stages: they are there for it alone.
func goTour(t *testing.T, stages []map[string]string, args ...string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	overlay := map[string]map[string]string{"Replace": {}}
	var targets []string
	for i, stage := range stages {
		where := filepath.Join("internal", "tour", string(rune('a'+i)))
		for name, text := range stage {
			real := filepath.Join(dir, filepath.Base(where)+name)
			if err := os.WriteFile(real, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			overlay["Replace"][filepath.Join(root, where, name)] = real
		}
		targets = append(targets, "./"+filepath.ToSlash(where))
	}
	data, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, data, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("go", append(append([]string{args[0], "-overlay", list}, args[1:]...), targets...)...)
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestTour: the bot of the tour compiles after each step, and passes the tests that it has by then.
func TestTour(t *testing.T) {
	t.Parallel()
	stages, dir := tour(t), t.TempDir()
	goTour(t, stages, "build", "-o", os.DevNull)
	goTour(t, stages, "test", "-vet", "off", "-c", "-o", dir+string(filepath.Separator)) // vet looks for the folders, which are not there
	tests, err := filepath.Glob(filepath.Join(dir, "*.test"))
	if err != nil || len(tests) < 2 {
		t.Fatalf("%d stages have tests: %v", len(tests), err)
	}
	for _, test := range tests {
		if out, err := exec.Command(test).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(test), err, out)
		}
	}
}

// TestTourRuns: the bot at the end of the tour, as a program, answers, ends when it is told to, and resumes when it runs again.
func TestTourRuns(t *testing.T) {
	t.Parallel()
	stages := tour(t)
	binary := filepath.Join(t.TempDir(), "bot")
	goTour(t, stages[len(stages)-1:], "build", "-o", binary)
	const guild events.Snowflake = 613425648685547541
	gateway := gatewaytest.NewServer(t, gatewaytest.WithGuilds(guild))
	for text, want := range map[string]string{"!ping": `{"content":"pong"}`, "!count": `{"content":"3 members"}`} { // in any order
		begins := gateway.Stats().Identifies == 0
		command := exec.Command(binary)
		command.Env = append(os.Environ(), "DISCORD_TOKEN=token", "DISCORD_API="+gateway.APIBase(), "BOT_STORE="+filepath.Join(filepath.Dir(binary), "bot.db"))
		var out strings.Builder
		command.Stdout, command.Stderr = &out, &out
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		gateway.World().Message(guild, gatewaytest.Message{Content: text}) // the second time it is most likely not there yet
		answered := func() bool {
			return slices.ContainsFunc(gateway.Calls(), func(call gatewaytest.Call) bool { return string(call.Body) == want && call.Status == 200 })
		}
		for begun := time.Now(); !answered() && time.Since(begun) < 30*time.Second; time.Sleep(10 * time.Millisecond) {
			if begins && gateway.Shard(0).Live() { // the first one was before its session
				gateway.World().Message(guild, gatewaytest.Message{Content: text})
				begins = false
			}
		}
		ok := answered()
		if err := command.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if err := command.Wait(); err != nil || !ok {
			t.Fatalf("%q: answered %v, ended with %v:\n%s", text, ok, err, out.String())
		}
	}
	if stats := gateway.Stats(); stats.Identifies != 1 || stats.Resumes != 1 {
		t.Errorf("%d identifies and %d resumes, want one each", stats.Identifies, stats.Resumes)
	}
	gateway.RequireNoViolations(t)
}
