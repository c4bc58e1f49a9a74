// Package browser looks at the dashboard with a real browser: how soon it is there, what it answers, what it lets through, and whether everybody can use it. It is a module of its
// own, since nobody else needs what drives a browser. It has tests alone, which are skipped where there is no Chromium:
//
//	npm ci && go test .                       # axe-core, which judges accessibility, comes from npm
//	go test . -shots /tmp/shots               # and writes pictures, at three widths, light and dark
//	go test . -chromium /usr/bin/chromium     # or the variable CHROMIUM; with -must a test without one fails
package browser
