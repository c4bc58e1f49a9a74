//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// asBot has this test's program be the bot.
const asBot = "DEPLOY_TEST_IS_THE_BOT"

func TestMain(m *testing.M) {
	if os.Getenv(asBot) != "" {
		main() // which exits
	}
	os.Exit(m.Run())
}

const patience = 2 * time.Minute // for what takes a second, on a machine that is busy

// line is what the bot logs.
type line struct {
	Msg, Addr, ID string
	Redelivered   bool
}

// process is the bot as systemd and Kubernetes run it.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	lines  chan line
	socket *net.UnixConn // systemd's
	probe  string
}

// launch starts the bot, and waits until it has told that it is ready.
func launch(t *testing.T, gateway *gatewaytest.Server, state string) *process {
	t.Helper()
	path := filepath.Join(state, "notify")
	_ = os.Remove(path)
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	p := &process{t: t, cmd: exec.Command(os.Args[0]), lines: make(chan line, 1000), socket: socket}
	p.cmd.Env = append(os.Environ(), asBot+"=1", "DISCORD_TOKEN=token", "DISCORD_API="+gateway.APIURL, "STATE_DIRECTORY="+state, "PROBE_ADDR=127.0.0.1:0", "NOTIFY_SOCKET="+path)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	go func() {
		defer close(p.lines)
		for all := bufio.NewScanner(stderr); all.Scan(); {
			var l line
			if json.Unmarshal(all.Bytes(), &l) == nil {
				p.lines <- l
			}
		}
	}()
	p.probe = "http://" + p.await("readiness").Addr + "/readyz"
	p.tells(isReady)
	return p
}

// await is the next line of a kind.
func (p *process) await(msg string) line {
	p.t.Helper()
	late := time.After(patience)
	for {
		select {
		case l, more := <-p.lines:
			if !more {
				p.t.Fatalf("the bot has ended: no %q", msg)
			}
			if l.Msg == msg {
				return l
			}
		case <-late:
			p.t.Fatalf("no %q in %v", msg, patience)
		}
	}
}

// tells waits until systemd is told something.
func (p *process) tells(state string) {
	p.t.Helper()
	data := make([]byte, 100)
	_ = p.socket.SetReadDeadline(time.Now().Add(patience))
	n, err := p.socket.Read(data)
	if got := string(data[:n]); err != nil || got != state {
		p.t.Fatalf("systemd is told %q, want %q: %v", got, state, err)
	}
}

// end ends the bot by a signal, and returns its exit code and how long that took.
func (p *process) end(signal os.Signal) (exit int, took time.Duration) {
	p.t.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	for range p.lines { // until it has no stderr any more
	}
	var failed *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &failed) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode(), time.Since(began)
}

// TestProcess: real processes one after another, as a service manager runs them. Each is ready when it says so, ends within its time after SIGTERM, and leaves its
// sessions to the next: after the first start no Identify is spent, and each message is handled once, also after a SIGKILL, unless it says that it may have been before.
func TestProcess(t *testing.T) {
	t.Parallel()
	const shards = 4
	gateway := gatewaytest.NewServer(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards), gatewaytest.WithGuildsPerShard(1), gatewaytest.WithResumeTimeout(time.Hour))
	state, due, handled := t.TempDir(), make(map[string]bool), make(map[string]int)
	happens := func() {
		for index := range shards {
			id := gateway.World().Message(gatewaytest.GuildOf(events.ShardID{Index: index, Total: shards}, 0), gatewaytest.Message{Content: "hello"})
			due[id.String()] = true
		}
	}
	signals := []os.Signal{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGKILL, syscall.SIGTERM}
	for round, signal := range signals {
		p := launch(t, gateway, state)
		answer, err := http.Get(p.probe)
		if err != nil {
			t.Fatal(err)
		}
		if _ = answer.Body.Close(); answer.StatusCode != http.StatusOK {
			t.Errorf("round %d: the probe is told %d of a bot that has said that it is ready", round, answer.StatusCode)
		}
		for happens(); len(due) > 0; {
			l := p.await("message")
			if handled[l.ID]++; handled[l.ID] > 1 && !l.Redelivered {
				t.Errorf("round %d: message %s comes again, and does not say so", round, l.ID)
			}
			delete(due, l.ID)
		}
		exit, took := p.end(signal)
		if signal == syscall.SIGTERM {
			t.Logf("round %d: ended after %v", round, took)
			if p.tells(isEnding); exit != 0 || took > grace {
				t.Errorf("round %d: after SIGTERM it took %v to end, with exit code %d", round, took, exit)
			}
		}
		happens() // while nobody is there
	}
	last := launch(t, gateway, state)
	for len(due) > 0 {
		delete(due, last.await("message").ID)
	}
	last.end(syscall.SIGTERM)
	if s := gateway.Stats(); s.Identifies != shards || s.Resumes != shards*len(signals) {
		t.Errorf("%d Identifies and %d Resumes, want %d and %d", s.Identifies, s.Resumes, shards, shards*len(signals))
	}
	gateway.RequireNoViolations(t)
}
