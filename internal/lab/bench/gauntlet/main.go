// Gauntlet runs this library and its peers through failures that need no more than a socket,
// each library with its own defaults, against the same simulated gateway, and prints a table.
// docs/gauntlet.md tells what the scenarios are and how to read it.
//
//	cd internal/lab/bench && go run ./gauntlet [-only burst,4004] [-lib disgo] [-slow] [-recovery [-long]] [-runs 2]
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	only := flag.String("only", "", "scenarios, by name and separated by commas; empty: all")
	lib := flag.String("lib", "", "libraries, by name and separated by commas; empty: all")
	slow := flag.Bool("slow", false, "also the scenarios that take minutes")
	recovery := flag.Bool("recovery", false, "the scenarios of recovery, and no others")
	flag.BoolVar(&long, "long", false, "as many losses of connections as the tests in virtual time have")
	runs := flag.Int("runs", 1, "how often; cells whose verdict changes are marked unstable")
	jobs := flag.Int("jobs", 6, "cells that run at once, each in a process of its own")
	child := flag.Bool("cell", false, "run the one cell that -only and -lib name, and print it as JSON")
	flag.Parse()
	rows := slices.DeleteFunc(slices.Clone(scenarios), func(s scenario) bool {
		return !s.chosen(*only, *slow, *recovery)
	})
	columns := slices.DeleteFunc(slices.Clone(libraries), func(l library) bool { return !named(*lib, l.name) })
	if len(rows) == 0 || len(columns) == 0 || *runs < 1 || *jobs < 1 {
		fmt.Fprintln(os.Stderr, "gauntlet: nothing to run: see -help")
		os.Exit(2)
	}
	if *child {
		cellMain(rows[0], columns[0])
		return
	}
	began := time.Now()
	var all [][][]outcome // by run, row, column
	for n := range *runs {
		all = append(all, runAll(rows, columns, *jobs))
		fmt.Fprintf(os.Stderr, "run %d of %d done after %v\n", n+1, *runs, time.Since(began).Round(time.Second))
	}
	print(rows, columns, all)
	fmt.Printf("\nIt took %v.\n", time.Since(began).Round(time.Second))
}

func named(list, name string) bool {
	return list == "" || slices.Contains(strings.Split(list, ","), name)
}

// chosen reports whether a scenario is to be run: by its name, or else by its group.
func (s scenario) chosen(only string, slow, recovery bool) bool {
	if only != "" {
		return named(only, s.name)
	}
	switch s.group {
	case "slow":
		return slow && !recovery
	case "recovery", "alone":
		return recovery
	}
	return !recovery
}

func cellMain(s scenario, l library) {
	o, err := s.run(l)
	if err != nil {
		o = outcome{failed, err.Error()}
	}
	_ = json.NewEncoder(os.Stdout).Encode(o) // the parent sees it if nothing was written
	os.Exit(0)                               // whatever the library still does
}

// runAll runs every cell, each in a process of its own: a panic or a hang is that cell's alone.
func runAll(rows []scenario, columns []library, jobs int) [][]outcome {
	table := make([][]outcome, len(rows))
	gate := make(chan struct{}, jobs)
	var cells sync.WaitGroup
	for i, s := range rows {
		table[i] = make([]outcome, len(columns))
		for j, l := range columns {
			if s.group == "alone" {
				cells.Wait()
				table[i][j] = spawn(s, l)
				continue
			}
			gate <- struct{}{}
			cells.Go(func() {
				defer func() { <-gate }()
				table[i][j] = spawn(s, l)
			})
		}
	}
	cells.Wait()
	return table
}

func spawn(s scenario, l library) outcome {
	self, err := os.Executable()
	if err != nil {
		return outcome{failed, err.Error()}
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-cell", "-only", s.name, "-lib", l.name, fmt.Sprintf("-long=%t", long))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	var o outcome
	switch {
	case ctx.Err() != nil:
		return outcome{failed, fmt.Sprintf("hung: ended after %v", s.limit)}
	case err == nil && json.Unmarshal(stdout, &o) == nil:
		return o
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return outcome{failed, "the process died: " + strings.TrimSpace(line)}
		}
	}
	return outcome{failed, fmt.Sprintf("the process died: %v", err)}
}

// print writes the table as Markdown, then the versions and the settings.
func print(rows []scenario, columns []library, all [][][]outcome) {
	fmt.Print("| scenario |")
	for _, l := range columns {
		fmt.Printf(" %s |", l.name)
	}
	fmt.Print("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for i, s := range rows {
		fmt.Printf("| `%s` %s |", s.name, s.title)
		for j := range columns {
			fmt.Printf(" %s |", show(i, j, all))
		}
		fmt.Println()
	}
	fmt.Println()
	for j, l := range columns {
		count := 0
		for i := range rows {
			if all[len(all)-1][i][j].Verdict == passed {
				count++
			}
		}
		fmt.Printf("- %s %s: %d of %d passed. Settings: %s.\n", l.name, version(l.module), count, len(rows), l.settings)
	}
	fmt.Printf("- %s, %s/%s, %d CPUs; heartbeat interval %v, ACKs after %v but in `instant-acks` (`recover-…`: 41.25s, %v), intents not privileged; everything else is each library's default.\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), interval, roundTrip, fleetRoundTrip)
}

// show is a cell: what the last run found, and whether the runs agreed.
func show(row, column int, all [][][]outcome) string {
	last := all[len(all)-1][row][column]
	passes := 0
	for _, run := range all {
		if run[row][column].Verdict == passed {
			passes++
		}
	}
	mark := string(last.Verdict)
	if passes > 0 && passes < len(all) {
		mark = fmt.Sprintf("unstable, passed %d of %d", passes, len(all))
	}
	return "**" + mark + "** " + last.Figure
}

func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown version)"
	}
	for _, dep := range info.Deps {
		if dep.Path == module {
			if dep.Replace != nil {
				return "(this tree)"
			}
			return dep.Version
		}
	}
	return "(unknown version)"
}
