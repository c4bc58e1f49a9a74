// Package presence rotates what a bot shows, over all of its shards: "/help", then in how many guilds it is, and so on. See rotation_test.go.
//
// What to know of presences:
//
//   - A session shows its own, so each shard has to be told. [shardmanager.Manager.SetPresence] tells all of them, and says for each what came of it.
//   - Discord allows five in 20 s for each session. So a rotation needs four seconds or more, and there is no use in less than a minute: nobody looks that often.
//   - The newest wins. A shard that is not connected takes the one that is due when it is back, and not those that it has missed.
//   - A new session begins with the presence that was set last, and so does the next process, with a session store.
package presence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// Rotation is what is shown, one text after the other. Its Run may be called once for each Manager.
type Rotation struct {
	Every time.Duration // 4 s or more
	Texts []func(shardmanager.Status) string
	// Failed is told of a shard that did not take a presence; nil: nobody is. Shards that are not connected are no failure.
	Failed func(shardmanager.PresenceSet)
}

// Fixed is a text that is always the same.
func Fixed(text string) func(shardmanager.Status) string {
	return func(shardmanager.Status) string { return text }
}

// Guilds says in how many guilds the bot is: of the shards that run here, and have told.
func Guilds(s shardmanager.Status) string {
	n := 0
	for _, shard := range s.Shards {
		n += shard.Guilds
	}
	return fmt.Sprint("in ", n, " guilds")
}

// Run rotates until ctx or the Manager ends; neither is an error. It needs no goroutine but its caller's.
func (r Rotation) Run(ctx context.Context, m *shardmanager.Manager) error {
	if r.Every < 4*time.Second || len(r.Texts) == 0 {
		return fmt.Errorf("presence: %d texts, one every %v: give at least one, and 4s or more (Discord allows 5 in 20s)", len(r.Texts), r.Every)
	}
	tick := time.NewTicker(r.Every)
	defer tick.Stop()
	for i := 0; ; i++ {
		text := r.Texts[i%len(r.Texts)](m.Status())
		switch err := r.set(ctx, m, text); {
		case ctx.Err() != nil || errors.Is(err, shardmanager.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		case <-m.Done():
			return nil
		}
	}
}

// set shows a text on all shards. It waits for those that are not connected until the next text is due.
func (r Rotation) set(ctx context.Context, m *shardmanager.Manager, text string) error {
	ctx, cancel := context.WithTimeout(ctx, r.Every*9/10)
	defer cancel()
	all, err := m.SetPresence(ctx, events.UpdatePresence{
		Status:     events.StatusOnline,
		Activities: []events.Activity{{Type: events.ActivityCustom, Name: "Custom Status", State: text}},
	})
	for _, set := range all {
		late := errors.Is(set.Err, context.DeadlineExceeded) || errors.Is(set.Err, actors.ErrSuperseded) // the next one is due
		if set.Err != nil && !late && ctx.Err() == nil && r.Failed != nil {
			r.Failed(set)
		}
	}
	return err
}
