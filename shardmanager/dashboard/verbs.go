package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/shardmanager"
)

const (
	orderLimit = 1 << 20          // bytes: 65,536 shards fit
	verbTime   = 30 * time.Second // for the supervisor to take it on
)

// order is what "do" takes.
type order struct {
	Verb   string `json:"verb"`
	Shards []int  `json:"shards"` // of a rolling restart none: all
	AtOnce int    `json:"atOnce"` // of a rolling restart; 0: 1
}

// verbs are all that can be done to named shards.
var verbs = map[string]func(context.Context, *shardmanager.Manager, []int) error{
	"restart": func(ctx context.Context, m *shardmanager.Manager, shards []int) error {
		for i, shard := range shards {
			if err := m.Restart(ctx, shard); err != nil {
				return fmt.Errorf("%d of %d were asked to: %w", i, len(shards), err)
			}
		}
		return nil
	},
	"reidentify": func(ctx context.Context, m *shardmanager.Manager, shards []int) error {
		return m.Reidentify(ctx, shards...)
	},
	"pause": func(ctx context.Context, m *shardmanager.Manager, shards []int) error { return m.Pause(ctx, shards...) },
	"unpause": func(ctx context.Context, m *shardmanager.Manager, shards []int) error {
		return m.Unpause(ctx, shards...)
	},
	"drain": func(ctx context.Context, m *shardmanager.Manager, shards []int) error { return m.Drain(ctx, shards...) },
}

// origins refuse what another site has a browser ask.
var origins = http.NewCrossOriginProtection()

// serveVerb carries out an order: POST, from no other site, as JSON, with the token of WithControl.
func (d *Dashboard) serveVerb(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		refuse(w, http.StatusMethodNotAllowed, "verbs are asked for with POST")
		return
	}
	if err := origins.Check(r); err != nil {
		d.log(r, order{}, errOtherSite)
		refuse(w, http.StatusForbidden, otherSite)
		return
	}
	if !d.cfg.hasControl {
		refuse(w, http.StatusForbidden, "this dashboard is read-only: WithControl allows verbs")
		return
	}
	if is, _, _ := d.rightOf(r); is != control {
		d.log(r, order{}, errNoToken)
		w.Header().Set("WWW-Authenticate", "Bearer")
		refuse(w, http.StatusUnauthorized, "give the token of WithControl, as \"Authorization: Bearer …\"")
		return
	}
	o, problem := readOrder(w, r)
	if problem != "" {
		refuse(w, http.StatusBadRequest, problem)
		return
	}
	err := d.carryOut(r.Context(), o)
	d.log(r, o, err)
	if err != nil {
		refuse(w, http.StatusConflict, text(err, detailLimit))
		return
	}
	answer(w, http.StatusOK, map[string]any{"done": o.Verb, "shards": len(o.Shards)})
}

var (
	errOtherSite = errors.New("another site")
	errNoToken   = errors.New("no token of WithControl")
)

func readOrder(w http.ResponseWriter, r *http.Request) (o order, problem string) {
	if r.Header.Get("Content-Type") != "application/json" {
		return o, "an order is JSON: set Content-Type to application/json"
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, orderLimit))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&o) != nil {
		return o, `that is no order: send {"verb": "restart", "shards": [7]}`
	}
	_, named := verbs[o.Verb]
	switch {
	case o.Verb == "rolling" || o.Verb == "abort":
	case !named:
		return o, "that is no verb: use restart, reidentify, pause, unpause, drain, rolling, or abort, which ends a rolling restart"
	case len(o.Shards) == 0:
		return o, "no shard is named: say which"
	}
	slices.Sort(o.Shards)
	o.Shards = slices.Compact(o.Shards)
	return o, ""
}

func (d *Dashboard) carryOut(ctx context.Context, o order) error {
	switch o.Verb {
	case "rolling":
		return d.beginRolling(shardmanager.Rolling{AtOnce: o.AtOnce}, o.Shards)
	case "abort":
		return d.roll.abort()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), verbTime) // who asks may go: half of it is worse than all
	defer cancel()
	return verbs[o.Verb](ctx, d.m, o.Shards)
}

// log says who asked for what, and what came of it.
func (d *Dashboard) log(r *http.Request, o order, err error) {
	some := o.Shards[:min(len(o.Shards), 16)]
	fields := []zap.Field{zap.String("from", r.RemoteAddr), zap.String("verb", o.Verb), zap.Ints("shards", some), zap.Int("count", len(o.Shards))}
	if err != nil {
		d.cfg.log.Warn("dashboard: a verb was refused, or failed", append(fields, zap.String("error", text(err, detailLimit)))...)
		return
	}
	d.cfg.log.Info("dashboard: a verb was carried out", fields...)
}
