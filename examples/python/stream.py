"""Has a sentence streamed character by character, there and back, and prints what comes.

    pip install websockets
    python stream.py [ws://localhost:8765/stream]
"""

import asyncio
import json
import sys

from websockets.asyncio.client import connect

TEXT = "The quick brown fox jumped over the lazy dog o"


async def main(url):
    there, back, count = [], [], None
    async with connect(url) as websocket:
        await websocket.send(json.dumps({"message": TEXT}))
        while count is None:
            item = json.loads(await asyncio.wait_for(websocket.recv(), timeout=10))
            if item["type"] == "stream":
                there.append(item["data"])
                print(f"Streamed echo: {item['data']}", flush=True)
            elif item["type"] == "stream_reverse":
                back.append(item["data"])
                print(f"Streamed reverse echo: {item['data']}", flush=True)
            elif item["type"] == "count":
                count = item["count"]
                print(f"Last char '{item['last_char']}' count: {count}")
            else:
                print(f"unexpected: {item}", file=sys.stderr)
                return False
    return there == list(TEXT) and back == list(reversed(TEXT)) and count == TEXT[:-1].count(TEXT[-1])


if __name__ == "__main__":
    url = sys.argv[1] if len(sys.argv) > 1 else "ws://localhost:8765/stream"
    sys.exit(0 if asyncio.run(main(url)) else 1)
