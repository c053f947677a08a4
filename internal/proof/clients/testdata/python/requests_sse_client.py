"""requests-sse, which connects again by itself."""

import sys

from requests_sse import EventSource
from shown import show

with EventSource(sys.argv[1], timeout=30) as source:
    for event in source:
        show(event.last_event_id, event.type, event.data)
