const { Client, Events, GatewayIntentBits, version } = require('discord.js');
const { tell, needs, api, token, compression } = require('./tell.js');

tell({ event: 'library', version });
if (compression === 'zlib-stream') needs('zlib-sync'); // then it compresses, and else it does not
const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMembers, GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent],
  shards: 'auto',
  rest: { api },
});
client.on(Events.ShardReady, (shard) => tell({ event: 'ready', shard }));
client.on(Events.MessageCreate, async (message) => {
  tell({ event: 'message', content: message.content, author: message.author.username, guild: message.guildId });
  if (message.content === '!members') {
    const members = await message.guild.members.fetch();
    tell({ event: 'members', guild: message.guildId, count: members.size });
  }
});
client.on(Events.Error, (error) => console.error(error));
client.login(token);
