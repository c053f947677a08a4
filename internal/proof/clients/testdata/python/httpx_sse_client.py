"""httpx-sse. Its README leaves connecting again to the program."""

import sys
import time

import httpx
from httpx_sse import connect_sse
from shown import resume, show

last = ""
while True:
    try:
        # By default, httpx gives up after five seconds of silence.
        with httpx.Client(timeout=httpx.Timeout(5, read=30)) as client:
            with connect_sse(client, "GET", sys.argv[1], headers=resume(last)) as source:
                source.response.raise_for_status()
                for sse in source.iter_sse():
                    last = sse.id or last
                    show(sse.id, sse.event, sse.data)
    except httpx.HTTPError as problem:
        print(problem, file=sys.stderr)
    time.sleep(1)
