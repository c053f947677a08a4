"""sseclient-py on requests."""

import sys
import time

import requests
import sseclient
from shown import resume, show

last = ""
while True:
    try:
        headers = {"Accept": "text/event-stream", **resume(last)}
        with requests.get(sys.argv[1], stream=True, headers=headers) as response:
            response.raise_for_status()
            for event in sseclient.SSEClient(response).events():
                last = event.id or last
                show(event.id, event.event, event.data)
    except requests.RequestException as problem:
        print(problem, file=sys.stderr)
    time.sleep(1)
