package events

import "strconv"

// GuildOf is the guild that an event belongs to: 0 for one of none, such as READY, a direct message, or an event whose data
// cannot be read. It reads no further than to the id.
func GuildOf(raw *Raw) Snowflake {
	field := "guild_id"
	switch raw.Type {
	case TypeGuildCreate, TypeGuildUpdate, TypeGuildDelete: // they are guilds
		field = "id"
	}
	return idIn(raw.Data, field)
}

// idIn is the id in a field of an object; 0: there is none.
func idIn(data []byte, field string) Snowflake {
	s := scanner{data: data}
	if !s.take('{') {
		return 0
	}
	for {
		key, ok := s.text()
		if !ok || !s.take(':') {
			return 0
		}
		value, ok := s.value()
		if !ok {
			return 0
		}
		if string(key) == field {
			return snowflakeOf(value)
		}
		if !s.take(',') {
			return 0
		}
	}
}

// snowflakeOf reads an id, which is a string or a number. 0: it is none.
func snowflakeOf(value []byte) Snowflake {
	if n := len(value); n >= 2 && value[0] == '"' {
		value = value[1 : n-1]
	}
	id, err := strconv.ParseUint(string(value), 10, 64)
	if err != nil {
		return 0
	}
	return Snowflake(id)
}
