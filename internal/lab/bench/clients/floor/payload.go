package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// envelope reads t, s, op and d as the gateway orders them.
func envelope(b []byte) (t, d []byte, op int) {
	if !bytes.HasPrefix(b, []byte(`{"t":`)) {
		return nil, nil, -1
	}
	b = b[5:]
	if b[0] == '"' {
		i := bytes.IndexByte(b[1:], '"')
		t, b = b[1:1+i], b[2+i:]
	} else {
		b = b[4:]
	}
	i := bytes.Index(b, []byte(`,"op":`))
	if _, err := strconv.ParseInt(string(b[5:i]), 10, 64); err != nil && string(b[5:i]) != "null" {
		return nil, nil, -1
	}
	b = b[i+6:]
	i = bytes.IndexByte(b, ',')
	op, _ = strconv.Atoi(string(b[:i]))
	return t, b[i+5 : len(b)-1], op
}

type user struct {
	ID         string  `json:"id"`
	Username   string  `json:"username"`
	GlobalName *string `json:"global_name"`
	Avatar     *string `json:"avatar"`
	Bot        bool    `json:"bot"`
}

type message struct {
	ID        string    `json:"id"`
	ChannelID string    `json:"channel_id"`
	GuildID   string    `json:"guild_id"`
	Content   string    `json:"content"`
	Timestamp time.Time `json:"timestamp"`
	Author    user      `json:"author"`
	Member    struct {
		Roles    []string  `json:"roles"`
		Nick     *string   `json:"nick"`
		JoinedAt time.Time `json:"joined_at"`
	} `json:"member"`
	Mentions    []user `json:"mentions"`
	Attachments []struct {
		ID       string `json:"id"`
		Filename string `json:"filename"`
		URL      string `json:"url"`
		Size     int    `json:"size"`
	} `json:"attachments"`
	Embeds []json.RawMessage `json:"embeds"`
}
