# Prints every event of memories, from the first one on: `CRUCIBLE_URL=… KEY=… python3 examples/stream/watch.py`.
# Needs `websockets` (pip install websockets).
import json, os, sys, time
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

address = os.environ.get("CRUCIBLE_URL", "http://127.0.0.1:8080").replace("http", "ws", 1) + "/api/v1/events/stream"
after, code = 0, None
while code != 1008:
    try:
        with connect(address, additional_headers={"Authorization": f"Bearer {os.environ['KEY']}"}) as socket:
            subscribe = {"action": "subscribe", "filters": [{"event_type": "memory.*"}], "after": after}
            socket.send(json.dumps(subscribe))
            for message in map(json.loads, socket):
                if message["type"] == "event":
                    print(message["event"]["position"], message["event"]["type"], flush=True)
                if message["type"] == "error":
                    print(message["code"], message["message"], file=sys.stderr)
                after = message.get("event", message).get("position", after)
    except (ConnectionClosed, OSError) as error:
        code = error.rcvd.code if isinstance(error, ConnectionClosed) and error.rcvd else None
    time.sleep(1)
