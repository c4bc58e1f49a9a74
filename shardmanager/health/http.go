package health

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// LivenessHandler answers with Liveness in JSON: 200 if it is alive, 503 if not. It may be mounted under any path, of which it looks at nothing.
func (p *Probe) LivenessHandler() http.Handler {
	return answering(func() (any, bool) {
		answer := p.Liveness()
		return answer, answer.Alive
	})
}

// ReadinessHandler answers with Readiness in JSON: 200 if it is ready, 503 if not. It may be mounted under any path, of which it looks at nothing.
func (p *Probe) ReadinessHandler() http.Handler {
	return answering(func() (any, bool) {
		answer := p.Readiness()
		return answer, answer.Ready
	})
}

// answering answers GET and HEAD, and keeps caches away: an answer is true for a moment.
func answering(ask func() (answer any, good bool)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			header.Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		answer, good := ask()
		body, err := json.MarshalIndent(answer, "", "  ")
		if err != nil { // it is made of what can be written
			http.Error(w, "the answer cannot be written", http.StatusInternalServerError)
			return
		}
		body = append(body, '\n')
		header.Set("Content-Type", "application/json")
		header.Set("Content-Length", strconv.Itoa(len(body)))
		header.Set("X-Content-Type-Options", "nosniff")
		if !good {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		if r.Method == http.MethodGet {
			_, _ = w.Write(body)
		}
	})
}
