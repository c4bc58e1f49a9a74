package soak_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

var reshardReal = flag.Bool("soak.reshard-real", false, "reshards also in real time, as processes: minutes")

const reshardWait = 5 * time.Minute // for a reshard, or a start, on a machine that is busy

// TestReshardProcesses is TestReshards in real time: the bot is a process of its own, with filestore.
func TestReshardProcesses(t *testing.T) { reshardProcesses(t, false) }

// TestReshardProcessesWithKills is TestReshardsWithKills in real time: with SIGKILL.
func TestReshardProcessesWithKills(t *testing.T) { reshardProcesses(t, true) }

// resharder is a process of the bot that reshards.
type resharder struct {
	cmd   *exec.Cmd
	tells io.Writer
	lines chan string // "ready" and "reached …"
	mu    sync.Mutex
	far   string // the latest of the others
}

func beginResharder(t *testing.T, l *load, log string, life int) *resharder {
	t.Helper()
	p := &resharder{cmd: process(map[string]string{envAPI: l.gateway.APIURL, envLog: log, envLife: fmt.Sprint(life), envGuilds: fmt.Sprint(*reshardGuildN)}), lines: make(chan string, 10)}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // or it has ended
	p.tells = in
	go func() {
		defer close(p.lines)
		for all := bufio.NewScanner(out); all.Scan(); {
			if text := all.Text(); text == "ready" || strings.HasPrefix(text, "reached ") {
				p.lines <- text
			} else {
				p.mu.Lock()
				p.far = text
				p.mu.Unlock()
			}
		}
	}()
	p.answers(t, "ready")
	return p
}

// says is how far it is, by its own words.
func (p *resharder) says() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.far
}

// answers waits for a line.
func (p *resharder) answers(t *testing.T, want string) {
	t.Helper()
	select {
	case line := <-p.lines:
		if line != want {
			t.Fatalf("the bot says %q in place of %q", line, want)
		}
	case <-time.After(reshardWait):
		t.Fatalf("in vain: %q", want)
	}
}

func (p *resharder) order(t *testing.T, total int) {
	t.Helper()
	p.mu.Lock()
	p.far = ""
	p.mu.Unlock()
	if _, err := fmt.Fprintln(p.tells, total); err != nil {
		t.Fatal(err)
	}
}

func reshardProcesses(t *testing.T, kill bool) {
	if !*reshardReal {
		t.Skip("it takes minutes: -soak.reshard-real")
	}
	t.Parallel()
	all, guilds := totals(t), reshardGuilds(*reshardGuildN)
	gateway, err := gatewaytest.Start(append(gatewayOf(all[0], guilds), gatewaytest.WithHeartbeatInterval(2*time.Second))...)
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	l := newLoad(gateway, guilds)
	log := filepath.Join(t.TempDir(), "handled")
	life, kills := 1, 0
	p := beginResharder(t, l, log, life)
	talks, stop := context.WithCancel(t.Context())
	var talk sync.WaitGroup
	talk.Go(func() { l.talk(talks, *reshardRate, *reshardSeed) })
	defer talk.Wait()
	defer stop()
	random := rand.New(rand.NewPCG(*reshardSeed, 3))
	time.Sleep(3 * time.Second) // its sessions are stored
	for i, total := range all[1:] {
		there, began, before, spent := l.begin(), time.Now(), all[i], gateway.Stats().Identifies
		join := time.AfterFunc(5*time.Second, func() { l.join(i) })
		p.order(t, total)
		killed := ""
		if kill {
			if i%2 == 1 { // in the midst of the cuts
				await(t, "guilds are cut over", func() bool { return strings.HasPrefix(p.says(), "cutting") || strings.HasPrefix(p.says(), "retiring") })
				time.Sleep(time.Duration(random.Int64N(int64(1500 * time.Millisecond))))
			} else {
				time.Sleep(time.Duration(random.Int64N(int64(16*time.Second + time.Duration(total/16)*5*time.Second)))) // about as long as it takes
			}
			if err := p.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = p.cmd.Wait()
			killed = fmt.Sprintf(", killed after %v while %s", time.Since(began).Round(time.Second), p.says())
			kills, life = kills+1, life+1
			p = beginResharder(t, l, log, life)
			p.order(t, total)
		}
		p.answers(t, fmt.Sprint("reached ", total, " ", error(nil)))
		t.Logf("%d to %d shards in %v: %d sessions at its beginning, %d at the most, %d identifies%s", before, total, time.Since(began).Round(time.Second), there, l.most(), gateway.Stats().Identifies-spent, killed)
		if n := gateway.Stats().Identifies - spent; !kill && n != identifies(all, i) {
			t.Errorf("%d identifies", n)
		}
		if l.most() > max(before+total, there) { // there: some retire still
			t.Errorf("%d sessions at the most", l.most())
		}
		join.Stop()
		time.Sleep(time.Duration(random.Int64N(int64(3 * time.Second))))
	}
	stop()
	talk.Wait()
	l.last()
	time.Sleep(5 * time.Second)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the bot ended with %v", err)
	}
	l.read(t, log, life)
	l.judge(t, kills)
}

// read takes what the processes have written down. All but the last were killed.
func (l *load) read(t *testing.T, name string, last int) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		what, rest, _ := strings.Cut(lines.Text(), " ")
		var id events.Snowflake
		var number int
		var redelivered bool
		switch what {
		case lineMessage:
			if _, err := fmt.Sscan(rest, (*uint64)(&id), &number, &redelivered); err != nil {
				continue // it was being written when the process was killed
			}
			l.hear(id, number, redelivered)
		case lineAsked, lineEnded:
			if _, err := fmt.Sscan(rest, (*uint64)(&id)); err != nil {
				continue
			}
			_, text, _ := strings.Cut(rest, " ")
			l.mu.Lock()
			of := l.ask(id)
			if of.killed = int(id>>40)/reshardAskers < last; what == lineEnded {
				of.ended++
				if text != "<nil>" {
					of.err = text
				}
			}
			l.mu.Unlock()
		}
	}
}
