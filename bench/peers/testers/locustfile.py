"""Echo over WebSocket with locust: it has no WebSocket client of its own, so this is what its users write."""

import os
import time

import websocket
from locust import User, task
from locust.exception import StopUser

URL, MESSAGE, COUNT = os.environ["BENCH_URL"], os.environ["BENCH_MESSAGE"], int(os.environ["BENCH_COUNT"])
CONNECTIONS = int(os.environ["BENCH_CONNECTIONS"])
left = CONNECTIONS


class Client(User):
    def on_start(self):
        self.socket = websocket.create_connection(URL)
        self.sent = 0

    def on_stop(self):
        self.socket.close()

    @task
    def echo(self):
        global left
        if self.sent == COUNT:
            left -= 1
            if left == 0:
                self.environment.runner.quit()
            raise StopUser()
        self.sent += 1
        start = time.perf_counter()
        self.socket.send(MESSAGE)
        answer = self.socket.recv()
        self.environment.events.request.fire(
            request_type="WebSocket", name="echo", response_time=(time.perf_counter() - start) * 1000, response_length=len(answer),
            exception=None if answer == MESSAGE else ValueError("the answer is not the message"), context={})
