import json
import os
import sys
import threading

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route


def tell(**line):
    print(json.dumps(line), flush=True)


def end_with_stdin():
    sys.stdin.read()
    os._exit(0)


class Bot(discord.AutoShardedClient):
    async def on_shard_ready(self, shard):
        tell(event="ready", shard=shard)

    async def on_message(self, message):
        tell(event="message", content=message.content, author=message.author.name, guild=str(message.guild.id))
        if message.content == "!members":
            members = await message.guild.chunk()
            tell(event="members", guild=str(message.guild.id), count=len(members))


threading.Thread(target=end_with_stdin, daemon=True).start()
tell(event="library", version=discord.__version__)
Route.BASE = os.environ["DISCORD_API"] + "/v10"
DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_GATEWAY"])  # where it goes after op 9 false
intents = discord.Intents(guilds=True, members=True, guild_messages=True, message_content=True)
# What it asks for at the start cannot be asked for again for 30 s.
Bot(intents=intents, chunk_guilds_at_startup=False).run(os.environ["DISCORD_TOKEN"])
