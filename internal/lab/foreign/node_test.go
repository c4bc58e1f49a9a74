package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNodeWithZstd: the node of the machine where it has zstd, and else one from npm, once, whose version is fixed.
func TestNodeWithZstd(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	program := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program("npm", `if [ "$1" = install ]; then
	for last; do :; done
	echo "$last" >> "$0.log"
	name=${last%@*}
	mkdir -p "$PWD/node_modules/$name/bin" && cp `+filepath.Join(bin, "node")+` "$PWD/node_modules/$name/bin/node"
fi`)
	oceanic, err := find("oceanic.js")
	if err != nil {
		t.Fatal(err)
	}
	run := func(compression string) string {
		t.Helper()
		w, err := newWorkshop(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		var path string
		for range 2 {
			command, err := oceanic.command(t.Context(), w, compression)
			if err != nil {
				t.Fatal(err)
			}
			path = command.Path
		}
		return path
	}
	program("node", "exit 0")
	if got := run("zstd-stream"); got != filepath.Join(bin, "node") {
		t.Errorf("where node has zstd it is run by %s", got)
	}
	program("node", "exit 1")
	if got := run("none"); got != filepath.Join(bin, "node") {
		t.Errorf("without zstd it is run by %s", got)
	}
	if got := run("zstd-stream"); !strings.HasSuffix(got, filepath.Join("bin", "node")) || strings.HasPrefix(got, bin) {
		t.Errorf("where node has no zstd it is run by %s", got)
	}
	log, err := os.ReadFile(filepath.Join(bin, "npm.log"))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(log); strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "node-") || !strings.HasSuffix(text, "@"+nodeVersion+"\n") {
		t.Errorf("npm was asked for %q", text)
	}
}
