package main

import (
	"fmt"
	"strings"
)

// table is the outcomes as Markdown.
func table(all []outcome) string {
	var b strings.Builder
	b.WriteString("| library | version | shards | compression | ready | typed messages | members |")
	for _, order := range orders {
		fmt.Fprintf(&b, " after %s |", order.name)
	}
	b.WriteString(" what it did wrong |\n|" + strings.Repeat("---|", 8+len(orders)) + "\n")
	for _, o := range all {
		b.WriteString("| " + strings.Join(cells(o), " | ") + " |\n")
	}
	return b.String()
}

func cells(o outcome) []string {
	row := []string{o.library, o.version, fmt.Sprint(o.shards), o.compression}
	if o.absent != "" {
		row = append(row, "not run: "+plain(o.absent))
		for range 3 + len(orders) {
			row = append(row, "")
		}
		return row
	}
	row = append(row, of(o.ready, o.shards), of(o.messages, o.shards), of(o.members, o.shards*members))
	for _, back := range o.back {
		row = append(row, back.String())
	}
	wrong := "nothing"
	if len(o.wrong) > 0 {
		wrong = plain(strings.Join(o.wrong, "; "))
	}
	return append(row, wrong)
}

func of(n, all int) string { return fmt.Sprintf("%d of %d", n, all) }

// plain is a text that fits into a cell.
func plain(text string) string {
	if len(text) > 400 {
		text = text[:400] + "…"
	}
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(text)
}

// String is what the shards did, such as "3 resumed, 1 began anew".
func (c comeback) String() string {
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{
		{c.resumed, "resumed"}, {c.began, "began anew"}, {c.nothing, "did not return"}, {c.away, "not there"}, {c.lost, "lost a message"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.Join(parts, ", ")
}
