package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain is a client as well, of the kind that CLIENT says.
func TestMain(m *testing.M) {
	switch os.Getenv("CLIENT") {
	case "":
		goleak.VerifyTestMain(m)
	case "good":
		fmt.Println(`{"event":"library","version":"1.2"}` + "\n" + `a library's own talk` + "\n" + `{"event":"message","content":"hello","author":"ann","guild":"5"}`)
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "deaf":
		fmt.Println(`{"event":"ready","shard":3}`)
		time.Sleep(time.Hour)
	case "dying":
		fmt.Fprintln(os.Stderr, "at main.js:1\nTypeError: x is not a function\n    at y")
		os.Exit(3)
	}
}

// told runs a client of a kind, and is what it tells.
func told(t *testing.T, kind string) (b bot, next func() line) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), self)
	command.Env = append(os.Environ(), "CLIENT="+kind)
	lines := make(chan line, 10)
	b, err = start(command, func(l line) { lines <- l })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.stop)
	return b, func() line {
		select {
		case l := <-lines:
			return l
		case <-time.After(30 * time.Second):
			t.Fatal("it told nothing")
		}
		return line{}
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	b, next := told(t, "good")
	if got := next(); got != (line{Event: "library", Version: "1.2"}) {
		t.Errorf("%+v", got)
	}
	if got := next(); got != (line{Event: "message", Content: "hello", Author: "ann", Guild: "5"}) {
		t.Errorf("%+v", got)
	}
	select {
	case <-b.done():
		t.Fatal("it has ended: ", b.last())
	default:
	}
	b.(*client).grace = time.Minute // a busy machine may not let it end at once
	b.stop()
	<-b.done()
	if got := b.last(); got != "with success: a library's own talk" {
		t.Errorf("%q", got)
	}
	b.stop() // further calls do nothing
}

// TestDeafClientIsKilled: one that does not end with its standard input.
func TestDeafClientIsKilled(t *testing.T) {
	t.Parallel()
	b, next := told(t, "deaf")
	if got := next(); got != (line{Event: "ready", Shard: 3}) {
		t.Errorf("%+v", got)
	}
	b.stop()
	select {
	case <-b.done():
	default:
		t.Error("it runs still")
	}
}

// TestDyingClientSaysWhy: the line that names the error, and not the last one of its trace.
func TestDyingClientSaysWhy(t *testing.T) {
	t.Parallel()
	b, _ := told(t, "dying")
	<-b.done()
	if got := b.last(); got != "exit status 3: TypeError: x is not a function" {
		t.Errorf("%q", got)
	}
}

func TestTailIsBounded(t *testing.T) {
	t.Parallel()
	var said tail
	for range 10_000 {
		fmt.Fprintln(&said, strings.Repeat("x", 100))
	}
	fmt.Fprintln(&said, "the end")
	if len(said.kept) > 2*tailKept || said.last() != "the end" {
		t.Errorf("%d bytes, that end with %q", len(said.kept), said.last())
	}
}

// TestWorkshop: what npm is asked for is a whole folder of its own, once, and what it says against it is the error.
func TestWorkshop(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	w, err := newWorkshop(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(w.clients + "/eris.js"); err != nil {
		t.Error(err)
	}
	for _, l := range libraries {
		for _, compression := range l.compressions {
			if _, err := l.command(t.Context(), w, compression); err == nil && l.name != "discord.py" {
				t.Errorf("%s is made of nothing", l.name)
			}
		}
	}
	npm := os.Getenv("PATH") + "/npm"
	if err := os.WriteFile(npm, []byte("#!/bin/sh\necho $* $PWD >> $0.log\necho so it is\necho no network >&2\nexit 7\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if w, err = newWorkshop(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			_, err := libraries[0].command(context.Background(), w, "none")
			if err == nil || err.Error() != "npm ci: exit status 7: no network" {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	log, err := os.ReadFile(npm + ".log")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for scan := bufio.NewScanner(strings.NewReader(string(log))); scan.Scan(); {
		lines = append(lines, scan.Text())
	}
	if len(lines) != 1 || !strings.Contains(lines[0], "ci ") || !strings.HasSuffix(lines[0], "/modules") {
		t.Errorf("npm was run so: %q", lines)
	}
}

// TestNothingOfAnInstallationIsLeft when it is stopped, also of what it has started itself.
func TestNothingOfAnInstallationIsLeft(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("it has no process groups")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithCancel(t.Context())
	// Each of them holds the pipe: its reader sees the end when the last one is gone.
	holder := fmt.Sprintf("sh -c 'echo started; sleep 600' >/proc/%d/fd/%d & wait", os.Getpid(), w.Fd())
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("there is no /proc")
	}
	ended := make(chan error, 1)
	go func() { ended <- do(ctx, t.TempDir(), "sh", "-c", holder) }()
	lines := bufio.NewReader(r)
	if text, err := lines.ReadString('\n'); text != "started\n" {
		t.Fatalf("%q, %v", text, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("it was stopped, without an error")
	}
	if err := r.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := lines.ReadByte(); err != io.EOF {
		t.Errorf("what it has started runs still: %v", err)
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	set, err := parse([]string{"-only", "eris,disgo", "-shards", "1,2", "-compress", "none,zlib-stream"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range set.trials {
		got = append(got, fmt.Sprint(p.library.name, p.shards, p.compression))
	}
	want := []string{"eris1none", "eris1zlib-stream", "eris2none", "eris2zlib-stream", "disgo1zlib-stream", "disgo1none", "disgo2zlib-stream", "disgo2none"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if set, err = parse([]string{"-compress", "default", "-shards", "1"}); err != nil || len(set.trials) != len(libraries) {
		t.Errorf("%d trials, %v: want one of each library", len(set.trials), err)
	}
	for _, test := range []struct{ flag, value, want string }{
		{"-only", "discordjs", `-only: there is no client of "discordjs": take some of discord.js,`},
		{"-shards", "0", `-shards: "0": numbers from 1 to 16`},
		{"-shards", "many", `-shards: "many": numbers from 1 to 16`},
		{"-compress", "gzip", `-compress: there is no "gzip": take some of none,`},
		{"-parallel", "0", "-parallel is 0: 1 or more"},
	} {
		if _, err := parse([]string{test.flag, test.value}); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s %s: %v, want %s", test.flag, test.value, err, test.want)
		}
	}
	if _, err := parse([]string{"-only", "discord.py", "-compress", "none"}); err == nil || err.Error() != "no library of -only has a compression of -compress: there is nothing to try" {
		t.Errorf("%v", err)
	}
}
