// Command observed measures what it costs to observe this library: the variants are metrics and recorder, and default is neither.
package main

import (
	"github.com/signalbox-go/signalbox/internal/lab/bench/clients/internal/bot"
	"github.com/signalbox-go/signalbox/internal/lab/bench/kit"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/metrics"
	"github.com/signalbox-go/signalbox/shardmanager/recorder"
)

func main() {
	kit.Main("observed", func(r *kit.Run) kit.Client {
		return &bot.Client{Run: r, Observes: func() ([]shardmanager.Hook, func(*shardmanager.Manager)) {
			switch r.Variant {
			case "metrics":
				m := metrics.New()
				return m.Hooks(), m.Attach
			case "recorder":
				return recorder.New().Hooks(), func(*shardmanager.Manager) {}
			}
			return nil, func(*shardmanager.Manager) {}
		}}
	})
}
