package shardmanager

import (
	"fmt"
	"time"
)

// String is a line for an operator, such as "2 to 4 shards, cutting: 12 of 40 guilds, about 1m30s left".
func (p ReshardProgress) String() string {
	of := fmt.Sprintf("%d to %d shards, ", p.From, p.To)
	switch {
	case p.Err != nil:
		return of + "stopped: " + oneLine(said(p.Err), 2*reasonBytes)
	case p.Phase == ReshardWarming:
		return of + fmt.Sprintf("%v: %d of %d new ones are ready", p.Phase, p.Warm, p.To)
	case p.Phase == ReshardComparing:
		return of + fmt.Sprintf("%v: %d of %d guilds may be cut, about %v left", p.Phase, p.Compared, p.Guilds, p.Left.Round(time.Second))
	case p.Phase == ReshardCutting:
		return of + fmt.Sprintf("%v: %d of %d guilds, about %v left", p.Phase, p.Cut, p.Guilds, p.Left.Round(time.Second))
	}
	return of + fmt.Sprintf("%v: all %d guilds are cut", p.Phase, p.Cut)
}
