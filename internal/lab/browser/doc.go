// Package browser looks at the dashboard with a real browser: how fast it shows thousands of shards, that verbs need the token, that everybody can use it, that nothing is wider
// than the page, that the browser complains of nothing, and how it looks. It is a module of its own, since nobody else needs what drives a browser. It has tests alone. They are
// skipped where there is no Chromium, and do without axe-core where npm ci has not fetched it, but with -must they fail:
//
//	go test .
//	go test . -must
//	go test . -shots /tmp/shots               # and writes pictures, at three widths, light and dark
//	go test . -chromium /usr/bin/chromium     # or the variable CHROMIUM
package browser
