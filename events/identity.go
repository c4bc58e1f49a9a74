package events

// IdentityOf is the id of what an event tells of, if that happens once: a message that is written, an interaction, an entry of the audit log, a channel
// that begins or ends. Two events of one type with one identity are the same, told by two sessions. 0: the type has none, such as a presence or a change, or
// the data cannot be read. It reads no further than to the id.
func IdentityOf(raw *Raw) Snowflake {
	switch raw.Type {
	case TypeMessageCreate, TypeMessageDelete, TypeInteractionCreate, TypeGuildAuditLogEntryCreate, TypeChannelCreate, TypeChannelDelete,
		TypeThreadDelete, TypeGuildScheduledEventCreate, TypeGuildScheduledEventDelete, TypeStageInstanceCreate, TypeStageInstanceDelete,
		TypeIntegrationCreate, TypeIntegrationDelete:
		return idIn(raw.Data, "id")
	}
	return 0
}
