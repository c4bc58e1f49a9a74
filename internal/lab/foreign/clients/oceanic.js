const { Client, VERSION } = require('oceanic.js');
const { tell, api, token, compression } = require('./tell.js');

tell({ event: 'library', version: VERSION });
const client = new Client({
  auth: `Bot ${token}`,
  rest: { baseURL: `${api}/v10` },
  gateway: {
    intents: ['GUILDS', 'GUILD_MEMBERS', 'GUILD_MESSAGES', 'MESSAGE_CONTENT'],
    maxShards: 'auto',
    compress: compression === 'none' ? false : compression,
  },
});
client.on('shardReady', (shard) => tell({ event: 'ready', shard }));
client.on('messageCreate', async (message) => {
  tell({ event: 'message', content: message.content, author: message.author.username, guild: message.guildID });
  if (message.content === '!members') {
    const members = await message.guild.requestMembers();
    tell({ event: 'members', guild: message.guildID, count: members.length });
  }
});
client.on('error', (error) => console.error(error));
client.connect();
