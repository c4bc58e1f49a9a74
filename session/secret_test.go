package session_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// TestSecretsInsideDoNotPrint looks at values that keep secrets in fields of their own, where
// fmt cannot call a Secret's methods.
//
// Failures: F149, F160.
func TestSecretsInsideDoNotPrint(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-s3cret-s3cret"
	j := newJudge(t.Fatalf)
	j.cursor = session.Cursor{SessionID: secret, ResumeURL: secret}
	m, err := session.NewMachine(session.Config{
		Shard:    events.ShardID{Index: 0, Total: 1},
		Identify: events.Identify{Token: secret}, Cursor: &j.cursor,
	}, j)
	if err != nil {
		t.Fatal(err)
	}
	store := session.NewMemoryStore()
	if err := store.Save(t.Context(), session.Snapshot{Shard: events.ShardID{Total: 1}, SessionID: secret, ResumeURL: secret}); err != nil {
		t.Fatal(err)
	}
	for _, value := range []any{m, store, []any{m, store}, map[string]any{"m": m, "s": store}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, secret) || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", secret)) {
				t.Errorf("%T prints with %s as %s", value, verb, text)
			}
		}
	}
	if text := fmt.Sprint(m); text != "{shard 0/1 Idle conn 0}" {
		t.Error(text)
	}
	if text := fmt.Sprint(store); text != "{1 snapshots}" {
		t.Error(text)
	}
}
