package control

import "slices"

// verbs are all orders. It is filled once.
var verbs = slices.Concat(shardVerbs, worldVerbs, interactionVerbs, serverVerbs)

var (
	shardField = field{"shard", shardKind, true, "whose session it is done to"}
	totalField = field{"total", numberKind(1, 1<<20, "a number of shards"), false, "of which total the shard is; else that of the newest session"}
	onField    = field{"on", boolKind, false, "false ends it; the default is true"}
	forField   = field{"for", durationKind, false, "how long it lasts; without it, until it is ended by on: false"}
	guildField = field{"guild", idKind, false, "the guild"}
	placeField = field{"shard", shardKind, false, "in place of guild: the first guild of each shard"}
	userField  = field{"user", idKind, true, "the member; 4242 stands for the bot"}
	moreField  = field{"fields", fieldsKind, false, "further fields of the object, by Discord's names"}
	nameField  = field{"name", wordKind, true, "its name"}
	timesField = field{"times", numberKind(1, 1000, "a number from 1 to 1000"), false, "how often; the default is 1"}
)

// lasting is a check of orders that last: what ends a thing has no length.
func checkLasting(a args) *OrderError {
	if !a.on() && a.has("for") {
		return wrong("for", "leave it out where on is false: that ends it now")
	}
	return nil
}

// checkPlace is a check of orders that are about a guild.
func checkPlace(a args) *OrderError {
	switch {
	case !a.has("guild") && !a.has("shard"):
		return wrong("guild", "it is missing: give the id of a guild, or a shard, whose first guild it is then")
	case a.has("guild") && a.has("shard"):
		return wrong("shard", "leave it out where a guild is named")
	}
	return checkLasting(a)
}

// at is a verb about a guild.
func at(name, help string, do func(*Control, *work) error, fields ...field) verb {
	return verb{name: name, help: help, fields: slices.Concat([]field{guildField, placeField, totalField}, fields), check: checkPlace, do: do}
}
