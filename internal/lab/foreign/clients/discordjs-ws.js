const { REST } = require('@discordjs/rest');
const { CompressionMethod, WebSocketManager, WebSocketShardEvents, version } = require('@discordjs/ws');
const { tell, api, token, compression } = require('./tell.js');

tell({ event: 'library', version });
const manager = new WebSocketManager({
  token,
  intents: (1 << 0) | (1 << 1) | (1 << 9) | (1 << 15), // guilds, members, messages, their content
  rest: new REST({ api }).setToken(token),
  compression: compression === 'zlib-stream' ? CompressionMethod.ZlibNative : null,
});
const counts = new Map();
manager.on(WebSocketShardEvents.Ready, (data, shard) => tell({ event: 'ready', shard }));
manager.on(WebSocketShardEvents.Dispatch, async ({ t: type, d }, shard) => {
  if (type === 'MESSAGE_CREATE') {
    tell({ event: 'message', content: d.content, author: d.author.username, guild: d.guild_id });
    if (d.content === '!members') await manager.send(shard, { op: 8, d: { guild_id: d.guild_id, query: '', limit: 0 } });
  }
  if (type === 'GUILD_MEMBERS_CHUNK') {
    const count = (counts.get(d.guild_id) ?? 0) + d.members.length;
    counts.set(d.guild_id, count);
    if (d.chunk_index === d.chunk_count - 1) tell({ event: 'members', guild: d.guild_id, count });
  }
});
manager.on(WebSocketShardEvents.Error, (error) => console.error(error));
manager.connect();
