"""Subscribes to letters, subscribes again, unsubscribes, and prints what comes.

    pip install websockets
    python letters.py [ws://localhost:8765/letters]
"""

import asyncio
import json
import sys

from websockets.asyncio.client import connect

REFUSAL = "You need to subscribe before un-subscribing"


class Wrong(Exception):
    """The server did not do what it should."""


def check(condition, why):
    if not condition:
        raise Wrong(why)


async def ask(websocket, action, letter):
    await websocket.send(json.dumps({"action": action, "letter": letter}))


async def update(websocket, letter):
    """The next message, which must be an update of this letter."""
    message = json.loads(await asyncio.wait_for(websocket.recv(), timeout=10))
    check(list(message) == [letter], f"an update of {letter} was expected, not {message}")
    check(message[letter] in range(1000, 10_000), message)
    print(f"Letter {letter} updated with number {message[letter]}.", flush=True)


async def refusal(websocket, letter):
    """The next message that is no update, which must be the refusal to unsubscribe from this letter."""
    while True:
        message = json.loads(await asyncio.wait_for(websocket.recv(), timeout=10))
        if not isinstance(message.get(letter), int):
            break
    check(message == {letter: REFUSAL}, message)
    print(f"Letter {letter}: {message[letter]}", flush=True)


async def main(url):
    async with connect(url) as websocket:
        await ask(websocket, "unsubscribe", "a")
        await refusal(websocket, "A")

        await ask(websocket, "subscribe", "a")
        await update(websocket, "A")  # at once
        await ask(websocket, "subscribe", "A")
        await update(websocket, "A")  # at once, again
        await update(websocket, "A")  # when the number changes
        await update(websocket, "A")

        await ask(websocket, "unsubscribe", "A")
        await ask(websocket, "unsubscribe", "A")
        await refusal(websocket, "A")  # the first one was carried out without a word

        await ask(websocket, "subscribe", "B")
        for _ in range(3):
            await update(websocket, "B")  # and nothing of A


if __name__ == "__main__":
    url = sys.argv[1] if len(sys.argv) > 1 else "ws://localhost:8765/letters"
    try:
        asyncio.run(main(url))
    except (Wrong, TimeoutError) as wrong:
        sys.exit(f"wrong: {wrong}")
