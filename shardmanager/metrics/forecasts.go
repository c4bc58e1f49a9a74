package metrics

import (
	"context"
	"time"

	"github.com/signalbox-go/signalbox/shardmanager"
)

// Forecasts cost more than all else that is read: tens of milliseconds of 10,000 shards.
const (
	forecastEvery = 30 * time.Second
	forecastTime  = time.Second
)

// works are what is foreseen.
var works = []struct {
	name string
	work shardmanager.Work
}{
	{"resume_all", shardmanager.Recovery{}},
	{"identify_all", shardmanager.Recovery{SessionsLost: true}},
}

// forecasts are what was foreseen of late.
type forecasts struct {
	at  time.Time
	all map[string]shardmanager.Forecast // by name; one that is not there could not be foreseen
}

// look foresees anew, if it is time.
func (f *forecasts) look(m *shardmanager.Manager, now time.Time) map[string]shardmanager.Forecast {
	if !f.at.IsZero() && now.Sub(f.at) < forecastEvery {
		return f.all
	}
	ctx, cancel := context.WithTimeout(context.Background(), forecastTime)
	defer cancel()
	f.at, f.all = now, make(map[string]shardmanager.Forecast)
	for _, w := range works {
		if forecast, err := m.Forecast(ctx, w.work); err == nil {
			f.all[w.name] = forecast
		}
	}
	return f.all
}

func (g *gauges) tellForecasts(t teller, r *reading) {
	for _, w := range works {
		if f, there := r.forecasts[w.name]; there {
			t.gauge(g.forecast, f.Duration.Seconds(), w.name)
			t.flag(g.affordable, f.Enough, w.name)
		}
	}
}
