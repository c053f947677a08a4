"""Streaming Requests, as the documentation of requests has it: iter_lines, decoded."""

import sys
import time

import requests
from shown import resume, show

last = ""
while True:
    try:
        with requests.get(sys.argv[1], stream=True, headers=resume(last)) as response:
            response.raise_for_status()
            event = {}
            for line in response.iter_lines(decode_unicode=True):
                if line:
                    field, _, value = line.partition(": ")
                    event[field] = value
                    continue
                last = event.get("id", last)
                show(event.get("id", ""), event.get("event", ""), event.get("data", ""))
                event = {}
    except requests.RequestException as problem:
        print(problem, file=sys.stderr)
    time.sleep(1)
