package sim

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// sickness is how the disk fails, until times.
type sickness struct {
	mu          sync.Mutex
	slow, fails time.Time
	cure        <-chan struct{} // closed when it is over, for what waits too
}

// errDisk is what a disk that fails answers.
var errDisk = errors.New("sim: the disk fails")

// ail waits or fails as the disk does now.
func (s *sickness) ail(ctx context.Context) error {
	s.mu.Lock()
	slow, fails := s.slow, s.fails
	s.mu.Unlock()
	if wait := time.Until(slow); wait > 0 {
		select {
		case <-time.After(wait):
		case <-s.cure:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if time.Now().Before(fails) {
		return errDisk
	}
	return nil
}

// disk is the store as one process sees it: what a killed one still writes goes nowhere.
type disk struct{ p *process }

func (d *disk) Load(ctx context.Context, id events.ShardID) (session.Snapshot, error) {
	s, err := d.p.sim.disk.Load(ctx, id)
	if err == nil {
		sim := d.p.sim
		sim.mu.Lock()
		d.p.sessions[[2]uint64{uint64(sim.plan.numberOf(id)), 0}] = sim.sessions[s.SessionID]
		r := Record{At: time.Since(sim.begin), Witness: Process, What: "loaded", Process: d.p.number, Shard: sim.plan.numberOf(id), Session: sim.sessions[s.SessionID], Seq: s.Seq}
		sim.trace = append(sim.trace, r)
		sim.mu.Unlock()
	}
	return s, err
}

func (d *disk) Save(ctx context.Context, all ...session.Snapshot) error {
	if err := d.p.sim.sick.ail(ctx); err != nil {
		return err
	}
	if d.p.dead.Load() {
		return errDisk
	}
	return d.p.sim.disk.Save(ctx, all...)
}

func (d *disk) Delete(ctx context.Context, id events.ShardID) error {
	if err := d.p.sim.sick.ail(ctx); err != nil {
		return err
	}
	if d.p.dead.Load() {
		return errDisk
	}
	return d.p.sim.disk.Delete(ctx, id)
}

// Claim implements session.Claimer.
func (d *disk) Claim(ctx context.Context, s session.Snapshot) error {
	if err := d.p.sim.sick.ail(ctx); err != nil {
		return err
	}
	if d.p.dead.Load() {
		return errDisk
	}
	return d.p.sim.disk.(session.Claimer).Claim(ctx, s)
}

// LoadNote implements session.Notebook.
func (d *disk) LoadNote(ctx context.Context) ([]byte, error) {
	return d.p.sim.disk.(session.Notebook).LoadNote(ctx)
}

// SaveNote implements session.Notebook. A process may be killed in the midst of it: then it is kept, or not.
func (d *disk) SaveNote(ctx context.Context, note []byte) error {
	if err := d.p.sim.sick.ail(ctx); err != nil {
		return err
	}
	if d.p.dead.Load() {
		return errDisk
	}
	d.p.sim.writeNote()
	if d.p.dead.Load() && d.p.sim.plan.Seed%2 == 0 {
		return errDisk
	}
	return d.p.sim.disk.(session.Notebook).SaveNote(ctx, note)
}

// LoadLedger implements ratelimit.Ledger.
func (d *disk) LoadLedger(context.Context) (ratelimit.LedgerState, error) {
	d.p.sim.mu.Lock()
	defer d.p.sim.mu.Unlock()
	state := d.p.sim.ledger
	if state.Version = d.p.sim.turn; d.p.sim.plan.alone() {
		state.Version = 0 // a store that does not know of other processes
	}
	return state, nil
}

// SaveLedger implements ratelimit.Ledger.
func (d *disk) SaveLedger(ctx context.Context, state ratelimit.LedgerState) error {
	if err := d.p.sim.sick.ail(ctx); err != nil {
		return err
	}
	if d.p.dead.Load() {
		return errDisk
	}
	d.p.sim.mu.Lock()
	defer d.p.sim.mu.Unlock()
	if state.Version != 0 && state.Version != d.p.sim.turn {
		return ratelimit.ErrLedgerChanged
	}
	d.p.sim.ledger = state
	d.p.sim.turn++
	return nil
}
