package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/session"
)

// move has a shard released, and adopted by the same process after a while in which others try to have it run.
func (sim *simulation) move(f Injection) {
	p := sim.current()
	if !p.up() || !p.moving.CompareAndSwap(false, true) {
		return
	}
	sim.work.Go(func() {
		defer p.moving.Store(false)
		snapshot, ok := sim.release(p, f.Shard)
		if !ok {
			return
		}
		if f.N%2 == 0 {
			for _, verb := range []string{"restart", "start", "run", "stop", "pause"} { // all in vain
				sim.operate(p, f.Shard, verb)
			}
			sim.wait(f, f.For/4+time.Duration(f.N)*20*time.Millisecond) // longer than a slow tick, at times
		}
		adopted := false
		for range 30 { // the disk may fail for long
			if adopted = sim.adopt(p, f.Shard, snapshot); adopted || !p.up() {
				break
			}
			sim.wait(f, 3*time.Second)
		}
		if adopted && f.N%3 == 0 {
			sim.adoptAgain(p, f.Shard, snapshot)
		}
	})
}

// handover has the next process start beside this one, and take its shards over, one by one; then this one is closed, or killed in the midst of it.
// Where that fails the operator starts one anew.
func (sim *simulation) handover(f Injection) {
	old := sim.current()
	if !old.up() || !sim.plan.Store || old.moving.Load() {
		return
	}
	next := sim.launch(true)
	for range 100 {
		if next.up() {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	taken := 0
	for shard := range sim.plan.Shards {
		sim.rest()
		if f.N%4 == 0 && shard == f.N%sim.plan.Shards && !old.dead.Load() {
			old.kill()
		}
		if sim.take(old, next, shard) {
			taken++
		}
	}
	sim.rest() // so that what is closed now is so at every run
	if !old.dead.Load() {
		old.close(false)
	}
	if taken == sim.plan.Shards {
		return
	}
	sim.rest()
	next.close(false)
	sim.forgetful(0)
	sim.start()
}

// take has one process take a shard over from another, by what that gives out, or, if it is no more, by what is stored.
func (sim *simulation) take(old, next *process, shard int) bool {
	for range 5 {
		if !next.up() {
			return false
		}
		snapshot, released := sim.release(old, shard)
		if !released {
			if !old.dead.Load() {
				return false
			}
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			stored, err := sim.disk.Load(ctx, sim.plan.idOf(shard))
			cancel()
			if snapshot = stored; err == nil {
				snapshot.Fence++
			} else { // its session has ended, or was not saved yet: nothing tells of the fence
				snapshot = session.Snapshot{Shard: sim.plan.idOf(shard), Fence: uint64(time.Now().UnixMicro())}
			}
		}
		if sim.adopt(next, shard, snapshot) {
			if released {
				sim.adoptAgain(old, shard, snapshot)
			}
			return true
		}
		time.Sleep(2 * time.Second)
	}
	return false
}

// release releases a shard, and notes what came of it.
func (sim *simulation) release(p *process, shard int) (session.Snapshot, bool) {
	for range 3 {
		if !p.up() {
			return session.Snapshot{}, false
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		snapshot, err := p.m.Release(ctx, shard)
		cancel()
		if err != nil {
			if !p.up() || errors.Is(err, actors.ErrNotReleased) {
				return snapshot, false
			}
			continue
		}
		sim.noteHandover("released", p, shard, snapshot)
		sim.record(Record{Witness: Operator, What: "planned", Process: p.number, Shard: shard, Text: "release"})
		return snapshot, true
	}
	sim.record(Record{Witness: Operator, What: "not released", Process: p.number, Shard: shard})
	return session.Snapshot{}, false
}

// adopt adopts a shard, and notes that it is wanted from now on.
func (sim *simulation) adopt(p *process, shard int, snapshot session.Snapshot) bool {
	sim.operator <- struct{}{}
	defer func() { <-sim.operator }()
	for range 3 {
		if !p.up() {
			return false
		}
		sim.noteHandover("adopts", p, shard, snapshot)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := p.m.Adopt(ctx, snapshot)
		cancel()
		switch {
		case !p.up():
			return false
		case err == nil:
			sim.record(Record{Witness: Operator, What: "planned", Process: p.number, Shard: shard, Text: "start"})
			return true
		case errors.Is(err, errDisk), errors.Is(err, context.DeadlineExceeded), errors.Is(err, actors.ErrCrashed):
			time.Sleep(time.Second)
			continue
		}
		sim.record(Record{Witness: Operator, What: "not adopted", Process: p.number, Shard: shard, Text: err.Error()})
		return false
	}
	return false
}

// adoptAgain adopts a shard by a snapshot by which it was adopted before: that must be refused.
func (sim *simulation) adoptAgain(p *process, shard int, snapshot session.Snapshot) {
	if !p.up() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := p.m.Adopt(ctx, snapshot); err == nil && p.up() {
		sim.record(Record{Witness: Operator, What: "adopted twice", Process: p.number, Shard: shard})
	}
}

// noteHandover notes what is given out, or adopted: it is what the process knows of the shard's session from now on.
func (sim *simulation) noteHandover(what string, p *process, shard int, snapshot session.Snapshot) {
	sim.mu.Lock()
	number := sim.sessions[snapshot.SessionID]
	if number != 0 && what == "adopts" {
		key := [2]uint64{uint64(shard), 0}
		if p.sessions[key] == 0 && p.began[shard] == 0 {
			p.sessions[key] = number
		}
	}
	sim.mu.Unlock()
	text := "unsettled"
	if snapshot.Exact {
		text = "exact"
	}
	sim.record(Record{Witness: Operator, What: what, Process: p.number, Shard: shard, Session: number, Seq: snapshot.Seq, Text: fmt.Sprintf("%s, fence %d", text, snapshot.Fence)})
	if what == "adopts" {
		sim.record(Record{Witness: Process, What: "loaded", Process: p.number, Shard: shard, Session: number, Seq: snapshot.Seq})
	}
}

// handovers: H-1, H-2 and H-3. Nobody runs a shard that was released, until it is adopted, and then nobody else; a snapshot is adopted, and once; the
// fences of a shard never go back. That no event is lost or comes twice by it without saying so is what I-6, W-1 and W-2 are about.
func (c *check) handovers() {
	const nobody = -1
	owner := make(map[int]int)    // by shard; 0: not known
	over := make(map[int]bool)    // processes
	killed := make(map[int]bool)  // of them: what they have begun goes nowhere
	fence := make(map[int]uint64) // by shard, of what was released
	fenceOf := func(r Record) (fence uint64) {
		_, text, _ := strings.Cut(r.Text, "fence ")
		if _, err := fmt.Sscan(text, &fence); err != nil {
			c.fail("H-3 fences", r.At, "%q has no fence", r.Text)
		}
		return fence
	}
	for _, r := range c.trace {
		switch {
		case r.Witness == Process && (r.What == "closing" || r.What == "killed" || r.What == "done"):
			over[r.Process], killed[r.Process] = true, killed[r.Process] || r.What == "killed"
		case r.Witness == Process && r.What == "start" && r.Text != standbyText:
			clear(owner)
			if !c.plan.Store {
				clear(fence) // nobody remembers
			}
		case r.Witness == Operator && r.What == "released":
			if !killed[r.Process] { // or the one after it has begun to run the shard meanwhile
				owner[r.Shard] = nobody
			}
			if now := fenceOf(r); now < fence[r.Shard] {
				c.fail("H-3 fences", r.At, "shard %d is given out under fence %d, after %d", r.Shard, now, fence[r.Shard])
			} else {
				fence[r.Shard] = now
			}
		case r.Witness == Operator && r.What == "adopts":
			owner[r.Shard] = r.Process
			if now := fenceOf(r); now < fence[r.Shard] {
				c.fail("H-3 fences", r.At, "shard %d is adopted under fence %d, after %d", r.Shard, now, fence[r.Shard])
			}
		case r.Witness == Operator && (r.What == "not adopted" || r.What == "not released") && !over[r.Process]: // one that is being closed takes nothing on
			c.fail("H-2 a hand-over succeeds", r.At, "shard %d is %s by process %d: %s", r.Shard, r.What, r.Process, r.Text)
		case r.Witness == Operator && r.What == "adopted twice":
			c.fail("H-1 one owner", r.At, "shard %d is adopted by process %d with a snapshot that was adopted before", r.Shard, r.Process)
		case r.Witness == Network && r.What == "dial" && r.Shard >= 0 && r.Shard < warming && !over[r.Process]:
			if of := owner[r.Shard]; of != 0 && of != r.Process {
				c.fail("H-1 one owner", r.At, "process %d dials for shard %d, which is process %d's (-1: nobody's)", r.Process, r.Shard, of)
			}
		}
	}
}
