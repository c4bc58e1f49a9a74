package actors

import (
	"cmp"
	"time"
)

// plan is when a shard's admission is to be looked at, unless it was planned anew since.
type plan struct {
	at    time.Time
	shard int
}

type plans []plan

func (p plans) Len() int { return len(p) }
func (p plans) Less(i, j int) bool {
	return cmp.Or(p[i].at.Compare(p[j].at), cmp.Compare(p[i].shard, p[j].shard)) < 0
}
func (p plans) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *plans) Push(v any)   { *p = append(*p, v.(plan)) }
func (p *plans) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}
