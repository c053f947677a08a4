"""aiohttp-sse-client. A connection that breaks is an error, after which the program connects again."""

import asyncio
import sys

import aiohttp
from aiohttp_sse_client import client
from shown import resume, show


async def main():
    last = ""
    while True:
        try:
            async with client.EventSource(sys.argv[1], headers=resume(last)) as source:
                async for event in source:
                    last = event.last_event_id or last
                    show(event.last_event_id, event.type, event.data)
        except (aiohttp.ClientError, OSError) as problem:
            print(problem, file=sys.stderr)
        await asyncio.sleep(1)


asyncio.run(main())
