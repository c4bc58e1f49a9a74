package gatewaytest_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestApplicationTellsOfTheAllowedIntents: the flags of GET /applications/@me are those of the intents that an Identify may have.
func TestApplicationTellsOfTheAllowedIntents(t *testing.T) {
	t.Parallel()
	g := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithToken("token"), gatewaytest.WithAllowedIntents(events.IntentsUnprivileged|events.IntentGuildMembers))
	get := func(token string) (status int, flags int64) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.APIURL+"/applications/@me", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bot "+token)
		answer, err := g.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var found struct{ Flags int64 }
		if err := json.NewDecoder(answer.Body).Decode(&found); err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, found.Flags
	}
	if status, flags := get("token"); status != http.StatusOK || flags != 1<<15 {
		t.Errorf("status %d, flags %b", status, flags)
	}
	g.SetAllowedIntents(events.IntentGuildPresences | events.IntentMessageContent)
	if _, flags := get("token"); flags != 1<<13|1<<19 {
		t.Errorf("after a change: flags %b", flags)
	}
	if status, _ := get("other"); status != http.StatusUnauthorized {
		t.Errorf("with another token: status %d", status)
	}
	remove := g.OnApplication(func(w http.ResponseWriter) bool {
		w.WriteHeader(http.StatusForbidden)
		_, err := w.Write([]byte("{}"))
		return err == nil
	})
	if status, _ := get("token"); status != http.StatusForbidden {
		t.Errorf("with a hook: status %d", status)
	}
	remove()
	if status, _ := get("token"); status != http.StatusOK {
		t.Errorf("without the hook again: status %d", status)
	}
}
