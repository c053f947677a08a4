"""What the clients here have in common: they print each event as a line of JSON."""

import json


def show(id, event, data):
    """Print one event."""
    print(json.dumps({"id": id, "event": event, "data": data}), flush=True)


def resume(last):
    """Return the headers of a request that goes on after the event with the id last."""
    return {"Last-Event-ID": last} if last else {}
