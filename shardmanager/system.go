package shardmanager

import (
	"log/slog"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/internal/zaplog"
)

// newSystem is an actor system that logs through log. Its dead letters are throttled for a
// moment only, since the throttle keeps a goroutine for as long.
func newSystem(log *zap.Logger) *actor.ActorSystem {
	logger := slog.New(zaplog.Handler(log))
	system := actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return logger }),
		actor.WithDeadLetterThrottleInterval(deadLetterPause),
		actor.WithDeadLetterRequestLogging(false),
	)
	trim(system.ProcessRegistry)
	return system
}

// registryBuckets is for thousands of actors; a bucket has 32 maps with a lock each.
const registryBuckets = 32

// trim makes a registry that nobody uses yet smaller: with its 1,024 buckets an actor system takes
// 2.7 MB before it has an actor.
func trim(registry *actor.ProcessRegistryValue) {
	all := registry.LocalPIDs.LocalPIDs
	if len(all) <= registryBuckets {
		return
	}
	few := &actor.SliceMap{LocalPIDs: slices.Clone(all[:registryBuckets])}
	for _, bucket := range all[registryBuckets:] { // a multiple of few: who is among the first of all stays there
		bucket.IterCb(func(id string, process any) { few.GetBucket(id).Set(id, process) })
	}
	registry.LocalPIDs = few
}
