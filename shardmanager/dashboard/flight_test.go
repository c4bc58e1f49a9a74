package dashboard_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager/dashboard"
)

// broken is a flight recorder that has failed.
type broken struct{}

func (broken) DumpTo(io.Writer, ...actors.Key) error { return errors.New("a-canary-of-an-error") }

// flights serves another dashboard of the bot, with a flight recorder.
func flights(t *testing.T, w *world, r dashboard.FlightRecorder) *memory {
	t.Helper()
	d, err := dashboard.New(w.m, dashboard.WithToken(lookToken), dashboard.WithControl(controlToken), dashboard.WithRecorder(r))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return serve(t, d)
}

// TestFlightRecordIsGuarded: those who may change things get it, as a file, and nobody else.
func TestFlightRecordIsGuarded(t *testing.T) {
	bubble(t, 2, func(t *testing.T, w *world) {
		w.gateway.World().Message(gatewaytest.GuildOf(events.ShardID{Index: 1, Total: 2}, 0), gatewaytest.Message{Content: "a-canary-of-contents"})
		w.gateway.Shard(1).Close(4000)
		pass(time.Minute)
		l := flights(t, w, w.flight)
		bearer := func(token string) []string { return []string{"Authorization: Bearer " + token} }
		status, h, body := l.get(t, ask{path: "/flight?index=1", header: bearer(controlToken)})
		if status != http.StatusOK || h.Get("Content-Disposition") != `attachment; filename="flight-1-of-2.jsonl"` || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%d, %v", status, h)
		}
		if !strings.Contains(body, `"type":"MESSAGE_CREATE"`) || !strings.Contains(body, `"code":4000`) || strings.Contains(body, `"shard":"0/2"`) || strings.Contains(body, "a-canary") {
			t.Errorf("it has %s", body)
		}
		for _, c := range []struct {
			path   string
			header []string
			want   int
		}{
			{"/flight?index=1", nil, http.StatusUnauthorized},
			{"/flight?index=1", bearer(lookToken), http.StatusUnauthorized},
			{"/flight?index=1", append(bearer(controlToken), "Sec-Fetch-Site: cross-site"), http.StatusForbidden},
			{"/flight?index=2", bearer(controlToken), http.StatusNotFound},
			{"/flight", bearer(controlToken), http.StatusBadRequest},
		} {
			if status, _, body := l.get(t, ask{path: c.path, header: c.header}); status != c.want || strings.Contains(body, "MESSAGE_CREATE") {
				t.Errorf("%s with %v: %d, want %d", c.path, c.header, status, c.want)
			}
		}
		if status, _, _ := w.l.get(t, ask{path: "/flight?index=1", header: bearer(controlToken)}); status != http.StatusNotFound {
			t.Errorf("without WithRecorder: %d", status)
		}
		var wrong *dashboard.OptionError
		if _, err := dashboard.New(w.m, dashboard.WithRecorder(w.flight)); !errors.As(err, &wrong) || wrong.Option != "WithRecorder" {
			t.Errorf("without WithControl: %v", err)
		}
		if status, _, body := flights(t, w, broken{}).get(t, ask{path: "/flight?index=1", header: bearer(controlToken)}); status != http.StatusInternalServerError || strings.Contains(body, "canary") {
			t.Errorf("of a broken one: %d, %s", status, body)
		}
	}, dashboard.WithControl(controlToken))
}
