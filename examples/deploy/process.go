package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is the bot, as the story runs it.
type process struct {
	cmd   *exec.Cmd
	lines chan line     // but for messages
	over  chan struct{} // closed when there are no more
	probe string        // the URL that is asked whether it is ready
}

// line is what the bot logs.
type line struct {
	Msg, State, Addr, ID string
	Redelivered          bool
}

// launch starts the bot.
func (s *story) launch() (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self), lines: make(chan line, 100), over: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "DISCORD_TOKEN=simulated", "DISCORD_API="+s.gateway.APIURL, "STATE_DIRECTORY="+s.state, "PROBE_ADDR=127.0.0.1:0", "HANDOVER="+filepath.Join(s.state, "bot.sock"))
	p.cmd.Env = append(p.cmd.Env, s.env...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.over)
		for all := bufio.NewScanner(stderr); all.Scan(); {
			var l line
			if err := json.Unmarshal(all.Bytes(), &l); err != nil {
				fmt.Fprintf(s.out, "the bot says: %s\n", all.Text())
				continue
			}
			switch l.Msg {
			case logMessage:
				s.message(l)
			case logProbe, logState:
				p.lines <- l
			}
		}
	}()
	return p, nil
}

// run starts the bot, and waits until it is ready.
func (s *story) run() (*process, error) {
	p, err := s.launch()
	if err != nil {
		return nil, err
	}
	if err = p.becomesReady(); err != nil {
		return nil, errors.Join(err, p.cmd.Process.Kill())
	}
	s.ready()
	return p, nil
}

// becomesReady waits until the bot says that it is ready, and whoever asks is told so.
func (p *process) becomesReady() error {
	late := time.After(longWait)
	for {
		select {
		case l := <-p.lines:
			if l.Msg == logProbe {
				p.probe = "http://" + l.Addr + "/readyz"
				continue
			}
			if l.State != isReady {
				return fmt.Errorf("the bot tells %q and not that it is ready", l.State)
			}
			answer, err := http.Get(p.probe)
			if err != nil {
				return err
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				return fmt.Errorf("the bot has said that it is ready, and the probe is told %d", answer.StatusCode)
			}
			return nil
		case <-p.over:
			return errors.New("the bot has ended, and was not ready")
		case <-late:
			return fmt.Errorf("the bot is not ready after %v", longWait)
		}
	}
}

// end ends the bot by a signal, or, with 0, waits until it ends by itself. The error is that it did not end in order, or not in time; with SIGKILL
// there is no order.
func (p *process) end(signal syscall.Signal) error {
	began := time.Now()
	if signal != 0 {
		if err := p.cmd.Process.Signal(signal); err != nil {
			return err
		}
	}
	kill := time.AfterFunc(longWait, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	<-p.over // all that it has logged is read
	err := p.cmd.Wait()
	if took := time.Since(began); signal != syscall.SIGKILL && (err != nil || took > grace) {
		return fmt.Errorf("the bot took %v to end, and more than %v is too long: %v", took, grace, err)
	}
	return nil
}
