package main

import (
	"fmt"
	"strings"
)

// canvas is a picture that is being drawn. It has its own background, and colours for light and for dark, so that it can be read on any page.
type canvas struct {
	width, height int
	what          string // in words, for who does not see it
	body          strings.Builder
}

const style = `<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.small { font-size: 11px; fill: #59636e }
.paper { fill: #ffffff; stroke: #d1d9e0 }
.line { stroke: #59636e; stroke-width: 1 }
.faint { stroke: #d1d9e0; stroke-width: 1 }
.good { fill: #1a7f37 }
.bad { fill: #cf222e }
.kept { fill: #9a6700 }
.spent { fill: #818b98 }
.span { fill: none; stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.small { fill: #9198a1 }
.paper { fill: #0d1117; stroke: #3d444d }
.line { stroke: #9198a1 }
.faint { stroke: #3d444d }
.good { fill: #3fb950 }
.bad { fill: #f85149 }
.kept { fill: #d29922 }
.spent { fill: #656c76 }
.span { stroke: #9198a1 }
}
</style>
`

func (c *canvas) add(format string, args ...any) { fmt.Fprintf(&c.body, format+"\n", args...) }

func (c *canvas) text(class, anchor string, x, y float64, format string, args ...any) {
	c.add(`<text class="%s" text-anchor="%s" x="%.1f" y="%.1f">%s</text>`, class, anchor, x, y, fmt.Sprintf(format, args...))
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	c.add(`<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

func (c *canvas) rect(class string, x, y, width, height float64) {
	c.add(`<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, class, x, y, width, height)
}

// String is the picture as a file.
func (c *canvas) String() string {
	return fmt.Sprintf(`<!-- Drawn by go run ./internal/cmd/pictures: do not edit. -->
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-label="%[3]s">
%[4]s<rect class="paper" x="0.5" y="0.5" width="%[5]d" height="%[6]d" rx="6"/>
%[7]s</svg>
`, c.width, c.height, c.what, style, c.width-1, c.height-1, c.body.String())
}

// axis draws seconds from 0 on, below a picture, and says where one of them is.
func (c *canvas) axis(left, right, y float64, last, step int) (at func(second float64) float64) {
	at = func(second float64) float64 { return left + (right-left)*second/float64(last) }
	c.line("line", left, y, right, y)
	for s := 0; s <= last; s += step {
		c.line("line", at(float64(s)), y, at(float64(s)), y+4)
		c.text("small", "middle", at(float64(s)), y+18, "%d s", s)
	}
	return at
}
