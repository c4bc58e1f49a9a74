package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"mime"
	"net/http"
	"path"
	"time"
)

//go:embed page
var page embed.FS

// policy lets the page load what this handler serves, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// asset is a file of the page.
type asset struct {
	data      []byte
	kind, tag string
}

// assets are the files of the page, by name; "" is the page itself.
func assets(cfg *config) (map[string]asset, error) {
	all := make(map[string]asset)
	files, err := page.ReadDir("page")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		data, err := page.ReadFile("page/" + file.Name())
		if err != nil {
			return nil, err
		}
		name := file.Name()
		if name == "index.html" {
			var filled bytes.Buffer
			t, err := template.New(name).Parse(string(data))
			if err == nil {
				err = t.Execute(&filled, struct {
					Title, Stream string
					Control       bool
					Flight        bool
				}{cfg.title, cfg.stream, cfg.hasControl, cfg.hasRecorder})
			}
			if err != nil {
				return nil, err
			}
			name, data = "", filled.Bytes()
		}
		sum := sha256.Sum256(data)
		all[name] = asset{data, mime.TypeByExtension(path.Ext(file.Name())), `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
	}
	return all, nil
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("ETag", a.tag)
	h.Set("Cache-Control", "no-cache") // it is asked each time whether it is the same still
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.data))
}

// reads reports whether the method is one that reads, and else refuses.
func reads(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	refuse(w, http.StatusMethodNotAllowed, "this can only be read: use GET or HEAD")
	return false
}

// answer answers with JSON.
func answer(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"error":"it cannot be told"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the client may have gone
}

// refuse says why there is no answer.
func refuse(w http.ResponseWriter, status int, problem string) {
	answer(w, status, map[string]string{"error": problem})
}
