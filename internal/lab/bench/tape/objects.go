package tape

import (
	"fmt"
	"strconv"
)

type guild struct {
	id       uint64
	channels []uint64
	voice    []uint64
	roles    []uint64
	members  []member
}

type member struct {
	user  []byte // JSON of the user object
	id    uint64
	roles []byte // JSON array of role ids
}

func (g *generator) user(id uint64) []byte {
	name := words[g.r.IntN(16)] + strconv.Itoa(g.r.IntN(100000))
	global := "null"
	if g.chance(60) {
		global = `"` + g.text(1, 2) + `"`
	}
	avatar := "null"
	if g.chance(80) {
		avatar = `"` + g.hash() + `"`
	}
	return fmt.Appendf(nil, `{"username":"%s","public_flags":%d,"id":"%d","global_name":%s,"discriminator":"0","bot":%v,"avatar_decoration_data":null,"avatar":%s}`, name, g.r.IntN(4)*64, id, global, g.chance(3), avatar)
}

func (g *generator) memberBody(b []byte, m *member, withUser bool) []byte {
	nick := "null"
	if g.chance(20) {
		nick = `"` + g.text(1, 2) + `"`
	}
	b = append(b, '{')
	if withUser {
		b = append(b, `"user":`...)
		b = append(b, m.user...)
		b = append(b, ',')
	}
	return fmt.Appendf(b, `"roles":%s,"premium_since":null,"pending":false,"nick":%s,"mute":false,"joined_at":"%s","flags":0,"deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null}`, m.roles, nick, g.ts())
}

func (g *generator) newGuild() *guild {
	gd := &guild{id: g.id()}
	for range 12 + g.r.IntN(60) {
		gd.roles = append(gd.roles, g.id())
	}
	for range 15 + g.r.IntN(90) {
		gd.channels = append(gd.channels, g.id())
	}
	for range 3 + g.r.IntN(12) {
		gd.voice = append(gd.voice, g.id())
	}
	members := 60 + g.r.IntN(760)
	if g.small {
		gd.roles, gd.channels, members = gd.roles[:4], gd.channels[:6], 10
	}
	for range members {
		gd.members = append(gd.members, g.newMember(gd))
	}
	return gd
}

func (g *generator) newMember(gd *guild) member {
	m := member{id: g.id()}
	m.user = g.user(m.id)
	m.roles = append(m.roles, '[')
	for i := range g.r.IntN(7) {
		if i > 0 {
			m.roles = append(m.roles, ',')
		}
		m.roles = fmt.Appendf(m.roles, `"%d"`, gd.roles[g.r.IntN(len(gd.roles))])
	}
	m.roles = append(m.roles, ']')
	return m
}

func list[T any](b []byte, xs []T, f func([]byte, int, T) []byte) []byte {
	b = append(b, '[')
	for i, x := range xs {
		if i > 0 {
			b = append(b, ',')
		}
		b = f(b, i, x)
	}
	return append(b, ']')
}

func (g *generator) presence(b []byte, gd *guild, m *member, withGuild bool) []byte {
	st := statuses[g.r.IntN(len(statuses))]
	b = fmt.Appendf(b, `{"user":{"id":"%d"},"status":"%s"`, m.id, st)
	if withGuild {
		b = fmt.Appendf(b, `,"guild_id":"%d"`, gd.id)
	}
	switch {
	case st == "offline":
		b = append(b, `,"client_status":{}`...)
	case g.chance(50):
		b = fmt.Appendf(b, `,"client_status":{"desktop":"%s"}`, st)
	default:
		b = fmt.Appendf(b, `,"client_status":{"mobile":"%s","desktop":"%s"}`, st, st)
	}
	b = append(b, `,"activities":[`...)
	if st != "offline" {
		n := 0
		if g.chance(35) {
			b = fmt.Appendf(b, `{"type":4,"state":"%s","name":"Custom Status","id":"custom","created_at":%d}`, g.text(1, 6), g.now)
			n++
		}
		if g.chance(55) {
			if n > 0 {
				b = append(b, ',')
			}
			game := games[g.r.IntN(len(games))]
			if game == "Spotify" {
				b = fmt.Appendf(b, `{"type":2,"timestamps":{"start":%d,"end":%d},"sync_id":"%s","state":"%s","session_id":"%s","party":{"id":"spotify:%d"},"name":"Spotify","id":"spotify:1","flags":48,"details":"%s","created_at":%d,"assets":{"large_text":"%s","large_image":"spotify:%s"}}`, g.now, g.now+200000, g.hash()[:22], g.text(1, 3), g.hash(), m.id, g.text(2, 5), g.now, g.text(1, 4), g.hash())
			} else {
				b = fmt.Appendf(b, `{"type":0,"timestamps":{"start":%d},"state":"%s","name":"%s","id":"%s","details":"%s","created_at":%d,"assets":{"small_text":"%s","small_image":"%d","large_text":"%s","large_image":"%d"},"application_id":"%d"}`, g.now-3600000, g.text(1, 3), game, g.hash()[:16], g.text(1, 4), g.now, g.text(1, 2), g.id(), g.text(1, 3), g.id(), g.id())
			}
		}
	}
	return append(b, `]}`...)
}

func (g *generator) voiceState(b []byte, gd *guild, m *member, full bool) []byte {
	ch := "null"
	if !full || g.chance(75) {
		ch = fmt.Sprintf(`"%d"`, gd.voice[g.r.IntN(len(gd.voice))])
	}
	b = append(b, '{')
	if full {
		b = append(b, `"member":`...)
		b = g.memberBody(b, m, true)
		b = fmt.Appendf(b, `,"guild_id":"%d",`, gd.id)
	}
	return fmt.Appendf(b, `"user_id":"%d","suppress":false,"session_id":"%s","self_video":false,"self_mute":%v,"self_deaf":%v,"request_to_speak_timestamp":null,"mute":false,"deaf":false,"channel_id":%s}`, m.id, g.hash(), g.chance(30), g.chance(10), ch)
}

func (g *generator) message(b []byte, gd *guild, m *member, edited bool) []byte {
	edit := "null"
	if edited {
		edit = `"` + g.ts() + `"`
	}
	mentions, mentionRoles := "", ""
	if g.chance(15) {
		o := gd.members[g.r.IntN(len(gd.members))]
		mm := g.memberBody(nil, &o, false)
		mentions = string(o.user[:len(o.user)-1]) + `,"member":` + string(mm) + `}`
	}
	if g.chance(4) {
		mentionRoles = fmt.Sprintf(`"%d"`, gd.roles[g.r.IntN(len(gd.roles))])
	}
	attach := ""
	if g.chance(8) {
		a, c := g.id(), gd.channels[0]
		attach = fmt.Sprintf(`{"width":1280,"url":"https://cdn.discordapp.com/attachments/%d/%d/image.png?ex=%s&is=%s&hm=%s%s&","size":%d,"proxy_url":"https://media.discordapp.net/attachments/%d/%d/image.png","placeholder_version":1,"placeholder":"%s","id":"%d","height":720,"filename":"image.png","content_type":"image/png","content_scan_version":1}`, c, a, g.hash()[:8], g.hash()[:8], g.hash(), g.hash(), g.r.IntN(4000000), c, a, g.hash()[:20], a)
	}
	embed := ""
	if g.chance(6) {
		embed = fmt.Sprintf(`{"type":"rich","title":"%s","description":"%s","color":%d,"url":"https://example.com/%d","timestamp":"%s","fields":[{"name":"%s","value":"%s","inline":true},{"name":"%s","value":"%s","inline":false}],"footer":{"text":"%s"}}`, g.text(2, 6), g.text(10, 60), g.r.IntN(1<<24), g.r.IntN(100000), g.ts(), g.text(1, 2), g.text(1, 8), g.text(1, 2), g.text(1, 8), g.text(1, 5))
	}
	b = fmt.Appendf(b, `{"type":0,"tts":false,"timestamp":"%s","pinned":false,"nonce":"%d","mentions":[%s],"mention_roles":[%s],"mention_everyone":false,"member":`, g.ts(), g.id(), mentions, mentionRoles)
	b = g.memberBody(b, m, false)
	return fmt.Appendf(b, `,"id":"%d","flags":0,"embeds":[%s],"edited_timestamp":%s,"content":"%s","components":[],"channel_type":0,"channel_id":"%d","author":%s,"attachments":[%s],"guild_id":"%d"}`, g.id(), embed, edit, g.text(1, 30), gd.channels[g.r.IntN(len(gd.channels))], m.user, attach, gd.id)
}
