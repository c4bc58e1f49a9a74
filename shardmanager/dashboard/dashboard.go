package dashboard

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/signalbox-go/signalbox/shardmanager"
)

// Dashboard is the page of one Manager, and what it is fed by. Make it with New. It is safe for concurrent use.
type Dashboard struct {
	m      *shardmanager.Manager
	cfg    config
	assets map[string]asset
	seen   seen
	queues queues
	budget atomic.Pointer[shardmanager.Budget]
	roll   rolling

	life    context.Context // until Close, or until the Manager has ended
	end     context.CancelFunc
	running sync.WaitGroup
	closing sync.Mutex // no goroutine begins when it ends

	viewers atomic.Int64
	dropped atomic.Int64
	handler http.Handler
}

// New returns the dashboard of a Manager, before or after its Start. It runs until Close, or until the Manager has ended. The error joins one *OptionError for each option
// that cannot work.
func New(m *shardmanager.Manager, opts ...Option) (*Dashboard, error) {
	d := &Dashboard{m: m}
	for _, opt := range opts {
		if opt == nil {
			d.cfg.nilOption = true
			continue
		}
		opt(&d.cfg)
	}
	if m == nil {
		return nil, &OptionError{"New", "the Manager is nil: pass the one to show"}
	}
	if err := d.cfg.check(); err != nil {
		return nil, err
	}
	var err error
	if d.assets, err = assets(&d.cfg); err != nil {
		return nil, err
	}
	d.seen.wake = make(chan struct{})
	d.life, d.end = context.WithCancel(context.Background())
	d.handler = d.guarded(http.HandlerFunc(d.route), d.isAsset)
	changes := m.Watch(d.life) // before anything can happen that would be missed
	d.running.Go(d.sample)
	d.running.Go(d.ask)
	d.running.Go(func() { d.follow(changes) })
	return d, nil
}

// Close ends what the dashboard does: streams, and a rolling restart that was begun on the page. It returns when all has ended but the requests themselves. Call it before, or with
// RegisterOnShutdown while, an http.Server is shut down, which would wait for streams. The Manager goes on. A second call does nothing.
func (d *Dashboard) Close() {
	d.closing.Lock()
	d.end()
	d.closing.Unlock()
	d.running.Wait()
}

// ServeHTTP serves the page and all it needs. Only the last part of the path counts, so that any prefix will do, with http.StripPrefix or without. It ends with a slash.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.handler.ServeHTTP(w, r) }

// Page is the Dashboard without the stream: see WithStreamAt.
func (d *Dashboard) Page() http.Handler {
	return d.guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if last(r) == defaultStream {
			refuse(w, http.StatusNotFound, "the stream is not served here: see WithStreamAt")
			return
		}
		d.route(w, r)
	}), d.isAsset)
}

// Stream is the stream alone, whatever the path: for another place than that of the page, such as a server without a limit on the time of writing, or one that no middleware
// compresses.
func (d *Dashboard) Stream() http.Handler {
	return d.guarded(http.HandlerFunc(d.stream), func(*http.Request) bool { return false })
}

// isAsset reports whether a request is for a file of the page.
func (d *Dashboard) isAsset(r *http.Request) bool {
	_, is := d.assets[last(r)]
	return is
}

// last is the last part of the path.
func last(r *http.Request) string { return r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:] }

// route finds what a path is for.
func (d *Dashboard) route(w http.ResponseWriter, r *http.Request) {
	name := last(r)
	if r.URL.Path == "" { // http.StripPrefix has left nothing: links of the page would lead beside it
		from, _, _ := strings.Cut(r.RequestURI, "?")
		w.Header().Set("Location", from[strings.LastIndexByte(from, '/')+1:]+"/")
		w.WriteHeader(http.StatusPermanentRedirect)
		return
	}
	if a, is := d.assets[name]; is {
		a.serve(w, r)
		return
	}
	switch name {
	case defaultStream:
		d.stream(w, r)
	case "shard":
		d.serveShard(w, r)
	case "find":
		d.serveFind(w, r)
	case "flight":
		d.serveFlight(w, r)
	case "do":
		d.serveVerb(w, r)
	default:
		refuse(w, http.StatusNotFound, "there is no such page here: the dashboard is at the path that it is mounted at, with a slash at its end")
	}
}
