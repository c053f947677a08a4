"""launchdarkly-eventsource, which connects again by itself if it is told not to give up."""

import sys

from ld_eventsource import SSEClient
from ld_eventsource.config import ErrorStrategy
from shown import show

client = SSEClient(sys.argv[1], error_strategy=ErrorStrategy.always_continue())
for event in client.events:
    show(event.last_event_id, event.event, event.data)
