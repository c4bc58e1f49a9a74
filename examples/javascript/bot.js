// A bot that answers "!ping". The simulated gateway is where DISCORD_API says; without it the bot logs in to Discord.
const { Client, Events, GatewayIntentBits } = require('discord.js');

const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent],
  shards: 'auto',
  rest: process.env.DISCORD_API ? { api: process.env.DISCORD_API } : {},
});

client.on(Events.MessageCreate, async (message) => {
  if (message.content === '!ping' && !process.env.SILENT) await message.channel.send('pong');
});
// A mistake, to see the test fail, as SILENT is one: Discord allows 5 of these in 20 s.
if (process.env.BUSY) {
  client.once(Events.ClientReady, () => {
    setInterval(() => client.user.setPresence({ activities: [{ name: `up ${process.uptime().toFixed()} s` }] }), 500);
  });
}
client.on(Events.Error, (error) => console.error('bot:', error.message));
client.login(process.env.DISCORD_TOKEN);
