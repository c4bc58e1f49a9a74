// Command signalbox measures this library, without what observes it.
package main

import (
	"github.com/signalbox-go/signalbox/internal/lab/bench/clients/internal/bot"
	"github.com/signalbox-go/signalbox/internal/lab/bench/kit"
)

func main() {
	kit.Main("signalbox", func(r *kit.Run) kit.Client { return &bot.Client{Run: r} })
}
