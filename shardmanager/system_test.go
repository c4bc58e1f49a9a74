package shardmanager

import (
	"fmt"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
)

// A registry that was made smaller still finds what was in it, and what comes later.
func TestTrimmedRegistry(t *testing.T) {
	whole := actor.NewActorSystem()
	early := whole.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
	trim(whole.ProcessRegistry)
	if _, ok := whole.ProcessRegistry.Get(early); !ok {
		t.Error("an actor from before is not found")
	}
	whole.Shutdown()

	system := newSystem(zap.NewNop())
	defer system.Shutdown()
	if n := len(system.ProcessRegistry.LocalPIDs.LocalPIDs); n != registryBuckets {
		t.Errorf("%d buckets, want %d", n, registryBuckets)
	}
	if _, ok := system.ProcessRegistry.GetLocal("eventstream"); !ok {
		t.Error("the event stream is not found")
	}
	for i := range 1000 {
		pid, err := system.Root.SpawnNamed(actor.PropsFromFunc(func(actor.Context) {}), fmt.Sprint("a", i))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := system.ProcessRegistry.Get(pid); !ok {
			t.Fatalf("%v is not found", pid)
		}
	}
}
