package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// library is one that clients are written with.
type library struct {
	name string
	// compressions are those that it has; the first is what it has unless it is told otherwise.
	compressions []string
	// command makes what runs its client.
	command func(ctx context.Context, w *workshop, compression string) (*exec.Cmd, error)
	tls     bool // it speaks nothing else
}

var libraries = []library{
	{"discord.js", []string{"none", "zlib-stream"}, script("discord.js"), false},
	{"@discordjs/ws", []string{"none", "zlib-stream"}, script("discordjs-ws.js"), false},
	{"eris", []string{"none", "zlib-stream"}, script("eris.js"), true},
	{"oceanic.js", []string{"none", "zlib-stream", "zstd-stream"}, script("oceanic.js"), false},
	{"discord.py", []string{"zlib-stream"}, python("discord_py.py"), false},
	{"discordgo", []string{"payload", "none"}, program("discordgo"), false},
	{"disgo", []string{"zstd-stream", "zlib-stream", "payload", "none"}, program("disgo"), false},
	{"arikawa", []string{"none"}, program("arikawa"), false},
}

// find is the library of a name.
func find(name string) (library, error) {
	for _, l := range libraries {
		if l.name == name {
			return l, nil
		}
	}
	var all []string
	for _, l := range libraries {
		all = append(all, l.name)
	}
	return library{}, fmt.Errorf("there is no client of %q: take some of %s", name, strings.Join(all, ","))
}

// among are the library's compressions that are asked for.
func (l library) among(asked []string) (all []string) {
	if slices.Contains(asked, "default") {
		return l.compressions[:1]
	}
	for _, c := range l.compressions {
		if slices.Contains(asked, c) {
			all = append(all, c)
		}
	}
	return all
}

// script runs a client in JavaScript.
func script(file string) func(context.Context, *workshop, string) (*exec.Cmd, error) {
	return func(ctx context.Context, w *workshop, compression string) (*exec.Cmd, error) {
		install := w.modules
		if compression == "zlib-stream" {
			install = w.nativeModules // some compress whenever they find zlib-sync
		}
		dir, err := install()
		if err != nil {
			return nil, err
		}
		node := "node"
		if compression == "zstd-stream" {
			if node, err = w.nodeWithZstd(); err != nil {
				return nil, err
			}
		}
		return exec.CommandContext(ctx, node, filepath.Join(dir, file)), nil
	}
}

// python runs a client in Python, with the first interpreter that has discord.py.
func python(file string) func(context.Context, *workshop, string) (*exec.Cmd, error) {
	return func(ctx context.Context, w *workshop, _ string) (*exec.Cmd, error) {
		for _, interpreter := range []string{"python3", "/usr/bin/python3"} {
			if exec.CommandContext(ctx, interpreter, "-c", "import discord").Run() == nil {
				return exec.CommandContext(ctx, interpreter, filepath.Join(w.clients, file)), nil
			}
		}
		return nil, errors.New("no python3 has discord.py: apt-get install python3-discord")
	}
}

// program runs a client in Go.
func program(name string) func(context.Context, *workshop, string) (*exec.Cmd, error) {
	return func(ctx context.Context, w *workshop, _ string) (*exec.Cmd, error) {
		dir, err := w.programs()
		if err != nil {
			return nil, err
		}
		return exec.CommandContext(ctx, filepath.Join(dir, name)), nil
	}
}

// environment is what a client is told: the REST base, without a version, the gateway, and whom to trust.
func environment(server *gatewaytest.Server, compression, ca string) []string {
	return append(os.Environ(), "DISCORD_API="+strings.TrimSuffix(server.APIURL, "/v10"), "DISCORD_GATEWAY="+server.URL, "DISCORD_TOKEN="+token, "COMPRESSION="+compression,
		"NODE_EXTRA_CA_CERTS="+ca)
}
