// Package members reads the members of all guilds of a bot, large ones too, and gets in nobody's way. See crawl_test.go.
//
// What polite means here:
//
//   - One guild at a time for each shard, with a pause after each. So the answers, which are events of that connection, leave room for other events.
//   - Low priority: what else the bot sends goes first, since a connection may carry 120 payloads in 60 s.
//   - Chunk by chunk, at most 1000 members at a time, so that no large guild stands in memory whole.
//   - Discord gives the whole list of a guild once in 30 s. If somebody else has just asked, the crawl waits as long as it is told, and goes on.
//
// The whole list of a guild needs the privileged intent GUILD_MEMBERS. A bot that needs a few members asks for these, by name or id.
package members

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// Crawl is one reading of all members of some guilds.
type Crawl struct {
	Pause time.Duration // after each guild, for each shard; 0: none
	// Chunk gets each part of an answer, for several guilds at once, those of one guild in turn. A lost connection costs nothing: the rest comes by the Resume. After a lost session a guild is begun anew, so
	// a member may come twice: keep them by their ids. An error of it ends the crawl.
	Chunk func(ctx context.Context, chunk *events.GuildMembersChunk) error
	// Done is told that a guild is whole, or why it will not be; nil: nobody is. It may be called for several guilds at once.
	Done func(guild events.Snowflake, err error)
}

const (
	tries   = 5               // of a guild whose session is lost in the midst of the answer
	patient = 5 * time.Minute // for one guild, connections that have to come back included
)

// Run reads the guilds, and returns when all are read, or ctx has ended. The error is that of ctx or of Chunk; what became of each guild, Done is told.
func (c Crawl) Run(ctx context.Context, m *shardmanager.Manager, guilds []events.Snowflake) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	total := max(m.Status().Total, 1)
	byShard := make(map[int][]events.Snowflake)
	for _, guild := range guilds {
		shard := events.ShardFor(guild, total)
		byShard[shard] = append(byShard[shard], guild)
	}
	var running sync.WaitGroup
	for _, mine := range byShard {
		running.Go(func() {
			for _, guild := range mine {
				err := c.guild(ctx, m, guild)
				if ctx.Err() != nil {
					return
				}
				if broken := (*chunkError)(nil); errors.As(err, &broken) {
					cancel(broken.err)
					return
				}
				if c.Done != nil {
					c.Done(guild, err)
				}
				sleep(ctx, c.Pause)
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}

// guild reads one guild, as often as it takes.
func (c Crawl) guild(ctx context.Context, m *shardmanager.Manager, guild events.Snowflake) error {
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	var last error
	for try := 0; try < tries; {
		err := c.once(ctx, m, guild)
		var limited *events.RateLimitedError
		var failed *actors.SendError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &limited): // it was not carried out, and it is known when it may be: that is no try
			sleep(ctx, limited.RetryAfter)
		case errors.As(err, &failed) && (failed.Retryable() || failed.Sent()): // to read twice does no harm
			try++
		default:
			return err
		}
		if last = err; ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("members: guild %v was not read: %w", guild, last)
}

// chunkError is an error of the caller's Chunk.
type chunkError struct{ err error }

func (e *chunkError) Error() string { return e.err.Error() }

// once asks for a guild once.
func (c Crawl) once(ctx context.Context, m *shardmanager.Manager, guild events.Snowflake) error {
	all := events.RequestGuildMembers{GuildID: guild, Query: events.Ptr(""), Limit: events.Ptr(0)}
	for chunk, err := range all.Chunks(ctx, m.Priority(shardmanager.Low)) {
		if err != nil {
			return err
		}
		if err := c.Chunk(ctx, chunk); err != nil {
			return &chunkError{err}
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
