package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

func (s section) write(results [][]result, rounds int) string {
	var b strings.Builder
	against := ""
	if s.gateway != "" {
		against = fmt.Sprintf(" against `gateway %s`", s.gateway)
	}
	fmt.Fprintf(&b, "### %s\n\n`%s`%s, %d rounds: medians (range).\n\n| client |", s.title, s.scenario, against, rounds)
	for _, m := range s.metrics {
		fmt.Fprintf(&b, " %s |", m.head)
	}
	fmt.Fprintf(&b, "\n|---|%s\n", strings.Repeat("---|", len(s.metrics)))
	for i, c := range s.clients {
		fmt.Fprintf(&b, "| %s |", c.label)
		for _, m := range s.metrics {
			fmt.Fprintf(&b, " %s |", spread(values(results[i], m.key)))
		}
		b.WriteString("\n")
	}
	if len(s.goals) > 0 {
		b.WriteString("\n| goal | figure | |\n|---|---|---|\n")
	}
	for _, g := range s.goals {
		b.WriteString(s.judge(g, results))
	}
	return b.String()
}

func (s section) judge(g goal, results [][]result) string {
	index := func(label string) int {
		return slices.IndexFunc(s.clients, func(c client) bool { return c.label == label })
	}
	figures := values(results[index(g.of)], g.metric)
	what := g.what + " of " + g.of
	if g.to != "" {
		what += " to that of " + g.to
		bases := values(results[index(g.to)], g.metric)
		if len(bases) != len(figures) {
			figures = nil
		}
		for i, base := range bases[:len(figures)] {
			if g.is == "≤ +" {
				figures[i] -= base
			} else {
				figures[i] /= base
			}
		}
	}
	if len(figures) == 0 {
		return fmt.Sprintf("| %s %s %s | – | not measured |\n", what, g.is, number(g.bound))
	}
	got := median(figures)
	verdict := "missed"
	if g.is == "≥" && got >= g.bound || g.is != "≥" && got <= g.bound {
		verdict = "held"
	}
	figure := number(got)
	if s.pairs > 0 {
		low, high := interval(figures)
		figure = fmt.Sprintf("%.3f (95 %%: %.3f–%.3f)", got, low, high)
	}
	return fmt.Sprintf("| %s %s %s | %s | %s |\n", what, g.is, number(g.bound), figure, verdict)
}

// interval is where the median of what the list was drawn from lies, with 95 % certainty or more, whatever its distribution: between two of the list's own values. A
// value is below the median as often as a coin shows heads.
func interval(list []float64) (low, high float64) {
	sorted, n := slices.Sorted(slices.Values(list)), len(list)
	if n == 0 {
		return 0, 0
	}
	rank, below, chance := 0, 0., math.Pow(0.5, float64(n)) // that no more than rank values are below
	for below += chance; rank < n/2; rank++ {
		chance *= float64(n-rank) / float64(rank+1)
		if below+chance > 0.025 {
			break
		}
		below += chance
	}
	return sorted[rank], sorted[n-1-rank]
}

// values are one metric of one client, by round.
func values(results []result, key string) (list []float64) {
	for _, r := range results {
		switch key {
		case "rss_total_mib":
			per, _ := r["rss_kib_per_shard"].(float64)
			shards, _ := r["shards"].(float64)
			list = append(list, per*shards/1024)
		default:
			v, ok := r[key].(float64)
			if ok {
				list = append(list, v)
			}
		}
	}
	return list
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func spread(list []float64) string {
	switch len(list) {
	case 0:
		return "–"
	case 1:
		return number(list[0])
	}
	return fmt.Sprintf("%s (%s–%s)", number(median(list)), number(slices.Min(list)), number(slices.Max(list)))
}

func number(f float64) string {
	switch {
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

// publish prints the table, or puts it into the page between the section's markers.
func publish(page, name, table string) error {
	if page == "" {
		_, err := fmt.Println(table)
		return err
	}
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	begin, end := fmt.Sprintf("<!-- begin %s -->\n", name), fmt.Sprintf("<!-- end %s -->", name)
	head, rest, ok := strings.Cut(string(text), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no markers for %s", page, name)
	}
	return os.WriteFile(page, []byte(head+begin+table+end+tail), 0o644)
}
