// Package actors keeps gateway sessions in protoactor-go. A supervisor actor owns the rate
// limits of an application and the actors of its shards: it admits send events and forwards
// them. A shard actor hosts one session.Machine, writes to its socket, and answers whoever
// asked. Received events go from the shard's reader to the shard's actor to the subscribers,
// and never through the supervisor.
//
// What has to outlive an actor's crash (sessions' cursors, the plan, what is shown as status)
// is kept in a [Supervisor], which the actors share and which Go code may read without asking them.
// No actor decides about the protocol: that is the session package's.
//
// Most programs want the shardmanager package instead; this one is for those who bring their
// own actor system.
package actors
