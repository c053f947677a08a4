"""What is posted to /pub comes out at /sub, as the documentation of Flask streams."""
import queue

from flask import Flask, Response, request

app = Flask(__name__)
listening = []


@app.post("/pub")
def publish():
    data = request.get_data(as_text=True)
    for events in list(listening):
        events.put(data)
    return "", 202


@app.get("/sub")
def subscribe():
    events = queue.Queue()
    listening.append(events)

    def stream():
        yield ": welcome\n\n"
        try:
            while True:
                yield f"data: {events.get()}\n\n"
        finally:
            listening.remove(events)

    return Response(stream(), mimetype="text/event-stream")
