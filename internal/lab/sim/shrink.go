package sim

import (
	"slices"
	"time"
)

// Shrink looks for a smaller plan that is still broken: first with fewer faults, then with less of
// everything else. It asks broken at most so many times.
func Shrink(plan Plan, tries int, broken func(Plan) bool) Plan {
	try := func(p Plan) bool {
		if tries--; tries < 0 || !broken(p) {
			return false
		}
		plan = p
		return true
	}
	for size := (len(plan.Faults) + 1) / 2; size > 0; size /= 2 {
		for at := 0; at < len(plan.Faults); {
			p := plan
			p.Faults = slices.Delete(slices.Clone(plan.Faults), at, min(at+size, len(plan.Faults)))
			if !try(p) {
				at += size
			}
		}
	}
	for _, less := range []func(*Plan){
		func(p *Plan) { p.Callers = 0 },
		func(p *Plan) { p.Slow, p.Panics = 0, 0 },
		func(p *Plan) { p.Store = false },
		func(p *Plan) { p.Guilds = 0 },
		func(p *Plan) { p.Pieces = 1 },
		func(p *Plan) { p.Compression = "none" },
		func(p *Plan) { p.Events = max(p.Events, 30*time.Second) },
		func(p *Plan) {
			if n := len(p.Faults); n > 0 {
				p.Length = min(p.Length, p.Faults[n-1].At+p.Faults[n-1].For+time.Second)
			}
		},
	} {
		p := plan
		less(&p)
		try(p)
	}
	return plan
}
