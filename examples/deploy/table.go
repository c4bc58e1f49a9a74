package main

import (
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"
)

// judge prints the table, and says what does not hold.
func (s *story) judge() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, in := range s.happened {
		if s.handled[id] == 0 {
			s.chapters[in].lost++
		}
	}
	var wrong []error
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "\n\tIdentifies\tResumes\taway p50\tp99\tmessages meanwhile\tlost\ttwice\tand not said\t\n")
	for i, c := range s.chapters {
		slices.Sort(c.away)
		percentile := func(of int) time.Duration {
			if len(c.away) == 0 {
				return 0
			}
			return c.away[(len(c.away)-1)*of/100].Round(time.Millisecond)
		}
		killed := c.how == crashes || c.how == oldDies || c.how == newDies
		holds := c.lost == 0 && c.unsaid == 0 && (c.twice == 0 || killed)
		switch c.how {
		case begins:
			holds = holds && c.identifies == s.shards && c.resumes == 0
		case newDies: // what it had taken is resumed twice
			holds = holds && c.identifies == 0 && c.resumes >= s.shards
		default:
			holds = holds && c.identifies == 0 && c.resumes == s.shards
		}
		verdict := "holds"
		if !holds {
			verdict = "DOES NOT HOLD"
			wrong = append(wrong, fmt.Errorf("start %d, %s, does not hold", i+1, c.how))
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%v\t%v\t%d\t%d\t%d\t%d\t%s\n", c.how, c.identifies, c.resumes, percentile(50), percentile(99), c.meanwhile, c.lost, c.twice, c.unsaid, "  "+verdict)
	}
	if violations := s.gateway.Violations(); len(violations) > 0 {
		wrong = append(wrong, fmt.Errorf("the gateway's rules were broken: %v", violations))
	}
	return errors.Join(append(wrong, table.Flush())...)
}
