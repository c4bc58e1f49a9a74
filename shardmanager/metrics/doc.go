// Package metrics tells Prometheus how a bot does: what has happened, by the Manager's hooks, and how it stands, read from the Manager when Prometheus asks.
//
//	x := metrics.New()
//	m, err := shardmanager.New(token, shardmanager.WithHooks(x.Hooks()...))
//	x.Attach(m) // before Start, and nothing is missed
//	prometheus.MustRegister(x)
//	err = m.Start(ctx)
//
// Labels have few values, whatever the gateway sends: types of events that are not known are one, causes are kinds and never an error's text, and no
// label has more than 100 names of handlers. No metric says anything of what is in events, and none holds a secret.
//
// What has happened is counted for ever. What is so now is there only while it is so: once the Manager has ended, signalbox_running is 0 and all
// other gauges of it are gone; a latency that was not measured of late is left out.
//
// docs/operations/metrics.md lists them all, and beside it there are a dashboard and alerts.
package metrics
