"""wstest, but its fuzzing server listens on 127.0.0.1 only (Python 2.7, run inside the test-suite's virtualenv).

The suite hands its server a port and no address, and would listen on every interface of the machine.
"""

from autobahntestsuite import choosereactor  # noqa: F401  (must come before anything that imports the reactor)
from autobahntestsuite import fuzzing, wstest


def listen_on_loopback(factory, context_factory=None):
    return listen(factory, context_factory, interface="127.0.0.1")


listen = fuzzing.listenWS
fuzzing.listenWS = listen_on_loopback
wstest.run()
