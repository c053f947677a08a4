"""sseclient, which connects again by itself, but ends when it is refused once."""

import sys
import time

import requests
from shown import show
from sseclient import SSEClient

last = None
while True:
    try:
        for message in SSEClient(sys.argv[1], last_id=last):
            last = message.id or last
            show(message.id, message.event, message.data)
    except requests.RequestException as problem:
        print(problem, file=sys.stderr)
    time.sleep(1)
