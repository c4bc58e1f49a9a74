package shardmanager_test

import (
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// The hooks of people who have mistaken themselves.
type (
	wrongHook   struct{}
	halfHook    struct{ wrongHook }
	pointerHook struct{ _ int }
	mixedHook   struct{ pointerHook }
)

func (wrongHook) OnChange(*shardmanager.Change)   {} // it comes as a value
func (halfHook) OnDeaf(actors.ShardDeaf)          {}
func (*pointerHook) OnChange(shardmanager.Change) {}
func (mixedHook) OnDeaf(actors.ShardDeaf)         {}

// TestRefusedHookSaysHowToMendIt: the error names the hook, the method, what that is, and what it must be.
func TestRefusedHookSaysHowToMendIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		hook shardmanager.Hook
		says []string
	}{
		{nil, []string{"nil"}},
		{struct{}{}, []string{"struct {}", "no hook"}},
		{wrongHook{}, []string{"wrongHook", "OnChange", "func(shardmanager_test.wrongHook, *shardmanager.Change)", "must be func(shardmanager.Change)"}},
		{halfHook{}, []string{"halfHook", "OnChange", "*shardmanager.Change", "must be func(shardmanager.Change)"}},
		{pointerHook{}, []string{"OnChange", "&shardmanager_test.pointerHook{"}},
		{mixedHook{}, []string{"OnChange", "&shardmanager_test.mixedHook{"}},
	} {
		_, err := shardmanager.New("t", shardmanager.WithHooks(test.hook))
		if err == nil {
			t.Errorf("%T is taken", test.hook)
			continue
		}
		for _, what := range test.says {
			if !strings.Contains(err.Error(), what) {
				t.Errorf("of %T it does not say %q: %v", test.hook, what, err)
			}
		}
	}
}
