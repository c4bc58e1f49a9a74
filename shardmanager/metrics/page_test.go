package metrics_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/signalbox-go/signalbox/shardmanager/metrics"
)

var update = flag.Bool("update", false, "write the table of docs/operations/metrics.md anew")

// TestPageListsAllMetrics: the table of the page is what the code says.
func TestPageListsAllMetrics(t *testing.T) {
	t.Parallel()
	const path, begin, end = "../../docs/operations/metrics.md", "<!-- metrics: `go test ./shardmanager/metrics -update` writes this table -->\n", "<!-- end -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, there := strings.Cut(string(text), begin)
	_, after, ends := strings.Cut(rest, end)
	if !there || !ends {
		t.Fatalf("%s has no place for the table", path)
	}
	want := before + begin + "\n" + metrics.New().Page() + "\n" + end + after
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s is not as the code says: go test ./shardmanager/metrics -update writes it", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestNamesAndUnits: Prometheus' own linter finds nothing to say.
func TestNamesAndUnits(t *testing.T) {
	t.Parallel()
	x := metrics.New(metrics.WithPerShard())
	_ = metrics.Timed(x, "handler", noEvent)
	for _, problem := range must(testutil.CollectAndLint(x.Imagine(20, 2)))(t) {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(x.Imagine(20, 2))
	if _, err := r.Gather(); err != nil {
		t.Error(err)
	}
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// TestEachMetricIsMovedByATest: there is no metric that no test has seen move, on a bot in virtual time.
func TestEachMetricIsMovedByATest(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("moves*_test.go")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	var texts strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts.Write(text)
	}
	for _, name := range metrics.New().Names() {
		short := strings.TrimPrefix(name, "signalbox_")
		if !regexp.MustCompile("want(Between)?\\([\"`]" + short + "(_count|_sum)?[\"`{]").MatchString(texts.String()) {
			t.Errorf("no test has %s move", name)
		}
	}
}
