package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"
)

// judge prints the table, and says what does not hold.
func (s *story) judge() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	wrong := s.count()
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, f func(*chapter) string) {
		fmt.Fprintf(table, "%-25s\t", name)
		for _, c := range s.chapters {
			fmt.Fprintf(table, "%s\t", f(c))
		}
		fmt.Fprintln(table)
	}
	number := func(name string, f func(*chapter) int) {
		row(name, func(c *chapter) string { return fmt.Sprint(f(c)) })
	}
	fmt.Fprintln(table)
	row("shards", func(c *chapter) string { return c.what })
	number("Identifies", func(c *chapter) int { return c.identifies })
	number("  forecast", func(c *chapter) int { return c.plan.Identifies })
	number("more sessions for a while", func(c *chapter) int { return c.peak - c.sessions })
	number("  forecast", func(c *chapter) int { return c.plan.Extra })
	row("it took", func(c *chapter) string { return c.took.Round(time.Second).String() })
	row("  forecast (1)", func(c *chapter) string { return (c.plan.Warm + c.plan.Cut).Round(time.Second).String() })
	number("guilds", func(c *chapter) int { return c.progress.Cut })
	number("  cut out of order", func(c *chapter) int { return c.progress.Flagged + c.progress.Disordered })
	number("events", func(c *chapter) int { return c.events })
	number("  lost", func(c *chapter) int { return c.lost })
	number("  twice", func(c *chapter) int { return c.twice })
	number("  out of order", func(c *chapter) int { return c.disordered })
	number("sends", func(c *chapter) int { return c.sends })
	number("  answered", func(c *chapter) int { return c.answered })
	number("  sent twice", func(c *chapter) int { return c.again })
	row("", func(c *chapter) string {
		if c.holds() {
			return "holds"
		}
		wrong = append(wrong, fmt.Errorf("%s shards: it does not hold", c.what))
		return "DOES NOT HOLD"
	})
	if violations := s.gateway.Violations(); len(violations) > 0 {
		wrong = append(wrong, fmt.Errorf("the gateway's rules were broken: %v", violations))
	}
	err := table.Flush()
	fmt.Fprintf(s.out, "(1) for Discord, where heartbeats come every 41 s; here they come every %v\n", heartbeats)
	return errors.Join(append(wrong, err)...)
}

// count sums up what has become of events and sends, and says which events have never happened.
func (s *story) count() (wrong []error) {
	for name, in := range s.happened {
		in.events++
		switch n := s.handled[name]; {
		case n == 0:
			in.lost++
		case n > 1:
			in.twice++
		}
	}
	for name := range s.handled {
		if s.happened[name] == nil {
			wrong = append(wrong, fmt.Errorf("%s was handled, and has never happened", name))
		}
	}
	for _, of := range s.asked {
		of.in.sends++
		if of.ended == 1 && of.err == nil {
			of.in.answered++
		} else {
			wrong = append(wrong, fmt.Errorf("a send has ended %d times: %v", of.ended, of.err))
		}
		if of.reached > 1 {
			of.in.again++
		}
	}
	return wrong
}

// holds reports whether nothing was lost, and it took what was forecast.
func (c *chapter) holds() bool {
	return c.lost+c.twice+c.disordered == 0 && c.answered == c.sends && c.again == 0 && c.progress.Cut == c.progress.Guilds &&
		c.progress.Flagged+c.progress.Disordered == 0 && c.identifies == c.plan.Identifies && c.peak-c.sessions == c.plan.Extra
}

// lines has several write, one at a time.
type lines struct {
	mu sync.Mutex
	to io.Writer
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(line)
}
