// Package health answers, over HTTP, whether a Manager is alive and whether it is ready, with the reasons in JSON: for probes of Kubernetes, for a load balancer, for
// whoever is on call.
//
//	probe, err := health.New(m)
//	mux.Handle("/livez", probe.LivenessHandler())
//	mux.Handle("/readyz", probe.ReadinessHandler())
//
// Alive and ready are two questions. Who is not alive is to be ended and started anew; who is not ready needs time, or somebody's help, and would only lose both by a new
// start, of which each costs Identifies. So an outage of the gateway makes a bot not ready, and never dead.
//
//	                                                    alive  ready  state
//	Start was not called yet                            yes    no     not_started
//	Start asks the gateway, and goes on                 yes    no     starting
//	shards connect, or wait in a long identify queue    yes    no (1) starting
//	all shards are Ready                                yes    yes    running
//	some are away: they reconnect                       yes    (1)    running
//	the gateway, or the network, is out                 yes    no (1) running, or starting
//	the day's budget of Identifies is used up           yes    no (1) running, or starting
//	a shard has ended for good                          yes    no (2) running
//	shards are paused, drained or stopped (3)           yes    yes    paused, if all are; draining, while they still drain
//	a reshard is under way                              yes    (4)    resharding
//	shards are taken over (WithHandover, WithStandby)   yes    no (1) taking_over
//	shards were released, others serve                  yes    (4)    handing_over
//	all were released, or another process has them      yes    no     handed_over
//	Close, or Logout, was called; it drains             yes    no     closing
//	it cannot go on: its supervisor has ended, a token
//	that is refused, all shards have ended              no     no     closing
//	it has ended, for whatever reason                   no     no     closed, or handed_over
//
// (1) By the tolerance: see WithTolerance. A shard that has been Ready here does not count for the first 30 s, and of those that count a twentieth may be away.
// (2) Whatever the tolerance is: it does not heal by itself. A bot whose shards have all ended cannot go on.
// (3) By an operator. Those shards are not wanted, so they are not missed.
// (4) By the shards that serve here, and the tolerance. The new shards of a reshard do not count before they serve, and the old ones not after.
//
// Nothing is kept up for it: no goroutine, no hook. To ask costs a copy of Manager.Status. No answer has a token, a session's id or what events contain; the texts of causes are those
// that the log has.
package health
