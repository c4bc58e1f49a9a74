package operations_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signalbox-go/signalbox/shardmanager/metrics"
)

// told are the metrics of the code, and the series that its histograms have.
func told(t *testing.T) (all []string) {
	t.Helper()
	descs := make(chan *prometheus.Desc, 1000)
	metrics.New(metrics.WithPerShard()).Describe(descs)
	close(descs)
	name := regexp.MustCompile(`fqName: "(\w+)"`)
	for d := range descs {
		found := name.FindStringSubmatch(d.String())
		if found == nil {
			t.Fatalf("a metric has no name: %v", d)
		}
		all = append(all, found[1], found[1]+"_bucket", found[1]+"_sum", found[1]+"_count")
	}
	return all
}

// dashboard is what is looked at of docs/operations/grafana.json.
type dashboard struct {
	Title      string
	UID        string
	Panels     []panel
	Templating struct{ List []variable }
}

type panel struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ X, Y, W, H int }
	Targets []struct{ RefID, Expr, LegendFormat string }
}

type variable struct{ Name, Definition string }

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile(docs + "grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// expressions are those of the dashboard, with Grafana's variables filled in.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "1m", "$job", "bot", "$instance", ".*").Replace(target.Expr)
			all[fmt.Sprintf("dashboard, %q, %s", p.Title, target.RefID)] = expr
		}
	}
	return all
}

// TestExpressionsNameMetricsThatExist: in the alerts and in the dashboard; and each metric is in the dashboard.
func TestExpressionsNameMetricsThatExist(t *testing.T) {
	t.Parallel()
	there := told(t)
	all := expressions(t)
	if len(all) < 60 {
		t.Errorf("only %d expressions in the dashboard", len(all))
	}
	shown := make(map[string]bool)
	for where, expr := range all {
		for _, name := range names(t, expr) {
			if shown[name] = true; !slices.Contains(there, name) {
				t.Errorf("%s names %s, which is no metric", where, name)
			}
		}
	}
	for i := 0; i < len(there); i += 4 {
		if !slices.ContainsFunc(there[i:i+4], func(name string) bool { return shown[name] }) {
			t.Errorf("%s is not in the dashboard", there[i])
		}
	}
	for _, rule := range rules(t) {
		for _, name := range names(t, rule.Expr) {
			if !slices.Contains(there, name) {
				t.Errorf("%s names %s, which is no metric", rule.Alert, name)
			}
		}
	}
}

// TestDashboardIsWhole: panels have names of their own, do not overlap, and lie within the width.
func TestDashboardIsWhole(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	ids, titles, taken := make(map[int]bool), make(map[string]bool), make(map[[2]int]string)
	for _, p := range d.Panels {
		if ids[p.ID] || titles[p.Title] || p.Title == "" || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d %q: its id or title is another's too, or it has no title, or nothing to show", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, there := taken[[2]int{x, y}]; there || x >= 24 {
					t.Fatalf("%q lies over %q, or beyond the width", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
	}
	if want := []string{"datasource", "job", "instance"}; !slices.Equal(variables, want) || d.UID == "" {
		t.Errorf("variables %v, want %v; uid %q", variables, want, d.UID)
	}
}
