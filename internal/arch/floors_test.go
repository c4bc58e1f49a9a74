// Package arch holds the rules of the house as tests: which package may import what, and what
// some packages may not do at all.
package arch

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/signalbox-go/signalbox/"

// floor says what a package of ours may import, besides the standard library.
type floor struct {
	ours     []string // packages of ours, without the module's path
	libGroup []string // prefixes of packages of others
	why      string
}

var floors = map[string]floor{
	"events":                 {[]string{"events/discord", "events/internal/number", "events/internal/wire", "internal/stack"}, nil, "the vocabulary depends on nothing"},
	"events/discord":         {[]string{"events/internal/number"}, nil, "the vocabulary depends on nothing"},
	"events/internal/number": {nil, nil, "it reads numbers"},
	"events/internal/wire":   {[]string{"events/discord", "events/internal/number"}, []string{"github.com/mailru/easyjson/jlexer"}, "it decodes the vocabulary"},
	"events/schema":          {nil, nil, "the schema is data"},
	"internal/cmd/drift":     {[]string{"events", "events/schema"}, nil, "it compares the vocabulary with the world"},
	"internal/cmd/eventgen":  {[]string{"events/schema"}, nil, "it writes the vocabulary and must not need it"},
	"internal/cmd/pictures":  {[]string{"ratelimit"}, nil, "it draws what the limiter says"},
	"ratelimit":              {nil, nil, "permission is arithmetic: it does not know what is permitted"},
	"ratelimit/limitertest":  {[]string{"ratelimit"}, nil, "it judges any implementation"},
	"session":                {[]string{"events"}, nil, "the protocol is a value"},
	"session/boltstore":      {[]string{"session/filestore"}, []string{"go.uber.org/zap"}, "it is the former name of filestore"},
	"session/filestore":      {[]string{"events", "ratelimit", "session"}, []string{"go.uber.org/zap"}, "it keeps sessions in a file"},
	"session/storetest":      {[]string{"events", "session"}, nil, "it judges any store"},
	"session/gatewaytest": {[]string{"events"}, []string{"github.com/gorilla/websocket", "github.com/klauspost/compress"},
		"the fake must not share a mistake with what it judges"},
	"session/gatewaytest/control": {[]string{"events", "session/gatewaytest"}, []string{"go.yaml.in/yaml/v4"}, "it gives orders to the fake from outside"},
	"internal/transport": {[]string{"events", "internal/foreign", "session"}, []string{"github.com/gorilla/websocket", "github.com/klauspost/compress"},
		"the one place that knows the WebSocket library"},
	"internal/lab/foreign":     {[]string{"events", "session/gatewaytest"}, nil, "it runs clients that are not ours"},
	"internal/lab/mutants":     {nil, nil, "it changes the product's text, and runs what judges it"},
	"internal/lab/reliability": {nil, nil, "it reads what tests say"},
	"internal/lab/runbook":     {nil, nil, "it has tests alone"},
	"internal/lab/soak":        {nil, nil, "it has tests alone"},
	"internal/lab/sim": {[]string{"actors", "events", "ratelimit", "session", "session/gatewaytest", "shardmanager"},
		[]string{"github.com/asynkron/protoactor-go/actor", "github.com/mailru/easyjson/jlexer", "go.uber.org/zap"}, "it runs whole bots"},
	"internal/bus":      {[]string{"events", "internal/foreign", "internal/stack"}, nil, "it delivers, and decides nothing"},
	"internal/handover": {[]string{"events", "session"}, []string{"github.com/gofrs/flock"}, "it is what two processes say to each other"},
	"internal/cutover":  {nil, nil, "which events are delivered is a value"},
	"internal/foreign":  {nil, nil, "it calls code that is not ours"},
	"internal/stack":    {nil, nil, "it asks the runtime for room"},
	"internal/tap":      {[]string{"events"}, nil, "it listens, and keeps nothing"},
	"internal/zaplog":   {[]string{"internal/foreign"}, []string{"go.uber.org/zap"}, "it carries logs"},
	"actors": {[]string{"events", "ratelimit", "session", "internal/bus", "internal/cutover", "internal/foreign", "internal/stack", "internal/tap", "internal/transport", "internal/zaplog"},
		[]string{"github.com/asynkron/protoactor-go/actor", "go.uber.org/zap"}, "the lowest floor that names the actor library"},
	"shardmanager": {[]string{"actors", "events", "internal/bus", "internal/foreign", "internal/handover", "internal/tap", "internal/transport", "internal/zaplog", "ratelimit", "session"},
		[]string{"github.com/asynkron/protoactor-go/actor", "go.uber.org/zap"}, "the door"},
	"shardmanager/slogger": {[]string{"internal/foreign"}, []string{"go.uber.org/zap"}, "it carries logs to log/slog"},
	"shardmanager/health":  {[]string{"actors", "internal/foreign", "ratelimit", "session", "shardmanager"}, nil, "it asks a Manager how it stands"},
	"shardmanager/metrics": {[]string{"actors", "events", "internal/tap", "ratelimit", "session", "shardmanager"}, []string{"github.com/prometheus/client_golang/prometheus"},
		"it reads the door, and nothing behind it"},
	"shardmanager/otel": {[]string{"actors", "events", "shardmanager"},
		[]string{"go.opentelemetry.io/otel/attribute", "go.opentelemetry.io/otel/codes", "go.opentelemetry.io/otel/trace"},
		"it makes spans of what the door tells, by OpenTelemetry's API and not its SDK"},
	"shardmanager/recorder": {[]string{"actors", "events", "internal/foreign", "internal/tap", "internal/transport", "session", "shardmanager"}, []string{"go.uber.org/zap"},
		"it writes down what it hears, and is in nobody's way"},
	"shardmanager/dashboard": {[]string{"actors", "events", "internal/foreign", "session", "shardmanager"}, []string{"go.uber.org/zap"}, "it shows what the door tells"},
}

type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string

	TestGoFiles, XTestGoFiles []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports,TestGoFiles,XTestGoFiles", "./...")
	command.Dir = "../.."
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var p pkg
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < len(floors) {
		t.Fatalf("go list found %d packages, fewer than there are floors", len(all))
	}
	return all
}

// broken are the imports that the floor does not allow.
func broken(f floor, imports []string) (bad []string) {
	for _, path := range imports {
		if ours, ok := strings.CutPrefix(path, module); ok {
			if !slices.Contains(f.ours, ours) {
				bad = append(bad, path)
			}
			continue
		}
		first, _, _ := strings.Cut(path, "/")
		library := strings.Contains(first, ".")
		allowed := slices.ContainsFunc(f.libGroup, func(prefix string) bool { return path == prefix || strings.HasPrefix(path, prefix+"/") })
		if library && !allowed {
			bad = append(bad, path)
		}
	}
	return bad
}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(name, "examples/") || name == "internal/arch" {
			continue
		}
		f, known := floors[name]
		if !known {
			t.Errorf("package %s stands on no floor: say in floors what it may import", name)
			continue
		}
		for _, path := range broken(f, p.Imports) {
			t.Errorf("%s imports %s: %s", name, path, f.why)
		}
	}
}

func TestBrokenFloorIsFound(t *testing.T) {
	t.Parallel()
	f := floor{ours: []string{"events"}, libGroup: []string{"go.uber.org/zap"}}
	imports := []string{"fmt", "net/http", module + "events", module + "actors", "go.uber.org/zap/zapcore", "go.uber.org/zapper"}
	if bad := broken(f, imports); !slices.Equal(bad, []string{module + "actors", "go.uber.org/zapper"}) {
		t.Errorf("broken found %q", bad)
	}
}

// forbidden are calls that a package may not make.
var forbidden = map[string]struct {
	calls []string
	why   string
}{
	"session": {[]string{"time.Now", "time.Sleep", "time.After", "time.AfterFunc", "time.NewTimer", "time.NewTicker"},
		"time is given to the protocol"},
	"ratelimit": {[]string{"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc", "time.NewTimer", "time.NewTicker", "context.WithTimeout", "context.WithDeadline"},
		"permission is arithmetic that is told the time"},
	"actors": {[]string{"time.Sleep", ".Result"}, "nothing in a Receive waits"},
}

// offences are the forbidden calls, go statements and channels of a file.
func offences(file *ast.File, calls []string, pure bool) (found []string) {
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.GoStmt:
			if pure {
				found = append(found, "a go statement")
			}
		case *ast.ChanType:
			if pure {
				found = append(found, "a channel")
			}
		case *ast.CallExpr:
			selector, ok := n.Fun.(*ast.SelectorExpr)
			if !ok {
				break
			}
			base := ""
			if id, ok := selector.X.(*ast.Ident); ok {
				base = id.Name
			}
			if slices.Contains(calls, base+"."+selector.Sel.Name) || slices.Contains(calls, "."+selector.Sel.Name) {
				found = append(found, base+"."+selector.Sel.Name)
			}
		}
		return true
	})
	return found
}

func TestForbiddenCalls(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		rule, ok := forbidden[strings.TrimPrefix(p.ImportPath, module)]
		if !ok {
			continue
		}
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			pure := strings.HasSuffix(p.ImportPath, "/session") || strings.HasSuffix(p.ImportPath, "/ratelimit")
			for _, found := range offences(file, rule.calls, pure) {
				if name == "ask.go" && found == "future.Result" {
					continue // it is for callers that are no actors
				}
				t.Errorf("%s/%s has %s: %s", p.ImportPath, name, found, rule.why)
			}
			for _, spec := range file.Imports {
				path, _ := strconv.Unquote(spec.Path.Value)
				if pure && (path == "net" || strings.HasPrefix(path, "net/") || path == "sync" && name != "store.go") {
					t.Errorf("%s/%s imports %s: %s", p.ImportPath, name, path, rule.why)
				}
			}
		}
	}
}

func TestForbiddenCallIsFound(t *testing.T) {
	t.Parallel()
	const source = `package p
func f() { go f(); time.Sleep(1); future.Result(); _ = make(chan int) }`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	if found := offences(file, []string{"time.Sleep", ".Result"}, true); len(found) != 4 {
		t.Errorf("found %q, want four offences", found)
	}
}

func TestShape(t *testing.T) {
	t.Parallel()
	rooms := []string{"go.mod", "go.sum", "actors", "shardmanager", "session", "ratelimit", "events", "examples", "docs", "internal",
		"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", ".golangci.yml", ".ci", ".gitignore", ".git"}
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !slices.Contains(rooms, entry.Name()) {
			t.Errorf("%s does not belong at the top level", entry.Name())
		}
	}
	for _, p := range packages(t) {
		if name := filepath.Base(p.Dir); slices.Contains([]string{"util", "utils", "common", "types", "helpers"}, name) {
			t.Errorf("package %s: name it by what it is for", p.ImportPath)
		}
		for _, name := range p.GoFiles {
			data, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if lines := strings.Count(string(data), "\n"); lines > 400 && !strings.HasPrefix(name, "zz_") {
				t.Errorf("%s/%s has %d lines: one noun a file", p.ImportPath, name, lines)
			}
		}
	}
}
