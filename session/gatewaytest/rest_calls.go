package gatewaytest

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Call is a REST call of a bot, and how it was answered. Its headers are not kept, since they hold the
// bot's token, and neither are tokens of webhooks that are not the world's.
type Call struct {
	At      time.Time // when it was read
	Method  string
	Path    string          // without the base: /channels/1/messages
	Query   string          // without the question mark
	Version int             // of the API, as the URL says; 0: it does not
	Route   string          // what answered, such as "POST /channels/{channel_id}/messages"; a pattern of the test's own ServeMux, or nothing
	Body    json.RawMessage // of a multipart body, its payload_json; nil: there was none, or it is not JSON. Not to be changed.
	Files   []File
	Status  int // 0: the connection was cut instead of an answer
}

// File is a file that a call has uploaded.
type File struct {
	Field       string // such as files[0]
	Name        string
	ContentType string
	Data        []byte // not to be changed
}

const (
	keptCalls = 10_000
	keptBytes = 64 << 20
	maxBody   = 25 << 20 // the server's own bound
)

// Calls are the REST calls so far, in the order in which they were answered; one that the client has the answer to is
// among them. The latest 10,000 are kept, or fewer where their bodies are more than 64 MiB.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rest.calls)
}

// exchange is a call that is being answered. It is the ResponseWriter, and writes the call down before
// the client can read of its end.
type exchange struct {
	http.ResponseWriter
	request *http.Request // its path is without the base
	srv     *Server
	w       *World
	now     time.Time

	version  int
	route    string
	raw      []byte          // the whole body
	body     json.RawMessage // what of it is JSON
	files    []File
	written  bool
	returned bool // nothing panicked
}

// read reads the body.
//
// Source: reference#uploading-files
func (x *exchange) read() (refused reply, ok bool) {
	raw, err := io.ReadAll(io.LimitReader(x.request.Body, maxBody+1))
	switch {
	case err != nil:
		return invalidJSON, false // the client has most likely gone
	case len(raw) > maxBody:
		return tooLarge, false
	}
	x.raw = raw
	kind, params, _ := mime.ParseMediaType(x.request.Header.Get("Content-Type")) // none is JSON
	switch {
	case kind == "multipart/form-data":
		x.parts(params["boundary"])
	case json.Valid(raw):
		x.body = raw
	}
	return reply{}, true
}

// parts reads a multipart body. One that ends too early has the parts before.
func (x *exchange) parts(boundary string) {
	reader := multipart.NewReader(bytes.NewReader(x.raw), boundary)
	for {
		part, err := reader.NextPart()
		if err != nil {
			return
		}
		data, err := io.ReadAll(part)
		switch {
		case err != nil:
			return
		case part.FormName() == "payload_json" && json.Valid(data):
			x.body = data
		case part.FileName() != "":
			x.files = append(x.files, File{part.FormName(), part.FileName(), part.Header.Get("Content-Type"), data})
		}
	}
}

// rewind has the body be read once more.
func (x *exchange) rewind() { x.request.Body = io.NopCloser(bytes.NewReader(x.raw)) }

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	if status >= http.StatusOK {
		x.record(status)
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (x *exchange) Write(p []byte) (int, error) {
	x.record(http.StatusOK)
	return x.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// end writes down what nobody has answered.
func (x *exchange) end() {
	if x.returned {
		x.record(http.StatusOK) // net/http answers so
	} else {
		x.record(0)
	}
}

func (x *exchange) write(r reply) {
	if r.body == nil {
		x.WriteHeader(r.status)
		return
	}
	body, encoded := r.body.(json.RawMessage)
	if !encoded {
		body = encode(r.body)
	}
	x.Header().Set("Content-Type", "application/json")
	x.WriteHeader(r.status)
	_, _ = x.Write(body) // the client may have gone
}

func (x *exchange) record(status int) {
	if x.written {
		return
	}
	x.written = true
	s := x.srv
	s.mu.Lock()
	defer s.mu.Unlock()
	if pattern := x.request.Pattern; pattern != "" && pattern != "/" {
		x.route = pattern // of the test's own handler
	}
	r := x.request
	s.rest.keep(Call{x.now, r.Method, x.w.withoutSecret(r.URL.Path), r.URL.RawQuery, x.version, x.route, x.body, x.files, status})
}

func (c *Call) size() int {
	n := len(c.Body)
	for _, f := range c.Files {
		n += len(f.Data)
	}
	return n
}

func (api *rest) keep(c Call) {
	api.calls = append(api.calls, c)
	api.size += c.size()
	for len(api.calls) > keptCalls || api.size > keptBytes {
		api.size -= api.calls[0].size()
		api.calls = api.calls[1:]
	}
}

// withoutSecret is a path without the token of a webhook that is none of the world's.
func (w *World) withoutSecret(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) > 3 && (parts[1] == "webhooks" || parts[1] == "interactions") && w.interactionOf(parts[3]) == nil {
		parts[3] = "…"
	}
	return strings.Join(parts, "/")
}
