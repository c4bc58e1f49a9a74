package control

import (
	"bytes"
	"crypto/subtle"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/signalbox-go/signalbox/events"
)

//go:embed page
var page embed.FS

const maxBody = 1 << 20

// Handler serves the port: POST /orders takes an order or a list of them; GET /orders, /stats, /shards, /violations, /calls,
// /interactions/{id} and /channels/{id}/messages tell how things stand, as JSON; GET /events tells what happens, as server-sent
// events; and / is a page. Of lists ?last=10 asks for the newest. It refuses requests that another site has a browser make.
func (c *Control) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", c.take)
	mux.HandleFunc("GET /events", c.events)
	for pattern, view := range map[string]func(*http.Request) (any, error){
		"GET /orders":     func(*http.Request) (any, error) { return orders(), nil },
		"GET /stats":      func(*http.Request) (any, error) { return statsOf(c.server), nil },
		"GET /shards":     func(*http.Request) (any, error) { return shardsOf(c.server), nil },
		"GET /violations": func(r *http.Request) (any, error) { return lastOf(r, violationsOf(c.server)) },
		"GET /calls":      func(r *http.Request) (any, error) { return lastOf(r, callsOf(c.server)) },
		"GET /interactions/{id}": func(r *http.Request) (any, error) {
			id, err := idOf(r)
			view, found := interactionOf(c.server, id)
			if err == nil && !found {
				return nil, &OrderError{Field: "id", Problem: "there is no such interaction: use an id that an order has returned"}
			}
			return view, err
		},
		"GET /channels/{id}/messages": func(r *http.Request) (any, error) {
			id, err := idOf(r)
			messages := c.server.World().Messages(id)
			if messages == nil {
				messages = []json.RawMessage{}
			}
			if err != nil {
				return nil, err
			}
			return lastOf(r, messages)
		},
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			v, err := view(r)
			if wrong := (*OrderError)(nil); errors.As(err, &wrong) {
				refuse(w, http.StatusBadRequest, wrong.Field, wrong.Problem)
				return
			}
			answer(w, http.StatusOK, v)
		})
	}
	whole := http.NewServeMux()
	for path, file := range map[string]string{"GET /{$}": "page/index.html", "GET /page.css": "page/page.css", "GET /page.js": "page/page.js"} {
		whole.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, page, file) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusNotFound
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			other := *r
			other.Method = method
			if _, pattern := mux.Handler(&other); pattern != "/" {
				status = http.StatusMethodNotAllowed
			}
		}
		refuse(w, status, "", fmt.Sprintf("there is no %.10s %.80q here: POST /orders takes orders, GET /orders lists them, and docs/testing.md has the other paths", r.Method, r.URL.Path))
	})
	whole.Handle("/", c.guarded(mux))
	origins := http.NewCrossOriginProtection()
	origins.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, "Origin", "another site cannot give orders by a browser: send them from the port's own page, or without a browser")
	}))
	return c.ours(origins.Handler(whole))
}

// ours refuses what another site has a browser ask: a name that was made to lead here, unless a token is needed anyway.
func (c *Control) ours(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		if c.token == "" && !local(r.Host) {
			refuse(w, http.StatusForbidden, "Host", fmt.Sprintf("%.80q is not this port: use its address, or localhost, or start it with a token", r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// local reports whether a Host is an address, or localhost: other names may lead here through no will of ours (DNS rebinding).
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.EqualFold(host, "localhost") || net.ParseIP(strings.Trim(host, "[]")) != nil
}

// guarded asks for the token.
func (c *Control) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if c.token != "" && (!is || subtle.ConstantTimeCompare([]byte(given), []byte(c.token)) != 1) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(w, http.StatusUnauthorized, "Authorization", "give the token that the port was started with, as \"Authorization: Bearer …\"")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refused is the answer to orders that cannot be carried out.
type refused struct {
	Done   []outcome     `json:"done"` // before the mistake
	Errors []*OrderError `json:"errors"`
}

func refuse(w http.ResponseWriter, status int, field, problem string) {
	answer(w, status, refused{Done: []outcome{}, Errors: []*OrderError{{Field: field, Problem: problem}}})
}

// take takes an order, or a list. None is carried out before all were checked.
func (c *Control) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, http.StatusBadRequest, "", "the body cannot be read, or is over 1 MiB: send fewer orders at once")
		return
	}
	list, problems := parse(body)
	if len(problems) > 0 {
		answer(w, http.StatusBadRequest, refused{[]outcome{}, problems})
		return
	}
	all := []outcome{}
	for i, o := range list {
		done, problem := c.carryOut(o)
		if problem != nil {
			problem.Order = i
			answer(w, http.StatusConflict, refused{all, []*OrderError{problem}})
			return
		}
		all = append(all, done)
	}
	answer(w, http.StatusOK, map[string]any{"done": all})
}

// parse reads an order, or a list, and checks all.
func parse(body []byte) (list []*order, problems []*OrderError) {
	var given any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber() // ids have more digits than a float64
	if err := decoder.Decode(&given); err != nil {
		return nil, []*OrderError{wrong("", `the body is no JSON: %v; send an order, such as {"do": "drop", "shard": 0}`, err)}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, []*OrderError{wrong("", "something stands behind the JSON: several orders are a list, [{…}, {…}]")}
	}
	each, isList := given.([]any)
	if !isList {
		each = []any{given}
	}
	for i, one := range each {
		fields, isObject := one.(map[string]any)
		if !isObject {
			problems = append(problems, &OrderError{Order: i, Problem: shown(one) + ` is no order: send an object, such as {"do": "drop", "shard": 0}`})
			continue
		}
		o, wrong := read(fields)
		for _, problem := range wrong {
			problem.Order = i
		}
		list, problems = append(list, o), append(problems, wrong...)
	}
	return list, problems
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(encode(v), '\n')) // the client may have gone
}

func idOf(r *http.Request) (events.Snowflake, error) {
	id, ok := idKind.parse(r.PathValue("id"))
	if !ok {
		return 0, &OrderError{Field: "id", Problem: "it is no id: give digits"}
	}
	return id.(events.Snowflake), nil
}

func lastOf[T any](r *http.Request, all []T) (any, error) {
	text := r.URL.Query().Get("last")
	if text == "" {
		return all, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return nil, &OrderError{Field: "last", Problem: "give a number from 1: how many of the newest"}
	}
	return all[len(all)-min(len(all), n):], nil
}
