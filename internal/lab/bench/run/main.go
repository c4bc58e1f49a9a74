// Command run measures this library, its peers and the floor, and writes the tables of docs/benchmarks.md.
//
// It builds the gateway and the clients, runs the clients of each section in turn, round by round, and
// prints for each metric the median and the range, and each goal beside its figure: the median of the
// ratios within the rounds. With -o, the tables take the place of those in the page, between its markers.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const address = "127.0.0.1:7711"

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 5, "counted rounds")
	only := flag.String("only", "", "sections to run, by name, with commas; empty: all but those of 16,000 shards")
	page := flag.String("o", "", "the page whose tables are to be replaced; empty: print them")
	commit := flag.String("against", "", "an older commit, which alone this library is compared with")
	list := flag.Bool("list", false, "list the sections")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *list {
		for _, s := range sections() {
			fmt.Printf("%-20s %s\n", s.name, s.title)
		}
		return
	}
	dir, err := build(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if *commit != "" {
		if err := buildBefore(ctx, dir, *commit); err != nil {
			log.Fatal(err)
		}
	}
	for _, s := range sections() {
		if *only == "" && s.long || *only != "" && !slices.Contains(strings.Split(*only, ","), s.name) {
			continue
		}
		if *commit != "" {
			var left bool
			if s, left = s.against(); !left {
				continue
			}
		}
		n := *rounds
		if s.rounds > 0 {
			n = min(n, s.rounds)
		}
		if s.pairs > 0 {
			n = s.pairs
		}
		log.Printf("%s: %d rounds of %d clients", s.name, n, len(s.clients))
		table, err := s.run(ctx, dir, n)
		if err == nil {
			err = publish(*page, s.name, table)
		}
		if err != nil {
			log.Fatalf("%s: %v", s.name, err)
		}
	}
}

// build makes the programs of the gateway, of the clients, and of the actors' benchmarks.
func build(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return "", err
	}
	if err := do(ctx, "", "go", "build", "-o", dir+string(filepath.Separator), "./gateway", "./clients/..."); err != nil {
		return dir, err
	}
	return dir, do(ctx, filepath.Join("..", "..", ".."), "go", "test", "-c", "-o", filepath.Join(dir, "actors.test"), "./actors")
}

type result map[string]any

// run runs all clients for the rounds, mostly after one that does not count.
func (s section) run(ctx context.Context, dir string, rounds int) (string, error) {
	if s.gateway == "" {
		return s.table(ctx, dir, rounds)
	}
	gateway := exec.CommandContext(ctx, filepath.Join(dir, "gateway"), append(strings.Fields(s.gateway), "-addr", address)...)
	gateway.Stderr = os.Stderr
	if err := gateway.Start(); err != nil {
		return "", err
	}
	defer func() {
		_ = gateway.Process.Kill()
		_ = gateway.Wait()
	}()
	if err := await(ctx); err != nil {
		return "", err
	}
	table, err := s.table(ctx, dir, rounds)
	if err != nil {
		return "", err
	}
	broken, err := misbehaviour()
	if broken != "" {
		table += fmt.Sprintf("\nMisbehaviour of all clients that the gateway counted: %s.\n", broken)
	}
	return table, err
}

// table runs the clients, in turn.
func (s section) table(ctx context.Context, dir string, rounds int) (string, error) {
	results, order := make([][]result, len(s.clients)), make([]int, len(s.clients))
	for i := range order {
		order[i] = i
	}
	first := -1
	if s.rounds > 0 { // what takes long needs no round to warm up
		first = 0
	}
	for round := first; round < rounds; round++ {
		slices.Reverse(order) // so that what comes first is not always the same
		for _, i := range order {
			c := s.clients[i]
			got, err := s.one(ctx, dir, c)
			if err != nil {
				return "", fmt.Errorf("%s: %w", c.label, err)
			}
			if round >= 0 {
				results[i] = append(results[i], got)
			}
			log.Printf("  round %d: %s", round+1, c.label)
		}
	}
	return s.write(results, rounds), nil
}

func await(ctx context.Context) error {
	for range 100 {
		if response, err := http.Get("http://" + address + "/bench/stats"); err == nil {
			return response.Body.Close()
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("the gateway does not listen on %s: is another one running?", address)
}

func (s section) one(ctx context.Context, dir string, c client) (result, error) {
	words := append(strings.Fields(c.command+" -server "+address), strings.Fields(s.scenario)...)
	if s.gateway == "" {
		pattern, old := strings.CutPrefix(c.command, before+"/")
		if words = append(strings.Fields(s.scenario), pattern); old {
			words[0] = before + "/" + words[0]
		}
	}
	var errors bytes.Buffer
	command := exec.CommandContext(ctx, filepath.Join(dir, words[0]), words[1:]...)
	command.Stderr = &errors
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, errors.String())
	}
	if s.gateway == "" {
		return benchmark(string(out))
	}
	var got result
	if err := json.Unmarshal(out, &got); err != nil {
		return nil, fmt.Errorf("%w in %q", err, out)
	}
	if n, _ := got["errors"].(float64); n > 0 {
		return nil, fmt.Errorf("the client reported %v errors: %s", n, errors.String())
	}
	return got, nil
}

// benchmark reads the one line that Go's benchmarks print: a name, a number of runs, and figures with their units.
func benchmark(out string) (result, error) {
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if !strings.HasPrefix(line, "Benchmark") || len(fields) < 4 {
			continue
		}
		got := result{}
		for i := 2; i+1 < len(fields); i += 2 {
			figure, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, err
			}
			got[fields[i+1]] = figure
		}
		return got, nil
	}
	return nil, fmt.Errorf("no benchmark in %q", out)
}

// misbehaviour is what the gateway has seen of it.
func misbehaviour() (string, error) {
	response, err := http.Get("http://" + address + "/bench/stats")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var stats struct {
		Misbehaviour map[string]int `json:"misbehaviour"`
	}
	if err := json.NewDecoder(response.Body).Decode(&stats); err != nil {
		return "", err
	}
	var seen []string
	for what, n := range stats.Misbehaviour {
		if n > 0 {
			seen = append(seen, fmt.Sprintf("%s %d", what, n))
		}
	}
	slices.Sort(seen)
	return strings.Join(seen, ", "), nil
}
