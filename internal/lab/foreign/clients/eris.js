const https = require('node:https');
const Eris = require('eris');
const { tell, needs, api, token, compression } = require('./tell.js');

tell({ event: 'library', version: Eris.VERSION });
if (compression === 'zlib-stream') needs('zlib-sync');
const { hostname, port } = new URL(api); // its REST client speaks HTTPS on port 443 alone, and asks the agent
const bot = new Eris(`Bot ${token}`, {
  intents: ['guilds', 'guildMembers', 'guildMessages', 'messageContent'],
  maxShards: 'auto',
  compress: compression === 'zlib-stream',
  rest: { domain: hostname, agent: new https.Agent({ port }) },
});
bot.on('shardReady', (shard) => tell({ event: 'ready', shard }));
bot.on('messageCreate', async (message) => {
  tell({ event: 'message', content: message.content, author: message.author.username, guild: message.guildID });
  if (message.content === '!members') {
    const members = await message.channel.guild.fetchMembers();
    tell({ event: 'members', guild: message.guildID, count: members.length });
  }
});
bot.on('error', (error) => console.error(error));
bot.connect();
