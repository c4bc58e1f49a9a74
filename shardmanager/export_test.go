package shardmanager

import "github.com/signalbox-go/signalbox/internal/handover"

// WithPlace is WithHandover, elsewhere than at a path.
func WithPlace(place handover.Place) Option { return func(c *config) { c.place = place } }
