"""A client as those of the Python system are written: requests to register and to send, sseclient-py to listen.

It registers with the main server, listens to the subscriber server that it was assigned, sends emojis one request
each, and ends when it has seen as many as it was told to expect, and each kind that it sent. It prints what happens
as JSON lines, each with the seconds since the start:

    {"at": 0.012, "what": "registered", "server_name": "sub1", ...}
    {"at": 0.020, "what": "listening", "server_url": "http://127.0.0.1:5001/sub1"}
    {"at": 0.031, "what": "sent", "emoji": "🔥", ...}
    {"at": 2.150, "what": "saw", "emoji": "🔥"}
    {"at": 2.161, "what": "unregistered", ...}

The exit code is 0 if all of it went as expected; else it is 1, and the last line says why: {"what": "failed", ...}.
How often an emoji is seen is the scaled count of its window, not how often it was sent.
"""

import argparse
import datetime
import itertools
import json
import queue
import sys
import threading
import time

import requests
import sseclient

START = time.monotonic()


class Unexpected(Exception):
    """Something that a client of the Python system could not have coped with."""


def say(what, **fields):
    """Print one line of what happened."""
    line = {"at": round(time.monotonic() - START, 3), "what": what, **fields}
    print(json.dumps(line, ensure_ascii=False), flush=True)


def answer(response, *fields):
    """Return the JSON object of a response that must be 200 and have the fields."""
    if response.status_code != 200:
        raise Unexpected(f"{response.url}: {response.status_code} {response.text[:200]}")
    body = response.json()
    missing = [field for field in fields if not body.get(field)]
    if missing:
        raise Unexpected(f"{response.url}: no {missing} in {body}")
    return body


def listen(url, events):
    """Put what the stream brings into a queue: None once it is open, then emojis, or the exception that ended it."""
    try:
        response = requests.get(url, stream=True, timeout=(5, None))
        content_type = response.headers.get("Content-Type", "")
        if response.status_code != 200 or not content_type.startswith("text/event-stream"):
            raise Unexpected(f"{url}: {response.status_code} {content_type!r}")
        events.put(None)
        for event in sseclient.SSEClient(response).events():
            events.put(json.loads(event.data))
        raise Unexpected(f"{url}: the stream ended")
    except Exception as problem:  # handed to the main thread, which ends the program
        events.put(problem)


def wait(events, until, purpose):
    """Return the next thing from the listening thread; what ended it is raised here."""
    try:
        got = events.get(timeout=max(0.0, until - time.monotonic()))
    except queue.Empty:
        raise Unexpected(f"timed out: {purpose}") from None
    if isinstance(got, Exception):
        raise got
    return got


def run(args):
    """Do what the module's comment says."""
    until = START + args.timeout
    joined = answer(requests.get(f"{args.server}/register", timeout=5), "server_url", "server_name", "message")
    say("registered", **joined)

    events = queue.Queue()
    threading.Thread(target=listen, args=(joined["server_url"], events), daemon=True).start()
    wait(events, until, "the stream does not open")
    say("listening", server_url=joined["server_url"])

    for emoji in itertools.islice(itertools.cycle(args.emoji), args.count):
        reaction = {
            "user_id": args.user_id,
            "emoji_type": emoji,
            "timestamp": datetime.datetime.now().isoformat(),
        }
        sent = answer(requests.post(f"{args.server}/send_emoji", json=reaction, timeout=5), "status")
        if sent["status"] != "Message queued":
            raise Unexpected(f"send_emoji answered {sent}")
        say("sent", emoji=emoji, **sent)

    seen, unseen = 0, set(args.emoji[: args.count])
    while seen < args.expect or unseen:
        emoji = wait(events, until, f"saw {seen} of {args.expect}, and not {sorted(unseen)}")
        if not isinstance(emoji, str):
            raise Unexpected(f"an event is not an emoji: {emoji!r}")
        say("saw", emoji=emoji)
        seen += 1
        unseen.discard(emoji)

    left = requests.post(f"{args.server}/unregister", json={"server": joined["server_name"]}, timeout=5)
    say("unregistered", **answer(left))


def main():
    """Parse the flags, run, and turn what went wrong into the exit code."""
    parser = argparse.ArgumentParser(description="A client as those of the Python system are written.")
    parser.add_argument("--server", default="http://localhost:5000", help="the main server")
    parser.add_argument("--emoji", action="append", help="an emoji to send; may be repeated (default 🔥)")
    parser.add_argument("--count", type=int, default=10, help="how many to send, the kinds in turn")
    parser.add_argument("--expect", type=int, default=1, help="how many to see before the end")
    parser.add_argument("--timeout", type=float, default=30, help="seconds for all of it")
    parser.add_argument("--user-id", default="python-client")
    args = parser.parse_args()
    args.emoji = args.emoji or ["🔥"]
    sys.stdout.reconfigure(encoding="utf-8")
    try:
        run(args)
    except (Unexpected, requests.RequestException, ValueError) as problem:
        say("failed", error=str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
