package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// line is what a client tells, one a line, as JSON.
type line struct {
	Event   string // library, ready, message, members, or unavailable
	Version string // library
	Shard   int    // ready
	Content string // message
	Author  string
	Guild   string // message, members
	Count   int    // members
	Why     string // unavailable: why the library cannot do what is asked
}

// client is a program that runs. What it tells goes to a function, one call at a time.
type client struct {
	command *exec.Cmd
	stdin   io.Closer
	said    *tail
	ended   chan struct{} // closed when it has
	err     error         // how it ended; to be read after ended
	once    sync.Once
	grace   time.Duration // between the end of its standard input and its own
}

// start runs a client, and has tell told of each line until it ends.
func start(command *exec.Cmd, tell func(line)) (bot, error) {
	c := &client{command: command, said: &tail{}, ended: make(chan struct{}), grace: 2 * time.Second}
	// Its standard input stays open as long as this program lives: a client ends with it, whatever ends this program.
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.stdin, command.Stderr, command.WaitDelay = stdin, c.said, time.Second
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(c.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var l line
			if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
				_, _ = c.said.Write(append(lines.Bytes(), '\n')) // a library's own talk; tail never fails
				continue
			}
			tell(l)
		}
		c.err = command.Wait()
	}()
	return c, nil
}

// stop ends the client, and returns when nothing is left of it.
func (c *client) stop() {
	c.once.Do(func() { _ = c.stdin.Close() }) // it may have ended before
	select {
	case <-c.ended:
	case <-time.After(c.grace):
		_ = c.command.Process.Kill() // it has ended meanwhile, or dies
		<-c.ended
	}
}

// last is how a client ended by itself, and what it said before.
func (c *client) done() <-chan struct{} { return c.ended }

func (c *client) last() string {
	how := "with success"
	if c.err != nil {
		how = c.err.Error()
	}
	if said := c.said.last(); said != "" {
		return fmt.Sprintf("%s: %s", how, said)
	}
	return how
}

// tail keeps the end of what is written to it.
type tail struct {
	lock sync.Mutex
	kept []byte
}

const tailKept = 64 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*tailKept {
		t.kept = append([]byte(nil), t.kept[len(t.kept)-tailKept:]...)
	}
	return len(p), nil
}

// last is the line that says most: the first that names an error, or else the last one.
func (t *tail) last() string {
	t.lock.Lock()
	defer t.lock.Unlock()
	for l := range bytes.Lines(t.kept) {
		if bytes.Contains(l, []byte("Error")) || bytes.Contains(l, []byte("panic:")) {
			return string(bytes.TrimSpace(l))
		}
	}
	return lastLine(t.kept)
}
