// Package tell is what the clients of internal/lab/foreign that are written in Go share: a client is told
// where to connect by its environment, prints what it got as lines of JSON, and ends with its standard input.
package tell

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
)

// API is http://…/api, without a version; Compression is none, payload, zlib-stream or zstd-stream.
var API, Token, Compression = os.Getenv("DISCORD_API"), os.Getenv("DISCORD_TOKEN"), os.Getenv("COMPRESSION")

// Line is one line of what is printed.
type Line struct {
	Event   string `json:"event"` // library, ready, message or members
	Version string `json:"version,omitempty"`
	Shard   int    `json:"shard"`
	Content string `json:"content,omitempty"`
	Author  string `json:"author,omitempty"`
	Guild   string `json:"guild,omitempty"`
	Count   int    `json:"count"`
}

var printing sync.Mutex

// Tell prints a line.
func Tell(l Line) {
	printing.Lock()
	defer printing.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(l); err != nil {
		os.Exit(1) // nobody listens any more
	}
}

// Library tells the version of the library under test, by its module's path.
func Library(module string) {
	info, _ := debug.ReadBuildInfo()
	for _, dep := range info.Deps {
		if dep.Path == module {
			Tell(Line{Event: "library", Version: dep.Version})
		}
	}
}

// Wait returns when the program should end.
func Wait() {
	_, _ = io.Copy(io.Discard, os.Stdin) // its end is what matters
}

// Fail ends the program with an error, if there is one.
func Fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Chunks counts the members of guilds that come in several events, in any order.
type Chunks struct {
	lock  sync.Mutex
	lists map[string]*list
}

type list struct{ members, chunks int }

// Add counts the members of one chunk, and tells of all once the last one is there.
func (c *Chunks) Add(guild string, members, count int) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.lists == nil {
		c.lists = make(map[string]*list)
	}
	l := c.lists[guild]
	if l == nil {
		l = &list{}
		c.lists[guild] = l
	}
	l.members, l.chunks = l.members+members, l.chunks+1
	if l.chunks == count {
		Tell(Line{Event: "members", Guild: guild, Count: l.members})
	}
}
