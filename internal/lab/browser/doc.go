// Package browser looks at the dashboard with a real browser: that nothing is wider than the page, that the browser complains of nothing, and how it looks. It is a module of its
// own, since nobody else needs what drives a browser. It has tests alone, which are skipped where there is no Chromium:
//
//	go test .
//	go test . -shots /tmp/shots               # and writes pictures, at three widths, light and dark
//	go test . -chromium /usr/bin/chromium     # or the variable CHROMIUM; with -must a test without one fails
package browser
