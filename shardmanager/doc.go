// Package shardmanager runs the shards of a Discord bot: it asks the gateway how many there
// should be, starts them within the limits that Discord sets, keeps them connected, delivers
// their events in order, and carries send events to the gateway and their answers back.
//
//	m, err := shardmanager.New(token, shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages))
//	shardmanager.On(m, func(ctx context.Context, e *events.MessageCreate, at events.Meta) { … })
//	err = m.Start(ctx)
//	defer m.Close(context.Background())
//
// A Manager is safe for concurrent use. It keeps no cache, and makes no REST call but the one that asks for the gateway. Warnings
// and errors go to stderr unless WithLogger says otherwise.
//
// docs/non-obvious.md says what surprises, and docs/errors.md what each error means and what to do.
package shardmanager
