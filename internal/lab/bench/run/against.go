package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// before is the folder of the programs that are built of the older commit, and marks their clients.
const before = "before"

// mostWorse is how much worse than an older commit a figure may be.
const mostWorse = 1.05

// risesWhenBetter are the metrics of which more is better.
func risesWhenBetter(metric string) bool {
	return strings.HasSuffix(metric, "_per_s") || strings.HasSuffix(metric, "/s")
}

// against has a section compare this library with an older commit of it, in turn within each round, and with nothing else. It reports
// whether anything is left to compare.
func (s section) against() (section, bool) {
	var clients []client
	s.goals = nil
	for _, c := range s.clients {
		if s.gateway != "" && !strings.HasPrefix(c.command, "signalbox") {
			continue
		}
		old := client{c.label + ", " + before, before + "/" + c.command}
		clients = append(clients, old, c)
		for _, m := range s.metrics {
			g := goal{m.head, m.key, c.label, old.label, "≤", mostWorse}
			if risesWhenBetter(m.key) {
				g.is, g.bound = "≥", 1/mostWorse
			}
			s.goals = append(s.goals, g)
		}
	}
	s.clients = clients
	return s, len(clients) > 0
}

// buildBefore makes the programs of an older commit that against needs, beside those of this one.
func buildBefore(ctx context.Context, dir, commit string) error {
	tree := filepath.Join(dir, "tree")
	if err := do(ctx, "", "git", "worktree", "add", "--quiet", "--detach", tree, commit); err != nil {
		return err
	}
	defer func() { _ = do(context.WithoutCancel(ctx), "", "git", "worktree", "remove", "--force", tree) }()
	programs := filepath.Join(dir, before)
	bench := filepath.Join(tree, "internal", "lab", "bench")
	if err := do(ctx, bench, "go", "build", "-o", programs+string(filepath.Separator), "./clients/signalbox"); err != nil {
		return err
	}
	return do(ctx, tree, "go", "test", "-c", "-o", filepath.Join(programs, "actors.test"), "./actors")
}

// do runs a command in a folder.
func do(ctx context.Context, folder, name string, args ...string) error {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.Stdout, command.Stderr = folder, os.Stderr, os.Stderr
	return command.Run()
}
