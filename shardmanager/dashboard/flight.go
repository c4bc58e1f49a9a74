package dashboard

import (
	"bytes"
	"fmt"
	"net/http"
)

// serveFlight gives what the flight recorder has of a shard: "flight?index=7", and of several sets of shards "&total=16&generation=1". It needs the token of WithControl.
func (d *Dashboard) serveFlight(w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	if !d.cfg.hasRecorder {
		refuse(w, http.StatusNotFound, "this dashboard has no flight recorder: see WithRecorder")
		return
	}
	if is, _, _ := d.rightOf(r); is != control {
		w.Header().Set("WWW-Authenticate", "Bearer")
		refuse(w, http.StatusUnauthorized, "give the token of WithControl, as \"Authorization: Bearer …\"")
		return
	}
	asked, ok := numbers(r, 1, "index", "total", "generation")
	if !ok || asked[0] > 1<<31 || asked[1] > 1<<31 {
		refuse(w, http.StatusBadRequest, "say which shard: flight?index=7")
		return
	}
	status, _, ok := d.statusOf(keyOf(asked[2], int(asked[0]), int(asked[1])))
	if !ok {
		refuse(w, http.StatusNotFound, "no such shard runs here")
		return
	}
	var dump bytes.Buffer
	err := d.cfg.recorder.DumpTo(&dump, status.Key())
	d.log(r, order{Verb: "flight", Shards: []int{status.Shard.Index}}, err)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "the flight recorder has failed")
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=\"flight-%d-of-%d.jsonl\"", status.Shard.Index, status.Shard.Total))
	_, _ = w.Write(dump.Bytes()) // the client may have gone
}
