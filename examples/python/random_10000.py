"""Sends 10,000 plain messages, and counts the answers: message, space, number from 1 to 100.

    pip install websockets
    python random_10000.py [ws://localhost:8765]
"""

import asyncio
import re
import sys

from websockets.asyncio.client import connect

COUNT = 10_000


async def send_all(websocket):
    for number in range(COUNT):
        await websocket.send(f"message {number}")


async def receive_all(websocket):
    right = 0
    for number in range(COUNT):
        answer = await asyncio.wait_for(websocket.recv(), timeout=10)
        match = re.fullmatch(rf"message {number} ([1-9][0-9]?|100)", answer)
        if match is None:
            print(f"answer {number} is wrong: {answer!r}", file=sys.stderr)
        else:
            right += 1
    return right


async def main(url):
    async with connect(url) as websocket:
        # Sending does not wait for answers: both directions run at once.
        _, right = await asyncio.gather(send_all(websocket), receive_all(websocket))
    print(f"{COUNT} sent, {right} answered, {COUNT - right} lost")
    return right == COUNT


if __name__ == "__main__":
    url = sys.argv[1] if len(sys.argv) > 1 else "ws://localhost:8765"
    sys.exit(0 if asyncio.run(main(url)) else 1)
