"""aiosseclient. It ends with the connection, so the program connects again."""

import asyncio
import sys

import aiohttp
from aiosseclient import aiosseclient
from shown import show


async def main():
    last = None
    while True:
        try:
            async for event in aiosseclient(sys.argv[1], last_id=last):
                last = event.id or last
                show(event.id, event.event, event.data)
        except (aiohttp.ClientError, OSError) as problem:
            print(problem, file=sys.stderr)
        await asyncio.sleep(1)


asyncio.run(main())
